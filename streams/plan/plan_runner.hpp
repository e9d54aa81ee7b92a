// The runner of a plan's sub-topology for one partition: owns the operators, feeds them, keeps
// event time, and gathers what a commit needs. Made by `plan::make_runner`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "streams/plan/task_context.hpp"

namespace penstock {

class plan_runner final : public task_runner {
 public:
  plan_runner(const plan& p, std::int32_t part, std::int32_t partition,
              const runner_settings& settings, task_output& output);

  result<void> process(std::int32_t source, const batch_view& batch, offset_t from) override;
  offset_t current_offset() const override { return context_.offset_; }
  std::int32_t current_source() const override { return context_.source_; }
  result<void> on_watermark(std::int32_t source, const watermark_mark& mark) override;
  result<void> tick() override;
  result<void> advance_to(timestamp watermark) override;
  task_time time() const override;
  result<void> flush() override;
  bool has_changes() const override;
  std::size_t change_bytes() const override;
  void take_changes(batch_builder& to) override;
  bytes save_progress() const override;
  result<void> restore_progress(bytes_view saved) override;
  result<void> restore(bytes_view key, std::optional<bytes_view> value) override;
  task_counters counters() const override { return context_.counters_; }
  std::uint64_t state_bytes() const override;
  std::optional<bytes> state_of(std::string_view step, bytes_view key) const override;
  void each_state(std::string_view step,
                  const std::function<void(bytes_view, bytes_view)>& f) const override;

 private:
  using timeline_state = task_context::timeline_state;

  /// What one upstream task last said about a repartition source.
  struct upstream_task {
    std::int32_t epoch = 0;
    timestamp watermark = min_timestamp;
    bool idle = false;
  };
  struct source_state {
    source_operator* op = nullptr;
    bool repartition = false;  // its records are those of another part of the topology
    int timeline = -1;  // moved by its records or marks; -1: by an event_time step, or not at all
    std::map<std::string, upstream_task, std::less<>> upstream;
  };

  void make_operators();
  result<void> run_records(source_state& source, const batch_view& batch, offset_t from);
  void run_record(source_state& source, const record_view& record, record_context& context);

  /// Runs `body`; a step that stops the task makes it, and every later call, fail.
  template <class Body>
  result<void> guarded(Body&& body);

  void mark_active();
  void follow_upstream(source_state& source);
  void move_time();
  void set_watermark(timestamp to);
  void close_everything();
  void move_idle_time(std::chrono::nanoseconds now);
  timestamp min_of_active() const;
  bool all_idle() const;
  bool at_end() const;
  const store_base* find_store(std::string_view step) const;

  task_context context_;
  std::vector<std::unique_ptr<operator_base>> operators_;
  std::vector<source_state> sources_;
  batch_cursor cursor_;
  timestamp reported_ = min_timestamp;       // the watermark without what idleness added
  std::optional<timestamp> idle_watermark_;  // when the last input went idle
};

}  // namespace penstock
