// What one commit of a task with state looks like in its changelog: exactly one record batch, so
// that its checksum makes it atomic. First a record with the positions that the state reflects,
// then, when the task writes repartition topics, the batches this commit produced for them (the
// outbox), then the changes of the state. docs/formats/changelog.md has the bytes. Pure; the task
// actor writes and reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {

/// Keys of the two records that are not state. No state key begins with NUL: step names do not.
inline constexpr bytes_view positions_key{"\0positions", 10};
inline constexpr bytes_view outbox_key{"\0outbox", 7};

/// Where a task stands: what its state has seen of every input.
struct task_positions {
  std::int64_t commit = -1;                  // number of this commit; the first is 0
  std::int32_t epoch = 0;                    // of the task's run that wrote it
  bytes progress;                            // task_runner::save_progress
  std::map<topic_partition, offset_t> next;  // next offset to read of each input in a topic
  /// The ids (16 bytes) of all topics that the topology reads: state and positions mean nothing
  /// for another topic of that name.
  std::map<std::string, bytes> topic_ids;
  /// In-memory repartition: (source index, upstream task) -> last sequence taken over.
  std::map<std::pair<std::int32_t, std::string>, std::int64_t> sequences;

  friend bool operator==(const task_positions&, const task_positions&) = default;
};

bytes encode(const task_positions& positions);

/// `corrupt` when the bytes lie about their lengths; `unsupported_version` for a newer layout.
result<task_positions> decode_positions(bytes_view value);

/// A finished batch on its way to a partition.
struct outgoing_batch {
  topic_partition to;
  bytes batch;

  friend bool operator==(const outgoing_batch&, const outgoing_batch&) = default;
};

bytes encode_outbox(const std::vector<outgoing_batch>& batches);
result<std::vector<outgoing_batch>> decode_outbox(bytes_view value);

/// The same records as `batch` with another source mark on the first: how a restarted task sends
/// its last outbox again under its new epoch.
result<bytes> remark(bytes_view batch, const source_mark& mark);

}  // namespace penstock
