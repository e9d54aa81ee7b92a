// Requests and replies of members that bring opaque bytes (actors/messages/opaque.capnp), between
// messages and the values that a group's state machine takes and gives. Used by the coordinator.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/messages/opaque.hpp"
#include "streams/topic/group.hpp"

namespace penstock {

/// A text that may be missing, which is sent as an empty one.
std::optional<std::string> given_text(capnp::Text::Reader text);

// Requests without a token: the coordinator gives them one.
member_join join_of(wire::OpaqueJoin::Reader in);
member_sync sync_of(wire::OpaqueSync::Reader in);
member_leave leave_of(wire::OpaqueLeave::Reader in);

opaque_joined to_opaque(const member_joined& from);
opaque_synced to_opaque(const member_synced& from);
opaque_left to_opaque(const member_left& from);
opaque_groups to_opaque(const std::vector<group_description>& from);

}  // namespace penstock
