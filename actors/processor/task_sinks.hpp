// What a task emits, on its way into batches: one builder per sink and partition. Ordinary topics
// get batches as they fill; repartition topics get batches with a source mark, so that the
// partition can drop what a restarted task sends again. Owned by the task actor, which hands the
// batches on. No mailbox, no waiting.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/client/produce_queue.hpp"
#include "actors/processor/commit_record.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"
#include "streams/plan/plan.hpp"
#include "streams/plan/runner.hpp"
#include "streams/record/batch.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {

struct task_sinks_config {
  std::vector<plan_sink> sinks;
  std::vector<std::int32_t> partitions;  // of each sink's topic
  std::string task;                      // name in marks
  std::int32_t sources = 1;              // of the task
  bool stateful = false;
  bool in_memory = false;  // repartitioned batches never leave the process
  const clock* time = nullptr;
  std::function<void(std::string_view)> print;
};

class task_sinks final : public task_output {
 public:
  /// A batch for an ordinary topic goes into `queue` when it has reached this size.
  static constexpr std::size_t batch_bytes = std::size_t{64} << 10;

  task_sinks(task_sinks_config config, produce_queue& queue);

  /// The run of this task: newer epochs fence older ones in the partitions.
  void set_epoch(std::int32_t epoch) { epoch_ = epoch; }

  /// Name in the source marks of output that stems from `source`.
  std::string mark_name(std::int32_t source) const;

  /// Names under which this task opens every partition of its repartition sinks.
  std::vector<std::string> mark_names() const;

  /// The partition holds output of `mark` up to and including `sequence`: it is not sent again.
  void set_sent(const topic_partition& to, const std::string& mark, std::int64_t sequence);

  /// What is emitted until `end_chunk` stems from records of `source` up to offset `last`, and
  /// `runner` knows which one. Tasks with state: until the commit `number`.
  void begin_chunk(const task_runner& runner, std::int32_t source, offset_t last);
  void begin_commit_span(std::int64_t number) {
    sequence_ = number;
    mark_.clear();
  }

  /// Closes the open batches of repartition sinks and hands them over.
  std::vector<outgoing_batch> take_repartitioned();

  /// Closes the open batches of ordinary topics and queues them.
  void flush_ordinary();

  /// Every partition of every repartition sink: where watermarks go.
  const std::vector<topic_partition>& repartition_targets() const { return targets_; }

  /// Bytes in open batches for repartition sinks.
  std::size_t repartition_bytes() const { return repartition_bytes_; }
  bool empty() const { return repartition_bytes_ == 0 && !ordinary_open_; }
  std::uint64_t bytes_out() const { return bytes_out_; }

  void emit(std::int32_t sink, const emitted& out) override;
  void print(std::string_view line) override;
  void on_bad_record(const bad_record_notice& notice) override;

 private:
  struct lane {
    topic_partition to;
    batch_builder builder;
    std::int64_t sent = -1;  // repartition, for the current source: not sent again up to here
  };
  struct sink {
    plan_sink what;
    sticky_partitioner choose;
    std::vector<lane> lanes;  // one per partition
  };

  void add(lane& to, const emitted& out, bool mark);

  task_sinks_config config_;
  produce_queue& queue_;
  std::vector<sink> sinks_;
  std::vector<topic_partition> targets_;
  std::map<std::pair<topic_partition, std::string>, std::int64_t> sent_;
  const task_runner* runner_ = nullptr;  // during a chunk of a task without state
  std::int32_t epoch_ = 0;
  std::int32_t source_ = -1;
  std::int64_t sequence_ = 0;
  bytes mark_;                        // encoded, for the current chunk
  std::vector<header_view> headers_;  // scratch
  std::size_t repartition_bytes_ = 0;
  bool ordinary_open_ = false;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace penstock
