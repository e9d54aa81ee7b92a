// Requests and replies of members that speak of topics and partitions
// (actors/messages/group.capnp), between messages and the values that a group's state machine takes
// and gives. Used by the coordinator; opaque_members.hpp is the same for members that bring bytes.
#pragma once

#include "actors/messages/messages.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/group.hpp"

namespace penstock {

consumer_subscription read_subscription(wire::Subscription::Reader from);

join_group_reply to_reply(const member_joined& from);
sync_group_reply to_reply(const member_synced& from);
group_reply to_reply(const error& why);

void write_group(wire::Group::Builder out, const group_description& from);

}  // namespace penstock
