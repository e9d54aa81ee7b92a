// penstock group list, describe, reset, delete.
#include <fmt/format.h>

#include <caf/actor_cast.hpp>
#include <charconv>
#include <map>

#include "actors/messages/opaque.hpp"
#include "launch/exit_status.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/groups.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

using offsets = group_offsets;
using bounds = partition_bounds;

result<std::vector<std::string>> group_names(target& at) {
  PENSTOCK_ASSIGN(const auto reply, at.ask<list_groups_reply>(list_groups_request{}));
  const auto message = reply.open();
  std::vector<std::string> out;
  for (auto group : message->getGroups()) out.emplace_back(view(group.getId()));
  std::sort(out.begin(), out.end());
  return out;
}

error no_such_group(target& at, const std::string& name) {
  std::string remedy = "penstock group list shows those that do";
  if (const auto known = group_names(at)) {
    const auto meant = nearest(name, *known);
    if (!meant.empty()) remedy = fmt::format("did you mean \"{}\"?", meant);
    if (known->empty()) remedy = "there are no groups yet";
  }
  return error{errc::unknown_group, fmt::format("group \"{}\" does not exist: {}", name, remedy)};
}

result<describe_group_reply> describe(target& at, const std::string& name) {
  auto reply = at.ask<describe_group_reply>(describe_group_request::make(
      [&](wire::DescribeGroupRequest::Builder to) { to.setGroup(text_of(name)); }));
  if (!reply && reply.error().code() == errc::unknown_group) return no_such_group(at, name);
  return reply;
}

result<offsets> committed(target& at, const std::string& name) {
  PENSTOCK_ASSIGN(const auto reply,
                  at.ask<fetch_offsets_reply>(fetch_offsets_request::make(
                      [&](wire::FetchOffsetsRequest::Builder to) { to.setGroup(text_of(name)); })));
  const auto message = reply.open();
  offsets out;
  for (auto each : message->getOffsets()) {
    if (each.getOffset() < 0) continue;
    out[{std::string{view(each.getTopic())}, each.getPartition()}] = each.getOffset();
  }
  return out;
}

// Where the members of a group are. A node of an older release does not say.
result<std::map<std::string, std::string>> hosts_of(target& at, const std::string& name) {
  const auto reply = at.ask_of<opaque_groups>(
      caf::actor_cast<opaque_members_actor>(at.node()),
      opaque_describe::make([&](wire::OpaqueDescribe::Builder to) { to.setGroup(text_of(name)); }),
      60s);
  std::map<std::string, std::string> out;
  if (!reply && reply.error() == errc::unsupported_version) return out;
  if (!reply) return reply.error();
  const auto message = reply->open();
  for (auto group : message->getGroups())
    for (auto member : group.getMembers())
      out.emplace(std::string{view(member.getId())}, std::string{view(member.getHost())});
  return out;
}

// Start and end of every partition of every topic.
result<bounds> bounds_of(target& at) {
  PENSTOCK_ASSIGN(const auto topics, describe_topics(at, {}, true));
  bounds out;
  for (const auto& topic : topics) {
    for (const auto& p : topic.partitions) out[{topic.name, p.index}] = {p.start, p.end};
  }
  return out;
}

}  // namespace

result<std::map<std::string, std::string>> list_groups(target& at) {
  PENSTOCK_ASSIGN(const auto reply, at.ask<list_groups_reply>(list_groups_request{}));
  const auto message = reply.open();
  std::map<std::string, std::string> out;
  for (auto group : message->getGroups())
    out.emplace(std::string{view(group.getId())}, std::string{view(group.getState())});
  return out;
}

result<int> group_list(session& with) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto reply, at->ask<list_groups_reply>(list_groups_request{}));
  const auto message = reply.open();
  std::map<std::string, wire::Group::Reader> sorted;
  for (auto group : message->getGroups()) {
    sorted.emplace(std::string{view(group.getId())}, group);
  }
  table rows{{"GROUP", "STATE", "MEMBERS"}};
  for (const auto& [name, group] : sorted) {
    if (with.json) {
      auto& to = with.out.text();
      to += "{\"group\":";
      append_json_string(name, to);
      to += ",\"state\":";
      append_json_string(view(group.getState()), to);
      fmt::format_to(std::back_inserter(to), ",\"members\":{}}}\n", group.getMembers().size());
    } else {
      rows.add({name, std::string{view(group.getState())},
                fmt::format("{}", group.getMembers().size())});
    }
  }
  if (!with.json) rows.print(with.out.text());
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

