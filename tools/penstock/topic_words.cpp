// penstock topic create, list, describe, alter, delete.
#include <fmt/format.h>

#include "actors/messages/settings.hpp"
#include "launch/exit_status.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/formats.hpp"
#include "tools/penstock/setting_defaults.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

// The settings on the command line, checked before anything is opened.
result<topic_settings> settings_of(const topic_arguments& args) {
  PENSTOCK_ASSIGN(auto settings, topic_settings::parse_words(args.set));
  if (!args.key_format.empty()) {
    PENSTOCK_TRY(check_format(args.key_format));
    PENSTOCK_TRY(settings.set("penstock.key.format", args.key_format));
  }
  if (!args.value_format.empty()) {
    PENSTOCK_TRY(check_format(args.value_format));
    PENSTOCK_TRY(settings.set("penstock.value.format", args.value_format));
  }
  return settings;
}

std::uint64_t records_of(const topic_info& topic) {
  std::uint64_t sum = 0;
  for (const auto& p : topic.partitions) sum += static_cast<std::uint64_t>(p.end - p.start);
  return sum;
}

std::uint64_t bytes_of(const topic_info& topic) {
  std::uint64_t sum = 0;
  for (const auto& p : topic.partitions) sum += p.size_bytes;
  return sum;
}

void settings_json(const target& at, const topic_settings& settings, bool all, bytes& to) {
  to += '{';
  bool first = true;
  for (const auto& info : topic_setting_table()) {
    const auto by_hand = settings.explicit_values().find(info.name);
    if (by_hand == settings.explicit_values().end() && !all) continue;
    if (!std::exchange(first, false)) to += ',';
    append_json_string(info.name, to);
    to += ':';
    const auto held = by_hand != settings.explicit_values().end()
                          ? std::optional<std::string_view>{by_hand->second}
                          : default_at(at, info);
    if (held) {
      append_json_string(*held, to);
    } else {
      to += "null";
    }
  }
  to += '}';
}

void topic_json(const target& at, const topic_info& topic, bool all_settings, bytes& to) {
  to += "{\"topic\":";
  append_json_string(topic.name, to);
  to += ",\"internal\":";
  to += topic.internal ? "true" : "false";
  to += ",\"settings\":";
  settings_json(at, topic.settings, all_settings, to);
  to += ",\"partitions\":[";
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto& p = topic.partitions[i];
    fmt::format_to(std::back_inserter(to),
                   "{}{{\"partition\":{},\"start\":{},\"end\":{},\"bytes\":{},\"segments\":{}",
                   i > 0 ? "," : "", p.index, p.start, p.end, p.size_bytes, p.segments);
    if (p.offline) {
      to += ",\"offline\":";
      append_json_string(p.offline.message(), to);
    }
    to += '}';
  }
  to += "]}\n";
}

void topic_text(const target& at, const topic_info& topic, bool all_settings, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{}: {} partition{}, {} records, {}\n", topic.name,
                 topic.partitions.size(), topic.partitions.size() == 1 ? "" : "s",
                 records_of(topic), readable_bytes(bytes_of(topic)));
  for (const auto& info : topic_setting_table()) {
    const auto by_hand = topic.settings.explicit_values().find(info.name);
    if (by_hand != topic.settings.explicit_values().end()) {
      fmt::format_to(std::back_inserter(to), "  {}={}\n", info.name, by_hand->second);
    } else if (const auto held = default_at(at, info); held && all_settings) {
      fmt::format_to(std::back_inserter(to), "  {}={} (default)\n", info.name, *held);
    } else if (all_settings) {
      fmt::format_to(std::back_inserter(to), "  {} (default of the node)\n", info.name);
    }
  }
  table rows{{"  PARTITION", "START", "END", "RECORDS", "BYTES", "SEGMENTS", "STATE"}};
  for (const auto& p : topic.partitions) {
    rows.add({fmt::format("{}", p.index), fmt::format("{}", p.start), fmt::format("{}", p.end),
              fmt::format("{}", p.end - p.start), fmt::format("{}", p.size_bytes),
              fmt::format("{}", p.segments),
              p.offline ? "offline: " + p.offline.message() : "online"});
  }
  rows.print(to);
}

