// kafka-consumer-groups.sh.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "launch/exit_status.hpp"
#include "tools/penstock/groups.hpp"
#include "tools/penstock/kafka_fronts.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

using takes = kafka_flag::takes;

constexpr const char* own_reset = "penstock group reset --to-time TIME does the like";

constexpr kafka_flag groups_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"list"},
    {"describe"},
    {"delete"},
    {"reset-offsets"},
    {"group", takes::value},
    {"all-groups"},
    {"topic", takes::value},
    {"all-topics"},
    {"offsets"},
    {"members"},
    {"state", takes::maybe},
    {"type", takes::maybe},
    {"verbose"},
    {"timeout", takes::value},
    {"dry-run"},
    {"execute"},
    {"to-earliest"},
    {"to-latest"},
    {"to-current"},
    {"to-offset", takes::value},
    {"to-datetime", takes::value},
    {"shift-by", takes::value},
    {"by-duration", takes::value, own_reset},
    {"from-file", takes::value, "name topics and offsets: --topic TOPIC:PARTITION --to-offset N"},
    {"export", takes::nothing,
     "penstock --json group reset --dry-run prints one line per partition"},
    {"delete-offsets", takes::nothing, "penstock group delete NAME forgets all that it committed"},
    {"validate-regex", takes::value, "groups subscribe to names here"},
};

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::size_t at_least(std::size_t least, const std::string& text) {
  return std::max(least, text.size());
}

// What stands in front of a description, and whether there is one.
bool announce(const std::string& name, const group_view& group, std::size_t rows) {
  if (group.state == "Empty") {
    fmt::print(stderr, "\nConsumer group '{}' has no active members.\n", name);
  } else if (group.state != "Stable") {
    fmt::print(stderr, "\nWarning: Consumer group '{}' is rebalancing.\n", name);
  }
  return rows > 0;
}

void print_offsets(const std::string& name, const group_view& group, bytes& to) {
  if (!announce(name, group, group.positions.size())) return;
  std::size_t group_width = at_least(15, name);
  std::size_t topic_width = 15;
  std::size_t member_width = 15;
  for (const auto& [tp, offset] : group.positions) topic_width = at_least(topic_width, tp.topic);
  for (const auto& each : group.members) member_width = at_least(member_width, each.id);
  const auto line = [&](const std::string& of, const std::string& topic, const std::string& number,
                        const std::string& offset, const std::string& end, const std::string& lag,
                        const std::string& member, const std::string& host,
                        const std::string& client) {
    fmt::format_to(std::back_inserter(to),
                   "\n{:<{}} {:<{}} {:<10} {:<15} {:<15} {:<15} {:<{}} {:<15} {}", of, group_width,
                   topic, topic_width, number, offset, end, lag, member, member_width, host,
                   client);
  };
  line("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID",
       "HOST", "CLIENT-ID");
  for (const auto& [tp, offset] : group.positions) {
    const auto end = group.ends.find(tp);
    const bool ended = end != group.ends.end();
    const auto who = group.owners.find(tp);
    const bool owned = who != group.owners.end();
    line(name, tp.topic, std::to_string(tp.partition), offset < 0 ? "-" : std::to_string(offset),
         ended ? std::to_string(end->second.second) : "-",
         ended && offset >= 0 ? std::to_string(end->second.second - offset) : "-",
         owned ? who->second->id : "-", owned ? or_dash(who->second->host) : "-",
         owned ? or_dash(who->second->client) : "-");
  }
  to += "\n";
}

