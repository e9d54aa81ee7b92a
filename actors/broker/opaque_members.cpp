#include "actors/broker/opaque_members.hpp"

namespace penstock {

std::optional<std::string> given_text(capnp::Text::Reader text) {
  return text.size() > 0 ? std::optional{std::string{view(text)}} : std::nullopt;
}

member_join join_of(wire::OpaqueJoin::Reader in) {
  member_join request;
  request.member_id = std::string{view(in.getMember())};
  request.instance_id = given_text(in.getInstance());
  request.client_id = std::string{view(in.getClient())};
  request.client_host = std::string{view(in.getHost())};
  request.protocol_type = std::string{view(in.getProtocolType())};
  request.session_timeout = duration{in.getSessionTimeoutMs()};
  request.rebalance_timeout = duration{in.getRebalanceTimeoutMs()};
  request.require_known_id = in.getRequireKnownId();
  request.skip_assignment = in.getSkipAssignment();
  for (auto each : in.getProtocols())
    request.protocols.push_back(
        {std::string{view(each.getName())}, bytes{view(each.getMetadata())}});
  return request;
}

member_sync sync_of(wire::OpaqueSync::Reader in) {
  member_sync request;
  request.member_id = std::string{view(in.getMember())};
  request.instance_id = given_text(in.getInstance());
  request.generation = in.getGeneration();
  request.protocol_type = given_text(in.getProtocolType());
  request.protocol = given_text(in.getProtocol());
  for (auto each : in.getAssignments())
    request.assignments[std::string{view(each.getMember())}] = bytes{view(each.getContent())};
  return request;
}

member_leave leave_of(wire::OpaqueLeave::Reader in) {
  member_leave request;
  for (auto each : in.getMembers())
    request.members.push_back(
        {std::string{view(each.getMember())}, given_text(each.getInstance())});
  return request;
}

opaque_joined to_opaque(const member_joined& from) {
  std::size_t size = from.why.message().size() + 256;
  for (const auto& each : from.members) size += each.metadata.size() + 256;
  return opaque_joined::make(size, [&](wire::OpaqueJoined::Builder out) {
    if (from.why) set_failure(out.initFailure(), from.why);
    out.setMember(text_of(from.member_id));
    out.setGeneration(from.generation);
    out.setLeader(text_of(from.leader));
    out.setProtocolType(text_of(from.protocol_type));
    out.setProtocol(text_of(from.protocol));
    out.setSkipAssignment(from.skip_assignment);
    auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
    for (unsigned i = 0; i < from.members.size(); ++i) {
      list[i].setId(text_of(from.members[i].member_id));
      if (from.members[i].instance_id) list[i].setInstance(text_of(*from.members[i].instance_id));
      list[i].setMetadata(data_of(from.members[i].metadata));
    }
  });
}

opaque_synced to_opaque(const member_synced& from) {
  if (from.why) return failed<opaque_synced>(from.why);
  return opaque_synced::make(from.assignment.size(), [&](wire::OpaqueSynced::Builder out) {
    out.setProtocolType(text_of(from.protocol_type));
    out.setProtocol(text_of(from.protocol));
    out.setContent(data_of(from.assignment));
  });
}

opaque_left to_opaque(const member_left& from) {
  return opaque_left::make(from.members.size() * 256, [&](wire::OpaqueLeft::Builder out) {
    if (from.why) set_failure(out.initFailure(), from.why);
    auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
    for (unsigned i = 0; i < from.members.size(); ++i) set_failure(list[i], from.members[i].why);
  });
}

opaque_groups to_opaque(const std::vector<group_description>& from) {
  std::size_t size = from.size() * 256;
  for (const auto& each : from)
    for (const auto& member : each.members)
      size += 512 + member.metadata.size() + member.assignment.size();
  return opaque_groups::make(size, [&](wire::OpaqueGroups::Builder out) {
    auto list = out.initGroups(static_cast<unsigned>(from.size()));
    for (unsigned i = 0; i < from.size(); ++i) {
      list[i].setId(text_of(from[i].group));
      list[i].setState(std::string{name_of(from[i].phase)}.c_str());
      list[i].setProtocolType(text_of(from[i].protocol_type));
      list[i].setProtocol(text_of(from[i].protocol));
      const auto& members = from[i].members;
      auto to = list[i].initMembers(static_cast<unsigned>(members.size()));
      for (unsigned m = 0; m < members.size(); ++m) {
        to[m].setId(text_of(members[m].member_id));
        if (members[m].instance_id) to[m].setInstance(text_of(*members[m].instance_id));
        to[m].setClient(text_of(members[m].client_id));
        to[m].setHost(text_of(members[m].client_host));
        to[m].setMetadata(data_of(members[m].metadata));
        to[m].setAssignment(data_of(members[m].assignment));
      }
    }
  });
}

}  // namespace penstock
