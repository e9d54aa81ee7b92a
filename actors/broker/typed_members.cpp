#include "actors/broker/typed_members.hpp"

#include "actors/messages/partitions.hpp"

namespace penstock {

consumer_subscription read_subscription(wire::Subscription::Reader from) {
  consumer_subscription subscription;
  for (auto each : from.getTopics()) subscription.topics.emplace_back(view(each));
  subscription.owned = read_partitions(from.getOwned());
  return subscription;
}

join_group_reply to_reply(const member_joined& from) {
  if (from.why) {
    return join_group_reply::make(from.why.message().size() + from.member_id.size(), [&](auto out) {
      set_failure(out.initFailure(), from.why);
      out.setMember(text_of(from.member_id));
    });
  }
  std::size_t size = 0;
  for (const auto& each : from.members) size += each.metadata.size() * 2 + 256;
  return join_group_reply::make(size, [&](wire::JoinGroupReply::Builder out) {
    out.setGeneration(from.generation);
    out.setMember(text_of(from.member_id));
    out.setLeader(text_of(from.leader));
    out.setAssignor(text_of(from.protocol));
    auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
    for (unsigned i = 0; i < from.members.size(); ++i) {
      list[i].setId(text_of(from.members[i].member_id));
      auto decoded = decode_subscription(from.members[i].metadata);
      if (!decoded) continue;  // a member of another kind of client: nothing is assigned to it
      auto to = list[i].initSubscription();
      auto topics = to.initTopics(static_cast<unsigned>(decoded->topics.size()));
      for (unsigned t = 0; t < decoded->topics.size(); ++t)
        topics.set(t, text_of(decoded->topics[t]));
      auto owned = by_topic(decoded->owned);
      write_partitions(to.initOwned(static_cast<unsigned>(owned.size())), owned);
    }
  });
}

sync_group_reply to_reply(const member_synced& from) {
  if (from.why) return failed<sync_group_reply>(from.why);
  auto decoded = decode_assignment(from.assignment);
  if (!decoded) return failed<sync_group_reply>(decoded.error());
  return sync_group_reply::make(from.assignment.size() * 2, [&](auto out) {
    auto sorted = by_topic(decoded->partitions);
    write_partitions(out.initPartitions(static_cast<unsigned>(sorted.size())), sorted);
  });
}

group_reply to_reply(const error& why) {
  return why ? failed<group_reply>(why) : group_reply{};
}

void write_group(wire::Group::Builder out, const group_description& from) {
  out.setId(text_of(from.group));
  out.setState(std::string{name_of(from.phase)}.c_str());
  out.setGeneration(from.generation);
  out.setAssignor(text_of(from.protocol));
  auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
  for (unsigned i = 0; i < from.members.size(); ++i) {
    const auto& member = from.members[i];
    list[i].setId(text_of(member.member_id));
    if (member.instance_id) list[i].setInstance(text_of(*member.instance_id));
    list[i].setClient(text_of(member.client_id));
    if (auto decoded = decode_assignment(member.assignment)) {
      auto sorted = by_topic(decoded->partitions);
      write_partitions(list[i].initPartitions(static_cast<unsigned>(sorted.size())), sorted);
    }
  }
}

}  // namespace penstock