result<std::unique_ptr<group_view>> view_of_group(target& at, const std::string& name) {
  PENSTOCK_ASSIGN(const auto reply, describe(at, name));
  PENSTOCK_ASSIGN(auto hosts, hosts_of(at, name));
  const auto message = reply.open();
  const auto group = message->getGroup();
  auto held = std::make_unique<group_view>();
  auto& out = *held;
  out.state = view(group.getState());
  out.generation = group.getGeneration();
  out.assignor = view(group.getAssignor());
  for (auto member : group.getMembers()) {
    auto& to = out.members.emplace_back();
    to.id = view(member.getId());
    to.instance = view(member.getInstance());
    to.client = view(member.getClient());
    to.host = hosts[to.id];
    for (auto topic : member.getPartitions())
      for (auto partition : topic.getPartitions())
        to.partitions.push_back({std::string{view(topic.getTopic())}, partition});
  }
  for (const auto& member : out.members)
    for (const auto& tp : member.partitions) out.owners[tp] = &member;
  PENSTOCK_ASSIGN(out.positions, committed(at, name));
  PENSTOCK_ASSIGN(out.ends, bounds_of(at));
  // Partitions that a member reads without having committed belong into the picture too.
  for (const auto& [tp, who] : out.owners) out.positions.try_emplace(tp, -1);
  return held;
}

namespace {

void group_text(const std::string& name, const group_view& group, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{}: {}, {} member{}, generation {}\n", name, group.state,
                 group.members.size(), group.members.size() == 1 ? "" : "s", group.generation);
  table rows{{"  TOPIC", "PARTITION", "OFFSET", "END", "LAG", "CLIENT", "MEMBER"}};
  for (const auto& [tp, offset] : group.positions) {
    const auto end = group.ends.find(tp);
    const auto who = group.owners.find(tp);
    const bool both = offset >= 0 && end != group.ends.end();
    rows.add({"  " + tp.topic, fmt::format("{}", tp.partition),
              offset >= 0 ? fmt::format("{}", offset) : "-",
              end != group.ends.end() ? fmt::format("{}", end->second.second) : "-",
              both ? fmt::format("{}", end->second.second - offset) : "-",
              who != group.owners.end() ? who->second->client : "-",
              who != group.owners.end() ? who->second->id : "-"});
  }
  rows.print(to);
}

void group_json(const std::string& name, const group_view& group, bytes& to) {
  to += "{\"group\":";
  append_json_string(name, to);
  to += ",\"state\":";
  append_json_string(group.state, to);
  fmt::format_to(std::back_inserter(to), ",\"members\":{},\"generation\":{},\"partitions\":[",
                 group.members.size(), group.generation);
  bool first = true;
  for (const auto& [tp, offset] : group.positions) {
    const auto end = group.ends.find(tp);
    const auto who = group.owners.find(tp);
    if (!std::exchange(first, false)) to += ',';
    to += "{\"topic\":";
    append_json_string(tp.topic, to);
    fmt::format_to(std::back_inserter(to), ",\"partition\":{}", tp.partition);
    const auto number = [&](const char* key, bool there, offset_t value) {
      fmt::format_to(std::back_inserter(to), ",\"{}\":{}", key,
                     there ? fmt::format("{}", value) : "null");
    };
    const bool ended = end != group.ends.end();
    number("offset", offset >= 0, offset);
    number("end", ended, ended ? end->second.second : 0);
    number("lag", ended && offset >= 0, ended ? end->second.second - offset : 0);
    if (who != group.owners.end()) {
      to += ",\"member\":";
      append_json_string(who->second->id, to);
      to += ",\"client\":";
      append_json_string(who->second->client, to);
    }
    to += '}';
  }
  to += "]}\n";
}

}  // namespace

