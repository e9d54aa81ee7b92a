// kafka-topics.sh, kafka-configs.sh and kafka-get-offsets.sh.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <set>

#include "actors/messages/settings.hpp"
#include "launch/exit_status.hpp"
#include "streams/topic/foreign_settings.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/name.hpp"
#include "tools/penstock/kafka_fronts.hpp"
#include "tools/penstock/setting_defaults.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

using takes = kafka_flag::takes;

constexpr const char* one_replica =
    "a topic has one replica, on the node that it was created on: leave it out";

constexpr kafka_flag topics_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"create"},
    {"list"},
    {"describe"},
    {"alter"},
    {"delete"},
    {"topic", takes::value},
    {"topic-id", takes::value},
    {"partitions", takes::value},
    {"replication-factor", takes::value},
    {"config", takes::value},
    {"if-exists"},
    {"if-not-exists"},
    {"exclude-internal"},
    {"topics-with-overrides"},
    {"unavailable-partitions"},
    {"under-replicated-partitions"},
    {"under-min-isr-partitions"},
    {"at-min-isr-partitions"},
    {"partition-size-limit-per-response", takes::value},
    {"delete-config", takes::value, "kafka-configs.sh --alter --delete-config does it"},
    {"replica-assignment", takes::value, one_replica},
};

// "a, b|c.*" as Kafka reads it: names or patterns with commas between.
class topic_filter {
 public:
  static result<topic_filter> parse(const std::string& text) {
    std::string pattern;
    for (const char c : text) {
      if (c == ',') pattern += '|';
      if (c != ',' && c != ' ' && c != '"' && c != '\'') pattern += c;
    }
    topic_filter out;
    out.all_ = text.empty();
    try {
      out.pattern_ = std::regex{pattern};
    } catch (const std::regex_error&) {
      return error{errc::invalid_argument,
                   fmt::format("--topic {}: neither a name nor a pattern", text)};
    }
    return out;
  }

  bool allows(const std::string& name) const { return all_ || std::regex_match(name, pattern_); }

 private:
  bool all_ = true;
  std::regex pattern_;
};

error missing_topic(const std::string& name) {
  return error{errc::unknown_topic, fmt::format("Topic '{}' does not exist as expected", name)};
}

// The topics that --topic means; an error when it means none and should.
result<std::vector<topic_info>> chosen_topics(target& at, const kafka_flags& flags, bool numbers) {
  const auto wanted = flags.value("topic");
  PENSTOCK_ASSIGN(const auto filter, topic_filter::parse(wanted));
  PENSTOCK_ASSIGN(auto all, describe_topics(at, {}, numbers));
  std::erase_if(all, [&](const topic_info& topic) {
    if (topic.name == metadata_topic) return true;
    return !filter.allows(topic.name) || (topic.internal && flags.has("exclude-internal"));
  });
  if (all.empty() && !wanted.empty() && !flags.has("if-exists") && !flags.has("list"))
    return missing_topic(wanted);
  return all;
}

// NAME=VALUE as `flag` gives it. What has no effect here is said and left out, as a node does with
// what Kafka's clients send.
result<void> take_setting(topic_settings& into, const char* flag, const std::string& given) {
  const auto equals = given.find('=');
  if (equals == given.npos)
    return error{errc::invalid_argument, fmt::format("--{} {}: write NAME=VALUE", flag, given)};
  const auto name = given.substr(0, equals);
  if (!is_foreign_setting(name)) return into.set(name, given.substr(equals + 1));
  session::note(fmt::format("warning: --{} {} has no effect here", flag, given));
  return {};
}

