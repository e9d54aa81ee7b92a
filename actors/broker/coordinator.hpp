// The actor that keeps consumer groups: it feeds every group's state machine
// (streams/topic/group.hpp) with requests and time, stores members and offsets in the compacted
// topic `__consumer_offsets` before it says yes, and reads them back when it starts.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>

#include "actors/broker/node.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/opaque.hpp"
#include "actors/messages/transactions.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"
#include "streams/topic/group.hpp"

namespace penstock {

using coordinator_actor =
    caf::typed_actor<caf::replies_to<join_group_request>::with<join_group_reply>,
                     caf::replies_to<sync_group_request>::with<sync_group_reply>,
                     caf::replies_to<heartbeat_request>::with<group_reply>,
                     caf::replies_to<leave_group_request>::with<group_reply>,
                     caf::replies_to<commit_offsets_request>::with<group_reply>,
                     caf::replies_to<fetch_offsets_request>::with<fetch_offsets_reply>,
                     caf::replies_to<list_groups_request>::with<list_groups_reply>,
                     caf::replies_to<describe_group_request>::with<describe_group_reply>,
                     caf::replies_to<delete_group_request>::with<group_reply>,
                     caf::replies_to<topic_changed>::with<group_reply>, caf::reacts_to<tick>,
                     caf::replies_to<commit_in_transaction>::with<group_reply>>::
        extend_with<opaque_members_actor>::extend_with<marked_actor>;

struct coordinator_config {
  node_actor node;  // for the offsets topic
  const penstock::clock* time = nullptr;
  random chance{1};  // member ids
  group_settings groups{.initial_rebalance_delay = 0ms};
  duration offsets_retention = 168h;  // offsets.retention.minutes
  std::size_t groups_max = 100'000;
  std::size_t parked_max = 10'000;  // requests that wait for the offsets topic
};

coordinator_actor spawn_coordinator(caf::actor_system& system, coordinator_config config);

}  // namespace penstock
