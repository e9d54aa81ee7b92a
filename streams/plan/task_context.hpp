// What an operator may ask of the task it runs in: its inputs and stores while it is made, and
// output, event time and the way out for bad records while it runs. Owned by the task runner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "streams/base/clock.hpp"
#include "streams/base/time.hpp"
#include "streams/plan/operator.hpp"
#include "streams/plan/plan.hpp"
#include "streams/plan/runner.hpp"
#include "streams/plan/store.hpp"

namespace penstock {

/// Which half of a `key_by` an operator is: a change of key inside the task, or one end of the hop.
enum class hop_side : std::uint8_t { inside, write, read };

/// The timeline of a step for each source that may feed it, first for records that leave a state;
/// -1 where times do not matter.
using timeline_numbers = std::vector<int>;

class task_context {
 public:
  task_context(const plan& p, std::int32_t part, std::int32_t partition,
               const runner_settings& settings, task_output& output);
  task_context(const task_context&) = delete;
  task_context& operator=(const task_context&) = delete;

  // While operators are made.

  /// The step whose operator is being made. Lives as long as the plan.
  const step& self() const { return *self_; }
  hop_side side() const { return side_; }

  /// Number of the sink that the step writes to.
  std::int32_t sink() const { return sink_; }

  /// An `event_time` step's timelines, for `saw`.
  timeline_numbers timelines() const;

  /// How far behind the task's watermark records arrive at the step (`step::holds_back` of those
  /// before it).
  duration delay() const { return delay_; }

  /// The edge behind the step's input number `index`, where the operator attaches itself.
  template <class K, class V>
  emitter<K, V>& input(std::size_t index = 0, int port = 0) {
    return input_port(index, port).as<K, V>();
  }
  output_port input_port(std::size_t index, int port);

  /// A store of the step; `store` lives in the operator.
  void add_store(store_base& store) { stores_.emplace_back(self_->name, &store); }

  // While records run.

  std::int32_t partition() const { return partition_; }
  void emit(std::int32_t sink, const emitted& out) {
    if (!part_->sinks[static_cast<std::size_t>(sink)].repartition) ++counters_.records_out;
    output_->emit(sink, out);
  }
  void print(std::string_view line) { output_->print(line); }
  void count_late() { ++counters_.late; }

  /// Applies the topology's policy to the record being worked on: returns when it has been counted
  /// and skipped or sent away, throws `stop_task` when the task must stop.
  void bad_record(const step& at, const record_context& context, std::string_view reason);

  /// In a catch block: treats what a user's function threw as a bad record.
  void caught(const step& at, const record_context& context);

  /// Whether `time` is known to be an event time that can be: the quick look before `implausible`.
  bool plausible(timestamp time) const noexcept {
    return time >= timestamp{} && time <= plausible_until_;
  }

  /// Empty when `time` can be an event time; otherwise the reason why not.
  std::string implausible(timestamp time);

  /// Event time of a record behind an `event_time` step. The watermark follows when the task is
  /// done with the record.
  void saw(const timeline_numbers& timelines, timestamp time) {
    const int number = timelines[static_cast<std::size_t>(feeding_ + 1)];
    if (number >= 0) saw(timelines_[static_cast<std::size_t>(number)], time);
  }
  /// The step's place in the order in which operators hear of time, for `watermark_at`.
  std::size_t place() const { return made_.size(); }

  /// The task's watermark as the operator at `place` knows it; never goes back. While operators
  /// close what the watermark has passed, those behind still live in the time before: what reaches
  /// them from a window that closes is not late.
  timestamp watermark_at(std::size_t place) const {
    return place > told_ ? watermark_before_ : watermark_;
  }

  /// The watermark as a step sees it that gets its records `delay` late.
  timestamp watermark(duration delay) const {
    return watermark_ < min_timestamp + delay ? min_timestamp : watermark_ - delay;
  }

  /// Asks for `on_time` when the task's watermark reaches `t`.
  void wake_at(timestamp t) {
    if (t < next_due_) next_due_ = t;
  }

 private:
  friend class plan_runner;

  /// Event time along one way into the task: a source, or an `event_time` step behind one.
  struct timeline_state {
    const plan_timeline* layout = nullptr;
    timestamp max_seen = min_timestamp;  // of one that marks drive: its watermark
    std::chrono::nanoseconds active{0};  // when a record or mark came last
    bool idle = false;
    bool touched = false;  // since `active` was taken
    bool ended = false;    // nothing more comes, for now: `advance_to(max_timestamp)`

    timestamp watermark() const {
      if (ended) return max_timestamp;
      const duration behind = layout->out_of_order;
      return max_seen < min_timestamp + behind ? min_timestamp : max_seen - behind;
    }
  };

  void saw(timeline_state& line, timestamp time) {
    line.touched = true;
    if (time > line.max_seen || line.idle) {
      if (time > line.max_seen) line.max_seen = time;
      line.idle = false;
      time_moved_ = true;
    }
  }
  void dead_letter(const step& at, const record_context& context, std::string_view reason);

  const plan* plan_;
  const sub_topology* part_;
  std::int32_t partition_;
  runner_settings settings_;
  task_output* output_;

  const step* self_ = nullptr;
  hop_side side_ = hop_side::inside;
  std::int32_t sink_ = -1;
  duration delay_{0};
  std::vector<std::pair<step_id, operator_base*>> made_;
  std::vector<std::pair<std::string, store_base*>> stores_;

  std::int32_t source_ = -1;  // of the record being processed
  offset_t offset_ = -1;
  std::int32_t feeding_ = -1;  // source of what moves through the operators; -1: a state emits
  std::int32_t dead_letter_sink_ = -1;
  task_counters counters_;
  error failure_;
  std::vector<timeline_state> timelines_;
  bool time_moved_ = false;
  timestamp watermark_ = min_timestamp;
  timestamp watermark_before_ = min_timestamp;
  std::size_t told_ = SIZE_MAX;  // place of the last operator that knows `watermark_`
  timestamp next_due_ = max_timestamp;
  timestamp plausible_until_ = min_timestamp;  // clock + max_ahead when last looked
};

}  // namespace penstock
