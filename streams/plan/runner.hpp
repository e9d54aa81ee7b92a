// One task at work: a sub-topology's operators for one partition, fed batch by batch. A plain
// object without threads or I/O: the task actor (or the test driver) owns it, reads its input,
// sends its output and makes its changes durable. Order of a task's life: `restore*`,
// `restore_progress`, then `process`/`on_watermark`/`tick` in any order, and at each commit
// `flush`, `take_changes`, `save_progress`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/result.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {

class operator_base;
class task_context;

/// A record on its way out of a task. Views live until `emit` returns.
struct emitted {
  std::optional<bytes_view> key;
  std::optional<bytes_view> value;
  timestamp time = no_timestamp;
  std::span<const header_view> headers;
};

/// A bad record, for logs and tests. Views live until the call returns.
struct bad_record_notice {
  std::string_view step;
  std::string_view topic;  // where the record came from; empty when it left a state
  std::int32_t partition = 0;
  offset_t offset = -1;
  std::string_view reason;
  std::optional<bytes_view> key;  // as they came
  std::optional<bytes_view> value;
};

/// Where a runner's output goes. Called only from inside calls on the runner.
class task_output {
 public:
  virtual ~task_output() = default;

  /// A record for sink number `sink` of the sub-topology.
  virtual void emit(std::int32_t sink, const emitted& out) = 0;

  /// A line of a `print` step.
  virtual void print(std::string_view line) = 0;

  /// A record that a step could not process and that was not fatal: skipped, or emitted as a dead
  /// letter just before this call. For logs; the default does nothing.
  virtual void on_bad_record(const bad_record_notice& /*notice*/) {}
};

struct runner_settings {
  const clock* time = nullptr;               // wall clock for idleness and `max_ahead`
  std::vector<std::int32_t> upstream_tasks;  // per source; see plan::make_runner
  duration max_ahead = 1h;                   // a record further in the future is a bad record
  std::string job;                           // for messages
};

/// Counters of one task since its start.
struct task_counters {
  std::uint64_t records_in = 0;   // of the topology's own inputs: none behind a `key_by`
  std::uint64_t records_out = 0;  // to topics outside of the topology
  std::uint64_t late = 0;
  std::uint64_t bad = 0;
};

/// How far event time has come in this task, for downstream.
struct task_time {
  timestamp watermark = min_timestamp;
  bool idle = false;  // every input is idle: must not hold others back
};

class task_runner {
 public:
  virtual ~task_runner() = default;

  /// Runs every record of a data batch from source number `source`, skipping offsets below `from`.
  /// Emits as it goes. An error (policy `stop`) names step, topic, partition and offset; records
  /// before it have been processed.
  virtual result<void> process(std::int32_t source, const batch_view& batch, offset_t from) = 0;

  /// Offset and source of the record being processed: what output emitted right now stems from.
  virtual offset_t current_offset() const = 0;
  virtual std::int32_t current_source() const = 0;

  /// Event time of one upstream task, from a control record of a repartition source.
  /// May emit closed windows; fails as `process` does.
  virtual result<void> on_watermark(std::int32_t source, const watermark_mark& mark) = 0;

  /// Wall-clock time went on: idleness. May emit closed windows; fails as `process` does.
  virtual result<void> tick() = 0;

  /// Event time of every external source goes on to `watermark` (never back), as if a record
  /// beyond it had come. May emit closed windows; fails as `process` does.
  virtual result<void> advance_to(timestamp watermark) = 0;

  /// `--close-windows` at the end of the input: event time jumps past everything.
  result<void> close_windows() { return advance_to(max_timestamp); }

  virtual task_time time() const = 0;

  /// Emits what waits for a commit: the newest value of every key changed since the last flush.
  /// Fails as `process` does; after any failure the task must not commit.
  virtual result<void> flush() = 0;

  /// True when there are changes that a commit has to make durable.
  virtual bool has_changes() const = 0;

  /// Approximate bytes of changes since the last `take_changes`, to commit before they are many.
  virtual std::size_t change_bytes() const = 0;

  /// Adds every state change up to the last `flush` to `to`: key "<step>\0<key>", value or
  /// tombstone.
  virtual void take_changes(batch_builder& to) = 0;

  /// Watermarks and idleness, to be restored with the state so that lateness is judged alike.
  virtual bytes save_progress() const = 0;
  virtual result<void> restore_progress(bytes_view saved) = 0;

  /// One record of `take_changes`, in order, before anything is processed.
  virtual result<void> restore(bytes_view key, std::optional<bytes_view> value) = 0;

  virtual task_counters counters() const = 0;

  /// Memory of all stores (`store_base::memory_bytes`).
  virtual std::uint64_t state_bytes() const = 0;

  /// The serialized value a store holds for a serialized key; for tests and queries.
  virtual std::optional<bytes> state_of(std::string_view step, bytes_view key) const = 0;

  /// Every (key, value) of a store, serialized, in unspecified order.
  virtual void each_state(std::string_view step,
                          const std::function<void(bytes_view key, bytes_view value)>& f) const = 0;
};

}  // namespace penstock
