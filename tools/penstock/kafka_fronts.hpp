// Kafka's scripts (bin/kafka-topics.sh and its like) as thin fronts of the words of `penstock`:
// their flags, their meaning, and the shape of what they print, because other people's scripts read
// it. `penstock kafka-topics …` runs one; bin/*.sh call that.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/penstock/arguments.hpp"
#include "tools/penstock/kafka_flags.hpp"

namespace penstock::tool {

/// True for "kafka-topics" and the names of the others.
bool is_kafka_front(std::string_view name);

/// Runs the script that `words[0]` names; gives the process's exit status: 0 or 1, as Kafka's do.
int run_kafka_front(std::vector<std::string> words);

/// What each script gets: everything behind its name.
struct kafka_front {
  std::string_view name;
  const std::vector<std::string>& words;
  output& out;

  bool wants_help() const;

  /// The flags among its words. `--help` prints those that there are and ends with `cancelled`.
  /// More than `words_max` words that belong to no flag are `invalid_argument`.
  result<kafka_flags> parse(std::span<const kafka_flag> known, std::size_t words_max = 0) const;

  /// The node that --bootstrap-server names; `invalid_argument` without that flag.
  result<session> at(const kafka_flags& flags) const;
};

// Each in kafka_<what>.cpp. `cancelled` and statuses as words have them.
result<int> kafka_topics(kafka_front& with);
result<int> kafka_console_producer(kafka_front& with);
result<int> kafka_console_consumer(kafka_front& with);
result<int> kafka_consumer_groups(kafka_front& with);
result<int> kafka_configs(kafka_front& with);
result<int> kafka_get_offsets(kafka_front& with);
result<int> kafka_dump_log(kafka_front& with);
result<int> kafka_storage(kafka_front& with);
result<int> kafka_server_start(kafka_front& with);
result<int> kafka_server_stop(kafka_front& with);

/// Flags that every script has which talks to a node.
inline constexpr kafka_flag bootstrap_flag{"bootstrap-server", kafka_flag::takes::value};
inline constexpr kafka_flag command_config_flag{
    "command-config", kafka_flag::takes::value,
    "it is for security settings, which this version does not have: leave it out"};

}  // namespace penstock::tool
