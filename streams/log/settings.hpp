// How one partition's log behaves. Names and defaults are those of Kafka's topic configuration;
// `streams/topic/settings.hpp` parses them from text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "streams/base/time.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// What an acknowledgement means. `none`: the bytes are in the page cache (Kafka's default; a
/// killed process loses nothing, a power loss may). `interval`: as `none`, with a sync at least
/// every `flush_interval`. `batch`: the acknowledgement waits for a sync (group commit).
enum class flush_policy : std::uint8_t { none = 0, interval = 1, batch = 2 };

struct log_settings {
  std::uint64_t segment_bytes = std::uint64_t{1} << 30;    // segment.bytes
  duration segment_age = 168h;                             // segment.ms
  std::uint32_t index_interval_bytes = 4096;               // index.interval.bytes
  std::uint32_t message_bytes_max = 1'048'588;             // max.message.bytes (a whole batch)
  std::int64_t retention_bytes = -1;                       // retention.bytes; -1: no limit
  duration retention = 168h;                               // retention.ms; negative: no limit
  bool cleanup_delete = true;                              // cleanup.policy contains delete
  bool cleanup_compact = false;                            // cleanup.policy contains compact
  double dirty_ratio_min = 0.5;                            // min.cleanable.dirty.ratio
  duration tombstone_retention = 24h;                      // delete.retention.ms
  duration compaction_lag_min = 0ms;                       // min.compaction.lag.ms
  timestamp_type time_type = timestamp_type::create_time;  // message.timestamp.type
  duration time_ahead_max = duration::max();               // message.timestamp.after.max.ms
  duration time_behind_max = duration::max();              // message.timestamp.before.max.ms
  std::optional<codec> compression;                        // compression.type; none: as it comes
  flush_policy flush = flush_policy::batch;                // penstock.flush
  duration flush_interval = 1000ms;                        // flush.ms, with policy `interval`
  std::uint32_t tail_cache_bytes = 1u << 20;               // penstock.tail.cache.bytes
  bool drop_repeats = false;                               // penstock.drop.repeats: repartition
};

}  // namespace penstock
