// Time as records carry it: milliseconds since the Unix epoch, UTC, as in Kafka's record
// timestamps.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace penstock {

using namespace std::chrono_literals;  // NOLINT: users write grace{10s}

using duration = std::chrono::milliseconds;
using timestamp = std::chrono::sys_time<duration>;

/// "No timestamp", -1 on the wire and on disk.
inline constexpr timestamp no_timestamp{duration{-1}};

/// Before every record: the watermark of an input that has shown nothing yet.
inline constexpr timestamp min_timestamp{duration{std::numeric_limits<std::int64_t>::min()}};

/// After every record: the watermark of an input that has ended.
inline constexpr timestamp max_timestamp{duration{std::numeric_limits<std::int64_t>::max()}};

constexpr std::int64_t to_millis(timestamp t) {
  return t.time_since_epoch().count();
}
constexpr timestamp from_millis(std::int64_t ms) {
  return timestamp{duration{ms}};
}

}  // namespace penstock