void print_members(const std::string& name, const group_view& group, bool verbose, bytes& to) {
  if (!announce(name, group, group.members.size())) return;
  const std::size_t group_width = at_least(15, name);
  std::size_t member_width = 15;
  std::size_t client_width = 15;
  for (const auto& each : group.members) {
    member_width = at_least(member_width, each.id);
    client_width = at_least(client_width, each.client);
  }
  const auto line = [&](const std::string& of, const std::string& member, const std::string& host,
                        const std::string& client, const std::string& count,
                        const std::string& what) {
    fmt::format_to(std::back_inserter(to), "{:<{}} {:<{}} {:<15} {:<{}} {:<15} {}\n", of,
                   group_width, member, member_width, host, client, client_width, count,
                   verbose ? what : "");
  };
  to += "\n";
  line("GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "CURRENT-ASSIGNMENT");
  for (const auto& each : group.members) {
    std::map<std::string, std::string> assigned;
    for (const auto& tp : each.partitions) {
      auto& list = assigned[tp.topic];
      list += fmt::format("{}{}", list.empty() ? "" : ",", tp.partition);
    }
    std::string text;
    for (const auto& [topic, list] : assigned)
      text += fmt::format("{}{}:{}", text.empty() ? "" : ";", topic, list);
    line(name, each.id, or_dash(each.host), or_dash(each.client),
         std::to_string(each.partitions.size()), or_dash(text));
  }
}

void print_state(const std::string& name, const group_view& group, const std::string& servers,
                 std::int32_t node, bytes& to) {
  announce(name, group, 1);
  const auto coordinator =
      fmt::format("{}  ({})", servers.substr(0, servers.find(',')), std::max(node, 0));
  const auto line = [&](const std::string& of, const std::string& who, const std::string& assignor,
                        const std::string& state, const std::string& members) {
    fmt::format_to(std::back_inserter(to), "\n{:<{}} {:<{}} {:<20} {:<20} {}", of,
                   at_least(15, name), who, at_least(25, coordinator), assignor, state, members);
  };
  line("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS");
  line(name, coordinator, or_dash(group.assignor), group.state,
       std::to_string(group.members.size()));
  to += "\n";
}

result<std::vector<std::string>> named_groups(target& at, const kafka_flags& flags) {
  if (!flags.has("all-groups")) {
    if (flags.values("group").empty())
      return error{errc::invalid_argument, "one of --group NAME and --all-groups is missing"};
    return flags.values("group");
  }
  std::vector<std::string> out;
  PENSTOCK_ASSIGN(const auto all, list_groups(at));
  for (const auto& each : all) out.push_back(each.first);
  return out;
}

std::string lower(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// The values of --state or --type, in small letters; none: all there are.
result<std::set<std::string>> chosen(const kafka_flags& flags, std::string_view flag,
                                     std::span<const std::string_view> known) {
  std::set<std::string> out;
  const auto text = flags.value(flag);
  for (std::string_view rest = text; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string name{rest.substr(0, comma)};
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (std::none_of(known.begin(), known.end(),
                     [&](auto each) { return lower(std::string{each}) == lower(name); }))
      return error{errc::invalid_argument,
                   fmt::format("--{} {}: there are {}", flag, name, fmt::join(known, ", "))};
    out.insert(lower(name));
  }
  return out;
}

result<int> list_all(session& with, const kafka_flags& flags) {
  constexpr std::string_view states[] = {"Empty", "PreparingRebalance", "CompletingRebalance",
                                         "Stable", "Dead"};
  constexpr std::string_view types[] = {"Classic", "Consumer"};
  PENSTOCK_ASSIGN(const auto of_state, chosen(flags, "state", states));
  PENSTOCK_ASSIGN(const auto of_type, chosen(flags, "type", types));
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto all, list_groups(*at));
  auto& to = with.out.text();
  const bool state = flags.has("state");
  const bool type = flags.has("type");
  std::size_t width = 15;
  for (const auto& each : all) width = at_least(width, each.first);
  width += 10;
  const auto line = [&](const std::string& name, const std::string& kind, const std::string& now) {
    if (!state && !type) {
      to += name;
    } else {
      fmt::format_to(std::back_inserter(to), "{:<{}}", name, width);
      if (type) fmt::format_to(std::back_inserter(to), " {:<20}", kind);
      if (state) fmt::format_to(std::back_inserter(to), " {:<20}", now);
    }
    to += "\n";
  };
  if (state || type) line("GROUP", "TYPE", "STATE");
  if (!of_type.empty() && !of_type.contains("classic")) return exit_ok;
  for (const auto& [name, now] : all)
    if (of_state.empty() || of_state.contains(lower(now))) line(name, "Classic", now);
  return exit_ok;
}

result<int> describe_all(session& with, const kafka_flags& flags) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto names, named_groups(*at, flags));
  for (const auto& name : names) {
    auto group = view_of_group(*at, name);
    if (!group && group.error() == errc::unknown_group)
      return error{errc::unknown_group, fmt::format("Consumer group '{}' does not exist.", name)};
    if (!group) return group.error();
    if (flags.has("members")) {
      print_members(name, **group, flags.has("verbose"), with.out.text());
    } else if (flags.has("state")) {
      print_state(name, **group, flags.value(bootstrap_flag.name), at->node_id(), with.out.text());
    } else {
      print_offsets(name, **group, with.out.text());
    }
    PENSTOCK_TRY(with.out.flush());
  }
  return exit_ok;
}

