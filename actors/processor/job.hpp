// The actor of one topology at work: it makes the topics that are missing, refuses what does not
// fit, starts a task per sub-topology and partition and an actor per connector, keeps them going,
// and ends them: on request, or by itself when the input of this moment is used up. Started by
// `launch/` or the simulation.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/connect/connector.hpp"
#include "actors/messages/messages.hpp"
#include "actors/processor/task.hpp"

namespace penstock {

using job_actor = caf::typed_actor<caf::reacts_to<task_changed>, caf::reacts_to<connector_changed>,
                                   caf::replies_to<job_request>::with<job_reply>,
                                   caf::reacts_to<job_order>, caf::reacts_to<tick>>;

struct job_config {
  std::shared_ptr<const plan> topology;  // without problems
  node_actor node;
  const penstock::clock* time = nullptr;  // outlives the actor system
  processing_settings settings;
  bool until_end = false;               // end when the input of the start is used up
  bool close_windows = false;           // with until_end: event time jumps past everything first
  bool reset = false;                   // forget state, internal topics and offsets first
  std::vector<std::string> drop_steps;  // steps whose stored state is given up
  bool restart_killed = false;          // start a killed task again; otherwise the job fails
  std::function<void(std::string_view)> print;  // lines of `print` steps; any thread
  disk* files = nullptr;  // for connectors, outlives the actor system; null: none are started
  bool detached_connectors = true;  // false under the test coordinator
  /// What starts a connector; the simulation has servers of its own behind some.
  std::function<connector_actor(caf::actor_system&, connector_config)> connect = spawn_connector;
};

job_actor spawn_job(caf::actor_system& system, job_config config);

}  // namespace penstock