result<int> create_topic(session& with, const kafka_flags& flags) {
  const auto name = flags.value("topic");
  if (name.empty()) return error{errc::invalid_argument, "--create needs --topic"};
  PENSTOCK_ASSIGN(const auto partitions, flags.number("partitions", -1, 1, 100'000));
  PENSTOCK_ASSIGN(const auto replicas, flags.number("replication-factor", 1, -1, 0x7fff));
  if (replicas != 1 && replicas != -1)
    return error{errc::invalid_setting,
                 fmt::format("Unable to replicate the partition {} time(s): The target replication "
                             "factor of {} cannot be reached because only 1 broker(s) are "
                             "registered.",
                             replicas, replicas)};
  topic_settings settings;
  for (const auto& each : flags.values("config"))
    PENSTOCK_TRY(take_setting(settings, "config", each));
  if (name.find_first_of("._") != name.npos)
    with.out.text() +=
        "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore "
        "('_') could collide. To avoid issues it is best to use either, but not both.\n";
  PENSTOCK_ASSIGN(auto at, with.open());
  const auto& values = settings.explicit_values();
  const auto made =
      at->ask<admin_reply>(create_topic_request::make([&](wire::CreateTopicRequest::Builder to) {
        to.setName(text_of(name));
        to.setPartitions(static_cast<std::int32_t>(partitions));
        write_settings(to.initSettings(static_cast<unsigned>(values.size())), values);
      }));
  if (!made && made.error() == errc::topic_exists) {
    if (flags.has("if-not-exists")) return exit_ok;
    return error{errc::topic_exists, fmt::format("Topic '{}' already exists.", name)};
  }
  if (!made) return made.error();
  with.out.text() += "Created topic " + name + ".\n";
  return exit_ok;
}

result<int> alter_topics(session& with, const kafka_flags& flags) {
  if (!flags.has("topic") || !flags.has("partitions"))
    return error{errc::invalid_argument, "--alter needs --topic and --partitions"};
  PENSTOCK_ASSIGN(const auto partitions, flags.number("partitions", -1, 1, 100'000));
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topics, chosen_topics(*at, flags, false));
  for (const auto& topic : topics) {
    if (static_cast<std::int64_t>(topic.partitions.size()) == partitions)
      return error{errc::invalid_setting,
                   fmt::format("Topic already has {} partition(s).", partitions)};
    PENSTOCK_TRY(
        at->ask<admin_reply>(alter_topic_request::make([&](wire::AlterTopicRequest::Builder to) {
          to.setName(text_of(topic.name));
          to.setPartitions(static_cast<std::int32_t>(partitions));
        })));
  }
  return exit_ok;
}

result<int> delete_topics(session& with, const kafka_flags& flags) {
  if (!flags.has("topic")) return error{errc::invalid_argument, "--delete needs --topic"};
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topics, chosen_topics(*at, flags, false));
  for (const auto& topic : topics) {
    PENSTOCK_TRY(at->ask<admin_reply>(delete_topic_request::make(
        [&](wire::DeleteTopicRequest::Builder to) { to.setName(text_of(topic.name)); })));
  }
  return exit_ok;
}

std::string id_of(const topic_info& topic) {
  topic_id id;
  if (topic.id.size() == id.bytes.size())
    std::copy_n(reinterpret_cast<const std::uint8_t*>(topic.id.data()), id.bytes.size(),
                id.bytes.begin());
  return id.to_string();
}

void print_topic(const topic_info& topic, bytes& to) {
  std::string settings;
  for (const auto& [name, value] : topic.settings.explicit_values())
    settings += fmt::format("{}{}={}", settings.empty() ? "" : ",", name, value);
  fmt::format_to(std::back_inserter(to),
                 "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: 1\tConfigs: {}\n",
                 topic.name, id_of(topic), topic.partitions.size(), settings);
}

void print_partition(const topic_info& topic, const partition_info& of, std::int32_t node,
                     bytes& to) {
  const auto here = std::to_string(std::max(node, 0));
  fmt::format_to(std::back_inserter(to),
                 "\tTopic: {}\tPartition: {}\tLeader: {}\tReplicas: {}\tIsr: {}\tElr: "
                 "\tLastKnownElr: \n",
                 topic.name, of.index, of.offline ? "none" : here, here, of.offline ? "" : here);
}

result<int> describe_chosen(session& with, const kafka_flags& flags) {
  PENSTOCK_ASSIGN(auto at, with.open());
  const bool only_offline = flags.has("unavailable-partitions") ||
                            flags.has("under-replicated-partitions") ||
                            flags.has("under-min-isr-partitions");
  const bool only_partitions = only_offline || flags.has("at-min-isr-partitions");
  PENSTOCK_ASSIGN(auto topics, chosen_topics(*at, flags, true));
  if (flags.has("topic-id"))
    std::erase_if(topics, [&](const auto& each) { return id_of(each) != flags.value("topic-id"); });
  if (topics.empty() && flags.has("topic-id") && !flags.has("if-exists"))
    return error{errc::unknown_topic,
                 fmt::format("TopicId '{}' does not exist as expected", flags.value("topic-id"))};
  for (const auto& topic : topics) {
    const bool overrides = flags.has("topics-with-overrides");
    if (overrides && topic.settings.explicit_values().empty()) continue;
    if (!only_partitions) print_topic(topic, with.out.text());
    if (overrides) continue;
    for (const auto& each : topic.partitions)
      if (!only_offline || each.offline)
        print_partition(topic, each, at->node_id(), with.out.text());
  }
  return exit_ok;
}

result<int> list_topics(session& with, const kafka_flags& flags) {
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_ASSIGN(const auto topics, chosen_topics(*at, flags, false));
  for (const auto& topic : topics) with.out.text() += topic.name + "\n";
  return exit_ok;
}

}  // namespace

result<int> kafka_topics(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(topics_flags));
  PENSTOCK_ASSIGN(auto at, with.at(flags));
  const int actions = static_cast<int>(flags.has("create")) + static_cast<int>(flags.has("list")) +
                      static_cast<int>(flags.has("describe")) +
                      static_cast<int>(flags.has("alter")) + static_cast<int>(flags.has("delete"));
  if (actions != 1)
    return error{errc::invalid_argument,
                 "Command must include exactly one action: --list, --describe, --create, --alter "
                 "or --delete"};
  if (flags.has("create")) return create_topic(at, flags);
  if (flags.has("list")) return list_topics(at, flags);
  if (flags.has("describe")) return describe_chosen(at, flags);
  if (flags.has("alter")) return alter_topics(at, flags);
  return delete_topics(at, flags);
}

