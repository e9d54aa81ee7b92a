// The command line as values, and the words that work on them. `cli.cpp` fills one of these and
// calls the word that was named.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/result.hpp"
#include "tools/penstock/output.hpp"
#include "tools/penstock/target.hpp"

namespace penstock::tool {

/// What every word gets.
struct session {
  std::string on = default_directory;
  bool json = false;
  output& out;
  duration patience{0};  // with a node that goes away

  result<std::unique_ptr<target>> open(bool create = false) const {
    return target::open(on, create, patience);
  }
  /// A line for people on standard error: "penstock: …".
  static void note(std::string_view line);
};

struct topic_arguments {
  std::vector<std::string> names;
  std::int32_t partitions = -1;
  std::vector<std::string> set;
  std::vector<std::string> reset;
  std::string key_format;
  std::string value_format;
  bool internal = false;
  bool all_settings = false;
};

struct produce_arguments {
  std::string topic;
  std::string file;
  std::string key_separator;
  std::string null_as;
  std::int32_t partition = -1;
  std::string time;
  std::string compression = "none";
  bool prompt = false;  // ">" in front of every line
};

struct consume_arguments {
  std::string topic;
  bool from_beginning = false;
  std::vector<std::string> offsets;
  std::string time;
  std::string group;
  std::vector<std::int32_t> partitions;
  std::optional<std::uint64_t> count;
  bool follow = false;
  bool until_end = false;
  std::string isolation = "read-committed";
  bool read_uncommitted() const { return isolation == "read-uncommitted"; }
  std::optional<std::string> format;
  std::string null_as;
  std::string key_format;            // empty: what the topic remembers
  std::string value_format;          // the same
  duration idle_max{0};              // end when nothing came for so long; 0: never
  std::uint64_t* printed = nullptr;  // how many records were
};

struct group_arguments {
  std::string name;
  std::vector<std::string> topics;  // "topic" or "topic:partition"
  bool to_beginning = false;
  bool to_end = false;
  std::string to_time;
  std::optional<std::int64_t> to_offset;
  bool clamp_offset = false;  // to the partition's own, as Kafka's script does; else refuse
  std::optional<std::int64_t> shift_by;  // by so many records, within what is there
  bool to_current = false;               // where they are
  bool dry_run = false;
};

struct dead_letter_arguments {
  std::string topic;
  std::vector<std::string> at;  // offsets: N, FIRST-LAST, PARTITION:N, PARTITION:FIRST-LAST
  std::vector<std::string> steps;
  std::vector<std::string> reasons;
  std::optional<std::uint64_t> count;
  bool raw = false;  // show: the value's bytes alone
  std::string to;    // replay: instead of the topic it came from
  bool again = false;
  bool dry_run = false;
};

struct log_arguments {
  std::vector<std::string> topics;
  std::vector<std::int32_t> partitions;
  std::vector<std::string> files;
  std::optional<std::int64_t> from;
  std::optional<std::uint64_t> count;
  bool records = false;
  bool kafka_heads = false;  // the line that Kafka's tool prints in front of a file's batches
};

struct job_arguments {
  std::uint32_t interval_ms = 1000;
};

result<int> topic_create(session& with, const topic_arguments& args);
result<int> topic_list(session& with, const topic_arguments& args);
result<int> topic_describe(session& with, const topic_arguments& args);
result<int> topic_alter(session& with, const topic_arguments& args);
result<int> topic_delete(session& with, const topic_arguments& args);
result<int> produce(session& with, const produce_arguments& args);
result<int> consume(session& with, const consume_arguments& args);
result<int> group_list(session& with);
result<int> group_describe(session& with, const group_arguments& args);
result<int> group_reset(session& with, const group_arguments& args);
result<int> group_delete(session& with, const group_arguments& args);
result<int> dead_letters_list(session& with, const dead_letter_arguments& args);
result<int> dead_letters_show(session& with, const dead_letter_arguments& args);
result<int> dead_letters_replay(session& with, const dead_letter_arguments& args);
result<int> log_dump(session& with, const log_arguments& args);
result<int> log_verify(session& with, const log_arguments& args);
result<int> job_status(session& with, const job_arguments& args);

}  // namespace penstock::tool
