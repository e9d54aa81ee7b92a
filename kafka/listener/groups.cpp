// Join, sync, heartbeat, leave; list, describe and delete groups. The group's rules are those of
// streams/topic/group.hpp, behind the coordinator; here only forms are changed.
#include <algorithm>

#include "actors/client/produce_queue.hpp"
#include "kafka/listener/session.hpp"

namespace penstock::kafka {

namespace {

constexpr std::int32_t group_operations = 0x148;  // read, delete, describe

// While the groups are being read clients look for the coordinator again.
std::int16_t group_code(const error& why) {
  if (why && is_retriable(why.code()) && why.code() != errc::rebalance_in_progress &&
      why.code() != errc::not_coordinator)
    return number(error_code::coordinator_not_available);
  return number_of(why);
}

constexpr std::size_t ids_spare = 256;

}  // namespace

void serve(session& with, exchange_ptr<join_group_request> x) {
  const auto& in = x->in;
  const auto refuse = [&](error_code code) {
    join_group_response out;
    out.error_code = number(code);
    out.member_id = in.member_id;
    if (x->version() < 7) out.protocol_name = "";
    x->answer(out);
  };
  const auto& limits = with.settings().groups;
  if (in.group_id.empty()) return refuse(error_code::invalid_group_id);
  if (duration{in.session_timeout_ms} < limits.session_timeout_min ||
      duration{in.session_timeout_ms} > limits.session_timeout_max)
    return refuse(error_code::invalid_session_timeout);
  if (in.protocol_type.empty() || in.protocols.empty())
    return refuse(error_code::inconsistent_group_protocol);
  const auto rebalance = x->version() == 0 || in.rebalance_timeout_ms < 0 ? in.session_timeout_ms
                                                                          : in.rebalance_timeout_ms;
  std::size_t size = ids_spare + in.group_id.size() + in.member_id.size();
  for (const auto& each : in.protocols) size += each.name.size() + each.metadata.size() + 64;
  auto request = opaque_join::make(size, [&](wire::OpaqueJoin::Builder out) {
    out.setGroup(text_of(in.group_id));
    out.setMember(text_of(in.member_id));
    if (in.group_instance_id) out.setInstance(text_of(*in.group_instance_id));
    out.setClient(text_of(x->client_id()));
    out.setHost(text_of(with.client_host()));
    out.setSessionTimeoutMs(static_cast<std::uint32_t>(in.session_timeout_ms));
    out.setRebalanceTimeoutMs(static_cast<std::uint32_t>(rebalance));
    out.setProtocolType(text_of(in.protocol_type));
    out.setRequireKnownId(x->version() >= 4);
    out.setSkipAssignment(x->version() >= 9);
    auto list = out.initProtocols(static_cast<unsigned>(in.protocols.size()));
    for (unsigned i = 0; i < in.protocols.size(); ++i) {
      list[i].setName(text_of(in.protocols[i].name));
      list[i].setMetadata(data_of(in.protocols[i].metadata));
    }
  });
  with.ask<opaque_joined>(request, [x](const opaque_joined& reply) {
    auto from = reply.open();
    join_group_response out;
    out.error_code = group_code(error_of(from->getFailure()));
    out.member_id = std::string{view(from->getMember())};
    if (out.error_code != 0) {
      if (out.member_id.empty()) out.member_id = x->in.member_id;
      if (x->version() < 7) out.protocol_name = "";
      return x->answer(out);
    }
    out.generation_id = from->getGeneration();
    out.protocol_type = std::string{view(from->getProtocolType())};
    out.protocol_name = std::string{view(from->getProtocol())};
    out.leader = std::string{view(from->getLeader())};
    out.skip_assignment = from->getSkipAssignment();
    for (auto each : from->getMembers()) {
      auto& to = out.members.emplace_back();
      to.member_id = std::string{view(each.getId())};
      if (each.getInstance().size() > 0)
        to.group_instance_id = std::string{view(each.getInstance())};
      to.metadata = bytes{view(each.getMetadata())};
    }
    x->answer(out);
  });
}

void serve(session& with, exchange_ptr<sync_group_request> x) {
  const auto& in = x->in;
  std::size_t size = ids_spare + in.group_id.size() + in.member_id.size();
  for (const auto& each : in.assignments)
    size += each.member_id.size() + each.assignment.size() + 64;
  auto request = opaque_sync::make(size, [&](wire::OpaqueSync::Builder out) {
    out.setGroup(text_of(in.group_id));
    out.setMember(text_of(in.member_id));
    out.setGeneration(in.generation_id);
    if (in.group_instance_id) out.setInstance(text_of(*in.group_instance_id));
    if (in.protocol_type) out.setProtocolType(text_of(*in.protocol_type));
    if (in.protocol_name) out.setProtocol(text_of(*in.protocol_name));
    auto list = out.initAssignments(static_cast<unsigned>(in.assignments.size()));
    for (unsigned i = 0; i < in.assignments.size(); ++i) {
      list[i].setMember(text_of(in.assignments[i].member_id));
      list[i].setContent(data_of(in.assignments[i].assignment));
    }
  });
  with.ask<opaque_synced>(request, [x](const opaque_synced& reply) {
    auto from = reply.open();
    sync_group_response out;
    out.error_code = group_code(error_of(from->getFailure()));
    if (out.error_code == 0) {
      out.protocol_type = std::string{view(from->getProtocolType())};
      out.protocol_name = std::string{view(from->getProtocol())};
      out.assignment = bytes{view(from->getContent())};
    }
    x->answer(out);
  });
}

void serve(session& with, exchange_ptr<kafka::heartbeat_request> x) {
  const auto& in = x->in;
  auto request = opaque_heartbeat::make(ids_spare + in.group_id.size() + in.member_id.size(),
                                        [&](wire::OpaqueHeartbeat::Builder out) {
                                          out.setGroup(text_of(in.group_id));
                                          out.setMember(text_of(in.member_id));
                                          out.setGeneration(in.generation_id);
                                          if (in.group_instance_id)
                                            out.setInstance(text_of(*in.group_instance_id));
                                        });
  with.ask<group_reply>(request, [x](const group_reply& reply) {
    heartbeat_response out;
    out.error_code = group_code(error_of(reply.open()->getFailure()));
    x->answer(out);
  });
}

void serve(session& with, exchange_ptr<kafka::leave_group_request> x) {
  auto& in = x->in;
  if (x->version() < 3) in.members.push_back({in.member_id, std::nullopt, std::nullopt});
  std::size_t size = ids_spare + in.group_id.size();
  for (const auto& each : in.members) size += each.member_id.size() + ids_spare;
  auto request = opaque_leave::make(size, [&](wire::OpaqueLeave::Builder out) {
    out.setGroup(text_of(in.group_id));
    auto list = out.initMembers(static_cast<unsigned>(in.members.size()));
    for (unsigned i = 0; i < in.members.size(); ++i) {
      list[i].setMember(text_of(in.members[i].member_id));
      if (in.members[i].group_instance_id)
        list[i].setInstance(text_of(*in.members[i].group_instance_id));
    }
  });
  with.ask<opaque_left>(request, [x](const opaque_left& reply) {
    auto from = reply.open();
    leave_group_response out;
    const auto code = group_code(error_of(from->getFailure()));
    // A group that is not there has no members: the leaver hears of it in its own line.
    const bool no_group = code == number(error_code::unknown_member_id);
    out.error_code = no_group && x->version() >= 3 ? std::int16_t{0} : code;
    auto each_code = from->getMembers();
    for (unsigned i = 0; i < x->in.members.size(); ++i) {
      const auto& member = x->in.members[i];
      const auto one = i < each_code.size() ? group_code(error_of(each_code[i])) : code;
      out.members.push_back({member.member_id, member.group_instance_id, one});
      if (x->version() < 3) out.error_code = one;
    }
    x->answer(out);
  });
}

// --- looking

namespace {

template <class Strings>
bool contains_word(const Strings& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& each) {
    return std::equal(each.begin(), each.end(), word.begin(), word.end(), [](char a, char b) {
      const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      };
      return lower(a) == lower(b);
    });
  });
}

}  // namespace