// ---- kafka-configs.sh --------------------------------------------------------------------------

namespace {

constexpr const char* properties_file =
    "the settings of a node are those of its server.properties: change them there and start it "
    "again";

constexpr kafka_flag configs_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"describe"},
    {"alter"},
    {"all"},
    {"entity-type", takes::value},
    {"entity-name", takes::value},
    {"topic", takes::value},
    {"add-config", takes::value},
    {"delete-config", takes::value},
    {"add-config-file", takes::value, "--add-config NAME=VALUE,… does it"},
    {"entity-default", takes::nothing, properties_file},
    {"broker", takes::value, properties_file},
    {"broker-defaults", takes::nothing, properties_file},
    {"broker-logger", takes::value, properties_file},
    {"user", takes::value, "there are no users in this version"},
    {"client", takes::value, "there are no quotas in this version"},
    {"group", takes::value, "groups have no settings of their own here"},
};

// "a=1,b=[x,y],c=3": commas in brackets belong to the value.
std::vector<std::string> split_settings(std::string_view text) {
  std::vector<std::string> out;
  std::string now;
  bool bracket = false;
  for (const char c : text) {
    if (c == '[') bracket = true;
    if (c == ']') bracket = false;
    if (c == '[' || c == ']') continue;
    if (c == ',' && !bracket) {
      out.push_back(std::exchange(now, {}));
    } else {
      now += c;
    }
  }
  if (!now.empty()) out.push_back(std::move(now));
  return out;
}

result<int> alter_settings(session& with, const kafka_flags& flags, const std::string& name) {
  topic_settings settings;
  std::vector<std::string> reset;
  bool named = false;
  for (const auto& given : flags.values("add-config")) {
    for (const auto& each : split_settings(given)) {
      PENSTOCK_TRY(take_setting(settings, "add-config", each));
      named = true;
    }
  }
  for (const auto& given : flags.values("delete-config")) {
    for (auto& each : split_settings(given)) {
      named = true;
      if (is_foreign_setting(each)) continue;  // it never was set
      PENSTOCK_TRY(settings.value_of(each));
      reset.push_back(std::move(each));
    }
  }
  const auto& values = settings.explicit_values();
  if (!named) return error{errc::invalid_argument, "--alter needs --add-config or --delete-config"};
  PENSTOCK_ASSIGN(auto at, with.open());
  PENSTOCK_TRY(
      at->ask<admin_reply>(alter_topic_request::make([&](wire::AlterTopicRequest::Builder to) {
        to.setName(text_of(name));
        to.setPartitions(-1);
        write_settings(to.initSet(static_cast<unsigned>(values.size())), values);
        auto list = to.initReset(static_cast<unsigned>(reset.size()));
        for (unsigned i = 0; i < reset.size(); ++i) list.set(i, text_of(reset[i]));
      })));
  with.out.text() += fmt::format("Completed updating config for topic {}.\n", name);
  return exit_ok;
}

void print_settings(const target& at, const topic_info& topic, bool all, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{} configs for topic {} are:\n", all ? "All" : "Dynamic",
                 topic.name);
  for (const auto& info : topic_setting_table()) {
    const auto by_hand = topic.settings.explicit_values().find(info.name);
    const bool set = by_hand != topic.settings.explicit_values().end();
    if (!set && !all) continue;
    const auto otherwise = default_at(at, info);
    std::vector<std::string> synonyms;
    if (set)
      synonyms.push_back(fmt::format("DYNAMIC_TOPIC_CONFIG:{}={}", info.name, by_hand->second));
    if (otherwise) synonyms.push_back(fmt::format("DEFAULT_CONFIG:{}={}", info.name, *otherwise));
    fmt::format_to(std::back_inserter(to), "  {}={} sensitive=false synonyms={{{}}}\n", info.name,
                   set ? by_hand->second : otherwise.value_or("(default of the node)"),
                   fmt::join(synonyms, ", "));
  }
}

}  // namespace

