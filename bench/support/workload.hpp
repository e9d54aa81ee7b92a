// Inputs that several benchmarks share, as a task gets them (record batches in memory), and an
// output that goes nowhere. Everything follows from fixed seeds.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"
#include "streams/plan/plan.hpp"
#include "streams/record/batch.hpp"

namespace penstock::bench {

inline constexpr std::size_t batch_bytes = std::size_t{64} << 10;

/// Input as a task gets it: batches with offsets.
struct input {
  std::vector<bytes> batches;
  std::size_t records = 0;
};

class input_writer {
 public:
  void add(timestamp time, std::optional<bytes_view> key, std::optional<bytes_view> value) {
    builder_.add(time, key, value);
    ++made_.records;
    if (builder_.size() >= batch_bytes) close();
  }
  input finish() {
    close();
    return std::move(made_);
  }

 private:
  void close() {
    if (builder_.empty()) return;
    const auto base = static_cast<offset_t>(made_.records) - builder_.count();
    made_.batches.emplace_back(builder_.finish(base));
  }
  batch_builder builder_;
  input made_;
};

/// Output that goes nowhere, counted.
struct no_output final : task_output {
  void emit(std::int32_t, const emitted& out) override {
    ++records;
    bytes_seen += out.value ? out.value->size() : 0;
  }
  void print(std::string_view) override {}
  std::size_t records = 0;
  std::size_t bytes_seen = 0;
};

inline std::unique_ptr<task_runner> runner_of(const plan& p, std::int32_t part, task_output& out) {
  runner_settings settings;
  settings.time = &machine_clock();
  settings.upstream_tasks = {part == 0 ? 0 : 1};
  return p.make_runner(part, 0, settings, out);
}

inline void feed(task_runner& to, bytes_view raw) {
  const auto batch = batch_view::parse(raw).value();
  to.process(0, batch, 0).value();
}

/// A commit as the task makes it, without the disk.
inline std::size_t commit(task_runner& runner) {
  batch_builder changes;
  runner.flush().value();
  runner.take_changes(changes);
  return changes.empty() ? 0 : changes.finish().size();
}

/// Draws ranks with probability 1 / rank.
class zipf {
 public:
  explicit zipf(std::size_t n) : sums_(n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sums_[i] = sum += 1.0 / static_cast<double>(i + 1);
  }
  std::size_t draw(random& chance) const {
    const double at = static_cast<double>(chance.next() >> 11) * 0x1.0p-53 * sums_.back();
    return static_cast<std::size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) -
                                    sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

}  // namespace penstock::bench
