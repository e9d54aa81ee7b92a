// The actors between topics and the world: a source connector fills the topic of its step from
// files, streams or sockets, a sink connector empties one. The job starts them, orders them to end
// and hears from them. A job that is started again goes on where they had come, because what they
// have done is remembered in topics: checkpoints of sources, offsets of sinks in the job's group.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <memory>

#include "actors/broker/node.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/file_tree.hpp"
#include "streams/base/time.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

using connector_actor = caf::typed_actor<caf::reacts_to<connector_order>, caf::reacts_to<tick>>;

/// Whoever wants to hear from connectors.
using connector_listener = caf::typed_actor<caf::reacts_to<connector_changed>>;

struct connector_config {
  std::shared_ptr<const plan> topology;  // without problems
  plan_connector what;                   // one of the plan's
  std::int32_t partitions = 1;           // of the connector's topic
  node_actor node;
  connector_listener job;
  const penstock::clock* time = nullptr;  // outlives the actor system
  disk* files = nullptr;                  // where paths lead to; outlives the actor system
  file_tree* logs = &machine_files();     // where `tail` looks; outlives the actor system
  bool detached = true;                   // a thread of its own, because files may make it wait
  duration request_timeout = 30s;
  duration retry_after = 50ms;
};

connector_actor spawn_connector(caf::actor_system& system, connector_config config);

}  // namespace penstock