result<int> kafka_configs(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(configs_flags));
  PENSTOCK_ASSIGN(auto where, with.at(flags));
  const auto type = flags.value("entity-type", flags.has("topic") ? "topics" : "");
  if (type.empty()) return error{errc::invalid_argument, "--entity-type topics is missing"};
  if (type != "topics")
    return error{errc::invalid_argument,
                 type == "brokers" || type == "broker-loggers"
                     ? fmt::format("--entity-type {} is not supported: {}", type, properties_file)
                     : fmt::format("--entity-type {} is not supported: topics is", type)};
  const auto name = flags.value("entity-name", flags.value("topic"));
  if (flags.has("alter") == flags.has("describe"))
    return error{errc::invalid_argument,
                 "Command must include exactly one action: --describe, --alter"};
  if (flags.has("alter")) {
    if (name.empty()) return error{errc::invalid_argument, "--alter needs --entity-name"};
    return alter_settings(where, flags, name);
  }
  PENSTOCK_ASSIGN(auto at, where.open());
  PENSTOCK_ASSIGN(
      const auto topics,
      describe_topics(
          *at, name.empty() ? std::vector<std::string>{} : std::vector<std::string>{name}, false));
  if (topics.empty() && !name.empty()) return no_such_topic(*at, name);
  for (const auto& topic : topics)
    if (topic.name != metadata_topic) print_settings(*at, topic, flags.has("all"), with.out.text());
  return exit_ok;
}

// ---- kafka-get-offsets.sh ----------------------------------------------------------------------

namespace {

constexpr kafka_flag offsets_flags[] = {
    bootstrap_flag,
    command_config_flag,
    {"topic", takes::value},
    {"partitions", takes::value},
    {"time", takes::value},
    {"exclude-internal-topics"},
    {"topic-partitions", takes::value, "--topic and --partitions do it"},
};

result<std::int64_t> time_of(const kafka_flags& flags) {
  const auto text = flags.value("time", "latest");
  if (text == "latest") return std::int64_t{-1};
  if (text == "earliest") return std::int64_t{-2};
  if (const auto time = flags.number("time", -1, -2, std::numeric_limits<std::int64_t>::max()))
    return *time;
  return error{
      errc::invalid_argument,
      fmt::format("--time {}: give it earliest (-2), latest (-1) or milliseconds since 1970",
                  text)};
}

// "0,2"
result<std::set<std::size_t>> partitions_of(const kafka_flags& flags) {
  std::set<std::size_t> out;
  const auto text = flags.value("partitions");
  for (std::string_view rest = text; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::size_t number = 0;
    const auto [at, failure] = std::from_chars(rest.data(), rest.data() + comma, number);
    if (failure != std::errc{} || at != rest.data() + comma)
      return error{errc::invalid_argument,
                   fmt::format("--partitions {}: give it numbers with commas between", text)};
    out.insert(number);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

}  // namespace

result<int> kafka_get_offsets(kafka_front& with) {
  PENSTOCK_ASSIGN(const auto flags, with.parse(offsets_flags));
  PENSTOCK_ASSIGN(auto where, with.at(flags));
  PENSTOCK_ASSIGN(const auto time, time_of(flags));
  PENSTOCK_ASSIGN(const auto filter, topic_filter::parse(flags.value("topic")));
  PENSTOCK_ASSIGN(const auto only, partitions_of(flags));
  PENSTOCK_ASSIGN(auto at, where.open());
  PENSTOCK_ASSIGN(const auto topics, describe_topics(*at, {}, false));
  bool any = false;
  for (const auto& topic : topics) {
    if (topic.name == metadata_topic || !filter.allows(topic.name)) continue;
    if (topic.internal && flags.has("exclude-internal-topics")) continue;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      if (!only.empty() && !only.contains(i)) continue;
      any = true;
      PENSTOCK_ASSIGN(const auto reply, at->ask<list_offsets_reply>(list_offsets_request::make(
                                            [&](wire::ListOffsetsRequest::Builder to) {
                                              to.setTopic(text_of(topic.name));
                                              to.setPartition(static_cast<std::int32_t>(i));
                                              to.setTime(time);
                                            })));
      const auto offset = reply.open()->getOffset();
      // No record is that young: Kafka leaves the number out.
      fmt::format_to(std::back_inserter(with.out.text()), "{}:{}:{}\n", topic.name, i,
                     offset < 0 ? std::string{} : std::to_string(offset));
    }
  }
  if (!any) return error{errc::unknown_topic, "Could not match any topic-partitions"};
  return exit_ok;
}

}  // namespace penstock::tool
