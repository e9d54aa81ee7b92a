// What upstream tasks write into repartition topics beside the records: where a batch came from, so
// that a partition can drop what a restarted task sends again, and how far event time has come, so
// that windows downstream can close. docs/formats/repartition.md has the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// The origin of a batch: the upstream task ("<topology>/<sub-topology>/<partition>"), the epoch of
/// its run, and a number that grows with every batch it sends to one partition (the source offset
/// reached, or the commit number for tasks with state). Travels as header `penstock.source` of the
/// batch's first record.
struct source_mark {
  std::string task;
  std::int32_t epoch = 0;
  std::int64_t sequence = -1;

  friend bool operator==(const source_mark&, const source_mark&) = default;
};

inline constexpr std::string_view source_mark_header = "penstock.source";

/// The header's value.
bytes encode(const source_mark& mark);

/// The mark of a batch; nothing when its first record has none; `corrupt` when it does not decode.
result<std::optional<source_mark>> source_mark_of(const batch_view& batch);

/// Event time of one upstream task: no later record of it has a smaller time, or it has gone idle
/// and must not hold time back. Travels as a control batch (Kafka's control bit, type 64), which
/// Kafka clients skip.
struct watermark_mark {
  std::string task;
  std::int32_t epoch = 0;
  timestamp watermark = min_timestamp;
  bool idle = false;

  friend bool operator==(const watermark_mark&, const watermark_mark&) = default;
};

/// A whole control batch, offsets unassigned.
bytes encode(const watermark_mark& mark, timestamp now);

/// The mark in a control batch; nothing for control batches of other types (transaction markers).
result<std::optional<watermark_mark>> watermark_mark_of(const batch_view& batch);

}  // namespace penstock
