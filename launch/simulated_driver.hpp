// The client's side of a simulation: an actor that makes the input topics, sends every record until
// it is acknowledged, and asks the job how it is. What it knows lives outside of the actor, because
// a producer survives the crash of the node that it writes to.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/processor/job.hpp"
#include "streams/base/error.hpp"
#include "streams/base/random.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/record.hpp"

namespace penstock {

using simulated_driver = caf::typed_actor<caf::reacts_to<tick>>;

/// What one partition is to get, and how far that is.
struct simulated_lane {
  topic_partition to;
  std::vector<record> records;
  std::size_t next = 0;   // first record that is in no batch yet
  std::size_t acked = 0;  // records that will never be lost
  bytes batch;            // sent and not acknowledged: sent again as it is
  std::size_t batch_records = 0;
  std::int32_t sequence = 0;
};

/// A topic that is made before the job comes to it.
struct simulated_topic {
  std::int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> settings;
};

struct simulated_client {
  explicit simulated_client(random r) : chance(r) {}

  random chance;
  std::map<std::string, simulated_topic> topics;
  std::vector<simulated_lane> lanes;
  bool topics_made = false;
  std::int64_t producer_id = no_producer_id;
  std::int16_t producer_epoch = no_producer_epoch;

  /// What the job said last, in this life of the node.
  std::string job_state;
  error job_failure;
  bool node_closed = false;

  bool all_acknowledged() const;
};

/// Starts the driver for one life of the node. `client` outlives it. Orders the job to end when all
/// records are acknowledged; closes the node after the job has ended when `close` says so.
simulated_driver spawn_simulated_driver(caf::actor_system& system, node_actor node, job_actor job,
                                        simulated_client& client, bool close);

}  // namespace penstock