result<int> group_describe(session& with, const group_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto group, view_of_group(*at, args.name));
  if (with.json) {
    group_json(args.name, *group, with.out.text());
  } else {
    group_text(args.name, *group, with.out.text());
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

namespace {

// The partitions that --topic names, or all that the group has committed.
result<std::vector<topic_partition>> partitions_to_reset(target& at, const group_arguments& args,
                                                         const offsets& before, const bounds& all) {
  std::vector<topic_partition> out;
  if (args.topics.empty()) {
    for (const auto& [tp, offset] : before) {
      if (all.contains(tp)) out.push_back(tp);
    }
    if (out.empty()) {
      return error{
          errc::unknown_group,
          fmt::format("group \"{}\" has committed nothing: name topics with --topic", args.name)};
    }
    return out;
  }
  for (const auto& word : args.topics) {
    const auto colon = word.rfind(':');
    const auto topic = word.substr(0, colon);
    std::int32_t partition = -1;
    if (colon != word.npos) {
      const auto* end = word.data() + word.size();
      const auto [stop, failure] = std::from_chars(word.data() + colon + 1, end, partition);
      if (failure != std::errc{} || stop != end || partition < 0) {
        return error{errc::invalid_argument,
                     fmt::format("--topic {}: write TOPIC or TOPIC:PARTITION", word)};
      }
      if (!all.contains({topic, partition}) && all.contains({topic, 0})) {
        return error{errc::not_found,
                     fmt::format("topic \"{}\" has no partition {}", topic, partition)};
      }
    }
    if (!all.contains({topic, 0})) return no_such_topic(at, topic);
    for (const auto& [tp, range] : all) {
      if (tp.topic == topic && (partition < 0 || tp.partition == partition)) out.push_back(tp);
    }
  }
  return out;
}

result<offset_t> destination(target& at, const group_arguments& args, const topic_partition& tp,
                             const std::pair<offset_t, offset_t>& range, offset_t before) {
  if (args.to_beginning) return range.first;
  if (args.to_end) return range.second;
  if (args.to_current) return before >= 0 ? before : range.second;
  if (args.shift_by)
    return std::clamp((before >= 0 ? before : range.second) + *args.shift_by, range.first,
                      range.second);
  if (args.to_offset) {
    if (args.clamp_offset) return std::clamp(*args.to_offset, range.first, range.second);
    if (*args.to_offset < range.first || *args.to_offset > range.second) {
      return error{errc::offset_out_of_range,
                   fmt::format("partition {} of topic \"{}\" has offsets {} to {}, not {}",
                               tp.partition, tp.topic, range.first, range.second, *args.to_offset)};
    }
    return *args.to_offset;
  }
  PENSTOCK_ASSIGN(const auto time, parse_time("--to-time", args.to_time));
  return offset_at(at, tp, to_millis(time));
}

// Members would overwrite what is committed behind their backs.
result<void> check_without_members(target& at, const std::string& name) {
  const auto reply = describe(at, name);
  if (!reply) {
    // A group that does not exist yet may be given its offsets before it starts.
    if (reply.error().code() == errc::unknown_group) return {};
    return reply.error();
  }
  const auto members = reply->open()->getGroup().getMembers().size();
  if (members == 0) return {};
  return error{errc::group_not_empty,
               fmt::format("group \"{}\" has {} member{} at work: stop them first", name, members,
                           members == 1 ? "" : "s")};
}

}  // namespace

result<std::map<topic_partition, std::pair<offset_t, offset_t>>> reset_group(
    target& at, const group_arguments& args) {
  if (!args.to_time.empty()) PENSTOCK_TRY(parse_time("--to-time", args.to_time));
  PENSTOCK_TRY(check_without_members(at, args.name));
  PENSTOCK_ASSIGN(const auto before, committed(at, args.name));
  PENSTOCK_ASSIGN(const auto all, bounds_of(at));
  PENSTOCK_ASSIGN(const auto wanted, partitions_to_reset(at, args, before, all));
  offsets after;
  for (const auto& tp : wanted) {
    const auto old = before.find(tp);
    PENSTOCK_ASSIGN(after[tp], destination(at, args, tp, all.at(tp),
                                           old == before.end() ? offset_t{-1} : old->second));
  }
  if (!args.dry_run) {
    const auto request = commit_offsets_request::make(
        after.size() * 64, [&](wire::CommitOffsetsRequest::Builder to) {
          to.setGroup(text_of(args.name));
          to.setGeneration(-1);
          auto list = to.initOffsets(static_cast<unsigned>(after.size()));
          unsigned i = 0;
          for (const auto& [tp, offset] : after) {
            list[i].setTopic(text_of(tp.topic));
            list[i].setPartition(tp.partition);
            list[i].setOffset(offset);
            ++i;
          }
        });
    PENSTOCK_TRY(at.ask<group_reply>(request));
  }
  std::map<topic_partition, std::pair<offset_t, offset_t>> out;
  for (const auto& [tp, offset] : after) {
    const auto old = before.find(tp);
    out[tp] = {old == before.end() ? offset_t{-1} : old->second, offset};
  }
  return out;
}

result<int> group_reset(session& with, const group_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto moved, reset_group(*at, args));
  table rows{{"TOPIC", "PARTITION", "BEFORE", "AFTER"}};
  for (const auto& [tp, change] : moved) {
    const auto offset = change.second;
    const auto was = change.first >= 0 ? fmt::format("{}", change.first) : std::string{};
    if (with.json) {
      auto& to = with.out.text();
      to += "{\"topic\":";
      append_json_string(tp.topic, to);
      fmt::format_to(std::back_inserter(to), ",\"partition\":{},\"before\":{},\"after\":{}}}\n",
                     tp.partition, was.empty() ? "null" : was, offset);
    } else {
      rows.add({tp.topic, fmt::format("{}", tp.partition), was.empty() ? "-" : was,
                fmt::format("{}", offset)});
    }
  }
  if (!with.json) rows.print(with.out.text());
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

result<void> delete_group(target& at, const std::string& name) {
  auto deleted = at.ask<group_reply>(delete_group_request::make(
      [&](wire::DeleteGroupRequest::Builder to) { to.setGroup(text_of(name)); }));
  if (deleted) return {};
  if (deleted.error().code() == errc::unknown_group) return no_such_group(at, name);
  return deleted.error();
}

result<int> group_delete(session& with, const group_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_TRY(delete_group(*at, args.name));
  if (with.json) {
    with.out.text() += "{\"deleted\":";
    append_json_string(args.name, with.out.text());
    with.out.text() += "}\n";
  } else {
    with.out.text() += "deleted " + args.name + "\n";
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace penstock::tool