result<int> delete_all(session& with, const kafka_flags& flags) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto names, named_groups(*at, flags));
  std::string done;
  for (const auto& name : names) {
    if (auto deleted = delete_group(*at, name); !deleted)
      return deleted.error().with_context(
          fmt::format("Deletion of some consumer groups failed:\n* Group '{}' could not be deleted "
                      "due to",
                      name));
    done += fmt::format("{}'{}'", done.empty() ? "" : ", ", name);
  }
  with.out.text() +=
      fmt::format("Deletion of requested consumer groups ({}) was successful.\n", done);
  return exit_ok;
}

// "orders:0,2" as words of `penstock group reset`.
std::vector<std::string> topic_words(const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const auto& each : given) {
    const auto colon = each.rfind(':');
    if (colon == each.npos) {
      out.push_back(each);
      continue;
    }
    for (std::string_view rest = std::string_view{each}.substr(colon + 1); !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      out.push_back(fmt::format("{}:{}", each.substr(0, colon), rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return out;
}

result<int> reset_all(session& with, const kafka_flags& flags) {
  group_arguments args;
  args.to_beginning = flags.has("to-earliest");
  args.to_end = flags.has("to-latest");
  args.to_current = flags.has("to-current");
  args.to_time = flags.value("to-datetime");
  if (flags.has("to-datetime")) PENSTOCK_TRY(parse_time("--to-datetime", args.to_time));
  if (flags.has("to-offset")) {
    PENSTOCK_ASSIGN(args.to_offset, flags.number("to-offset", 0, 0, std::int64_t{1} << 62));
    args.clamp_offset = true;
  }
  if (flags.has("shift-by")) {
    PENSTOCK_ASSIGN(args.shift_by,
                    flags.number("shift-by", 0, -(std::int64_t{1} << 62), std::int64_t{1} << 62));
  }
  const int ways = static_cast<int>(args.to_beginning) + static_cast<int>(args.to_end) +
                   static_cast<int>(args.to_current) + static_cast<int>(!args.to_time.empty()) +
                   static_cast<int>(args.to_offset.has_value()) +
                   static_cast<int>(args.shift_by.has_value());
  if (ways != 1)
    return error{errc::invalid_argument,
                 "--reset-offsets needs one of --to-earliest, --to-latest, --to-current, "
                 "--to-offset, --to-datetime and --shift-by"};
  args.topics = topic_words(flags.values("topic"));
  if (args.topics.empty() && !flags.has("all-topics"))
    return error{errc::invalid_argument, "one of --topic TOPIC and --all-topics is missing"};
  args.dry_run = !flags.has("execute");
  if (args.dry_run && !flags.has("dry-run"))
    fmt::print(stderr, "WARN: No action will be performed as the --execute option is missing.\n");
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto names, named_groups(*at, flags));
  bytes to;
  const auto line = [&](const std::string& name, const std::string& topic,
                        const std::string& number, const std::string& offset) {
    fmt::format_to(std::back_inserter(to), "\n{:<30} {:<30} {:<10} {:<15}", name, topic, number,
                   offset);
  };
  line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
  for (const auto& name : names) {
    args.name = name;
    PENSTOCK_ASSIGN(const auto moved, reset_group(*at, args));
    for (const auto& [tp, change] : moved)
      line(name, tp.topic, std::to_string(tp.partition), std::to_string(change.second));
  }
  with.out.text() += to + "\n";
  return exit_ok;
}

}  // namespace

result<int> kafka_consumer_groups(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(groups_flags));
  PENSTOCK_ASSIGN(auto where, with.at(flags));
  const int actions =
      static_cast<int>(flags.has("list")) + static_cast<int>(flags.has("describe")) +
      static_cast<int>(flags.has("delete")) + static_cast<int>(flags.has("reset-offsets"));
  if (actions != 1)
    return error{errc::invalid_argument,
                 "Command must include exactly one action: --list, --describe, --delete, "
                 "--reset-offsets"};
  if (flags.has("list")) return list_all(where, flags);
  if (flags.has("describe")) return describe_all(where, flags);
  if (flags.has("delete")) return delete_all(where, flags);
  return reset_all(where, flags);
}

}  // namespace penstock::tool