void serve(session& with, exchange_ptr<kafka::list_groups_request> x) {
  with.ask<opaque_groups>(opaque_describe{}, [x](const opaque_groups& reply) {
    auto from = reply.open();
    list_groups_response out;
    out.error_code = group_code(error_of(from->getFailure()));
    const auto& in = x->in;
    if (!in.types_filter.empty() && !contains_word(in.types_filter, "classic"))
      return x->answer(out);
    for (auto each : from->getGroups()) {
      const auto state = view(each.getState());
      if (!in.states_filter.empty() && !contains_word(in.states_filter, state)) continue;
      out.groups.push_back({std::string{view(each.getId())},
                            std::string{view(each.getProtocolType())}, std::string{state},
                            "classic"});
    }
    x->answer(out);
  });
}

void serve(session& with, exchange_ptr<describe_groups_request> x) {
  auto out = std::make_shared<describe_groups_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->groups.resize(x->in.groups.size());
  for (std::size_t at = 0; at < x->in.groups.size(); ++at) {
    all->expect();
    const auto& id = x->in.groups[at];
    auto request = opaque_describe::make(
        id.size(), [&](wire::OpaqueDescribe::Builder to) { to.setGroup(text_of(id)); });
    with.ask<opaque_groups>(request, [x, out, all, at](const opaque_groups& reply) {
      auto from = reply.open();
      auto& to = out->groups[at];
      to.group_id = x->in.groups[at];
      auto why = error_of(from->getFailure());
      if (why.code() == errc::unknown_group) {
        // A group that is not there is a dead one; the newest version says so in its code as well.
        to.group_state = "Dead";
        if (x->version() >= 6) {
          to.error_code = number(error_code::group_id_not_found);
          to.error_message = words_of(why);
        }
      } else if (why) {
        to.error_code = group_code(why);
      } else {
        auto group = from->getGroups()[0];
        to.group_state = std::string{view(group.getState())};
        to.protocol_type = std::string{view(group.getProtocolType())};
        if (to.group_state == "Stable") to.protocol_data = std::string{view(group.getProtocol())};
        for (auto member : group.getMembers()) {
          auto& one = to.members.emplace_back();
          one.member_id = std::string{view(member.getId())};
          if (member.getInstance().size() > 0)
            one.group_instance_id = std::string{view(member.getInstance())};
          one.client_id = std::string{view(member.getClient())};
          one.client_host = std::string{view(member.getHost())};
          one.member_metadata = bytes{view(member.getMetadata())};
          one.member_assignment = bytes{view(member.getAssignment())};
        }
      }
      if (x->in.include_authorized_operations && to.error_code == 0)
        to.authorized_operations = group_operations;
      all->arrived();
    });
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<delete_groups_request> x) {
  auto out = std::make_shared<delete_groups_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->results.resize(x->in.groups_names.size());
  for (std::size_t at = 0; at < x->in.groups_names.size(); ++at) {
    const auto& id = x->in.groups_names[at];
    out->results[at].group_id = id;
    all->expect();
    auto request = delete_group_request::make(
        id.size(), [&](wire::DeleteGroupRequest::Builder to) { to.setGroup(text_of(id)); });
    with.ask<group_reply>(request, [out, all, at](const group_reply& reply) {
      out->results[at].error_code = group_code(error_of(reply.open()->getFailure()));
      all->arrived();
    });
  }
  all->arrived();
}

}  // namespace penstock::kafka