// One change per name; all are tried in order, the first failure ends it.
template <class Change>
result<int> for_each_name(session& with, const std::vector<std::string>& names, const char* done,
                          bool create, Change change) {
  PENSTOCK_ASSIGN(auto at, with.open(create));
  for (const auto& name : names) {
    if (auto changed = change(*at, name); !changed) {
      if (changed.error().code() == errc::unknown_topic) return no_such_topic(*at, name);
      return changed.error();
    }
    if (with.json) {
      fmt::format_to(std::back_inserter(with.out.text()), "{{\"{}\":", done);
      append_json_string(name, with.out.text());
      with.out.text() += "}\n";
    } else {
      fmt::format_to(std::back_inserter(with.out.text()), "{} {}\n", done, name);
    }
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace

result<int> topic_create(session& with, const topic_arguments& args) {
  PENSTOCK_ASSIGN(const auto settings, settings_of(args));
  const auto& values = settings.explicit_values();
  return for_each_name(
      with, args.names, "created", true, [&](target& at, const std::string& name) -> result<void> {
        const auto request = create_topic_request::make([&](wire::CreateTopicRequest::Builder to) {
          to.setName(text_of(name));
          to.setPartitions(args.partitions);
          write_settings(to.initSettings(static_cast<unsigned>(values.size())), values);
        });
        PENSTOCK_TRY(at.ask<admin_reply>(request));
        return {};
      });
}

result<int> topic_alter(session& with, const topic_arguments& args) {
  PENSTOCK_ASSIGN(auto settings, settings_of(args));
  for (const auto& name : args.reset) PENSTOCK_TRY(settings.value_of(name));
  const auto& values = settings.explicit_values();
  if (values.empty() && args.reset.empty() && args.partitions < 0) {
    return error{errc::invalid_argument,
                 "topic alter: say what: --set NAME=VALUE, --reset NAME or --partitions N"};
  }
  return for_each_name(
      with, args.names, "altered", false, [&](target& at, const std::string& name) -> result<void> {
        const auto request = alter_topic_request::make([&](wire::AlterTopicRequest::Builder to) {
          to.setName(text_of(name));
          to.setPartitions(args.partitions);
          write_settings(to.initSet(static_cast<unsigned>(values.size())), values);
          auto reset = to.initReset(static_cast<unsigned>(args.reset.size()));
          for (unsigned i = 0; i < args.reset.size(); ++i) reset.set(i, text_of(args.reset[i]));
        });
        PENSTOCK_TRY(at.ask<admin_reply>(request));
        return {};
      });
}

result<int> topic_delete(session& with, const topic_arguments& args) {
  return for_each_name(
      with, args.names, "deleted", false, [&](target& at, const std::string& name) -> result<void> {
        const auto request = delete_topic_request::make(
            [&](wire::DeleteTopicRequest::Builder to) { to.setName(text_of(name)); });
        PENSTOCK_TRY(at.ask<admin_reply>(request));
        return {};
      });
}

result<int> topic_list(session& with, const topic_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topics, describe_topics(*at, {}, true));
  table rows{{"TOPIC", "PARTITIONS", "RECORDS", "BYTES", "KEY", "VALUE"}};
  for (const auto& topic : topics) {
    if (topic.internal && !args.internal) continue;
    if (with.json) {
      auto& to = with.out.text();
      to += "{\"topic\":";
      append_json_string(topic.name, to);
      fmt::format_to(std::back_inserter(to), ",\"partitions\":{},\"records\":{},\"bytes\":{}",
                     topic.partitions.size(), records_of(topic), bytes_of(topic));
      to += ",\"key_format\":";
      append_json_string(topic.settings.key_format(), to);
      to += ",\"value_format\":";
      append_json_string(topic.settings.value_format(), to);
      to += "}\n";
      continue;
    }
    const auto shown = [](const std::string& format) { return format.empty() ? "-" : format; };
    rows.add({topic.name, fmt::format("{}", topic.partitions.size()),
              fmt::format("{}", records_of(topic)), fmt::format("{}", bytes_of(topic)),
              shown(topic.settings.key_format()), shown(topic.settings.value_format())});
  }
  if (!with.json) rows.print(with.out.text());
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

result<int> topic_describe(session& with, const topic_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topics, describe_topics(*at, args.names, true));
  for (const auto& name : args.names) {
    const auto found = std::find_if(topics.begin(), topics.end(),
                                    [&](const topic_info& topic) { return topic.name == name; });
    if (found == topics.end()) return no_such_topic(*at, name);
  }
  for (const auto& topic : topics) {
    if (args.names.empty() && topic.internal) continue;
    if (with.json) {
      topic_json(*at, topic, args.all_settings, with.out.text());
    } else {
      topic_text(*at, topic, args.all_settings, with.out.text());
    }
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace penstock::tool
