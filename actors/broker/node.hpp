// The actor that knows what lives in this process: it routes produce and fetch to partitions, group
// conversations to the coordinator, topic changes to the controller. Clients, tasks and links hold
// this one handle. A link to another node has the same type, so nobody needs to know where a
// partition is.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <string>

#include "actors/messages/messages.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/log/settings.hpp"

namespace penstock {

using node_actor =
    caf::typed_actor<caf::replies_to<append_request>::with<append_reply>,
                     caf::replies_to<init_producer_request>::with<init_producer_reply>,
                     caf::replies_to<open_source_request>::with<open_source_reply>,
                     caf::replies_to<fetch_request>::with<fetch_reply>,
                     caf::replies_to<list_offsets_request>::with<list_offsets_reply>,
                     caf::replies_to<delete_records_request>::with<delete_records_reply>,
                     caf::replies_to<create_topic_request>::with<admin_reply>,
                     caf::replies_to<alter_topic_request>::with<admin_reply>,
                     caf::replies_to<delete_topic_request>::with<admin_reply>,
                     caf::replies_to<register_state_request>::with<admin_reply>,
                     caf::replies_to<topics_request>::with<topics_reply>,
                     caf::replies_to<join_group_request>::with<join_group_reply>,
                     caf::replies_to<sync_group_request>::with<sync_group_reply>,
                     caf::replies_to<heartbeat_request>::with<group_reply>,
                     caf::replies_to<leave_group_request>::with<group_reply>,
                     caf::replies_to<commit_offsets_request>::with<group_reply>,
                     caf::replies_to<fetch_offsets_request>::with<fetch_offsets_reply>,
                     caf::replies_to<list_groups_request>::with<list_groups_reply>,
                     caf::replies_to<describe_group_request>::with<describe_group_reply>,
                     caf::replies_to<delete_group_request>::with<group_reply>,
                     caf::replies_to<close_request>::with<admin_reply>>;

struct node_config {
  std::string directory;                  // locked by the caller for this process
  disk* on = nullptr;                     // outlives the actor system
  const penstock::clock* time = nullptr;  // outlives the actor system
  std::uint64_t seed = 1;                 // for member ids and topic ids
  bool detached_writer = true;            // false under the test coordinator
  std::int32_t default_partitions = 1;
  flush_policy default_flush = flush_policy::batch;
  duration group_initial_delay = 0ms;  // group.initial.rebalance.delay.ms
  duration housekeeping = 30s;
  std::size_t parked_max = 10'000;  // requests that wait while the node starts
};

/// Starts a node with the roles controller and broker on `config.directory`. It takes requests at
/// once and answers them when the metadata log has been read.
node_actor spawn_node(caf::actor_system& system, node_config config);

}  // namespace penstock
