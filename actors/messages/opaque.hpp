// The names of what Kafka's clients ask of a node beyond the conversations of messages.hpp, and of
// the node as they see it. Kept apart, so that what does not serve them need not know.
#pragma once

#include <caf/typed_actor.hpp>

#include "actors/messages/messages.hpp"
#include "actors/messages/opaque.capnp.h"

namespace penstock {

using opaque_join = envelope<wire::OpaqueJoin>;
using opaque_joined = envelope<wire::OpaqueJoined>;
using opaque_sync = envelope<wire::OpaqueSync>;
using opaque_synced = envelope<wire::OpaqueSynced>;
using opaque_heartbeat = envelope<wire::OpaqueHeartbeat>;
using opaque_leave = envelope<wire::OpaqueLeave>;
using opaque_left = envelope<wire::OpaqueLeft>;
using opaque_commit = envelope<wire::OpaqueCommit>;
using opaque_fetch_offsets = envelope<wire::OpaqueFetchOffsets>;
using opaque_offsets = envelope<wire::OpaqueOffsets>;
using opaque_describe = envelope<wire::OpaqueDescribe>;
using opaque_groups = envelope<wire::OpaqueGroups>;
using watch_request = envelope<wire::WatchRequest>;

/// What a node serves for them. Every node does: `caf::actor_cast` a `node_actor` to it.
using opaque_members_actor =
    caf::typed_actor<caf::replies_to<opaque_join>::with<opaque_joined>,
                     caf::replies_to<opaque_sync>::with<opaque_synced>,
                     caf::replies_to<opaque_heartbeat>::with<group_reply>,
                     caf::replies_to<opaque_leave>::with<opaque_left>,
                     caf::replies_to<opaque_commit>::with<group_reply>,
                     caf::replies_to<opaque_fetch_offsets>::with<opaque_offsets>,
                     caf::replies_to<opaque_describe>::with<opaque_groups>>;

using watchable_actor = caf::typed_actor<caf::replies_to<watch_request>::with<fetch_reply>>;

}  // namespace penstock
