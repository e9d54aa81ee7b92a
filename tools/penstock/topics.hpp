// What several words need to know about topics: their description, and what was probably meant by
// a name that does not exist.
#pragma once

#include <string>
#include <vector>

#include "streams/base/ids.hpp"
#include "streams/base/nearest.hpp"
#include "streams/topic/settings.hpp"
#include "tools/penstock/target.hpp"

namespace penstock::tool {

struct partition_info {
  std::int32_t index = 0;
  offset_t start = 0;
  offset_t end = 0;  // the high watermark
  std::uint64_t size_bytes = 0;
  std::uint32_t segments = 0;
  error offline;
};

struct topic_info {
  std::string name;
  bytes id;
  bool internal = false;
  topic_settings settings;
  std::vector<partition_info> partitions;
};

/// The named topics, or all, sorted by name. With `numbers` every partition is asked for its own.
result<std::vector<topic_info>> describe_topics(target& at, const std::vector<std::string>& names,
                                                bool numbers);

/// One topic with numbers; `unknown_topic` naming similar ones.
result<topic_info> describe_topic(target& at, const std::string& name);

/// "topic \"ordres\" does not exist: did you mean \"orders\"?"
error no_such_topic(target& at, const std::string& name);

/// "topic \"orders\" has partitions 0 to 3, not 7"
error no_such_partition(const topic_info& topic, std::int32_t partition);

/// First offset with a time not before `time` (-1 the end, -2 the start, as in Kafka); the end
/// when all are older.
result<offset_t> offset_at(target& at, const topic_partition& tp, std::int64_t time,
                           bool committed = false);

/// ISO 8601 (UTC unless it has an offset) or milliseconds since 1970; `invalid_argument` naming
/// the flag and the value.
result<timestamp> parse_time(const std::string& flag, const std::string& text);

}  // namespace penstock::tool
