// Where time comes from. Everything below `launch` asks an injected clock, so a whole cluster can
// run on virtual time.
#pragma once

#include <chrono>

#include "streams/base/time.hpp"

namespace penstock {

class clock {
 public:
  virtual ~clock() = default;

  /// Wall-clock time, for timestamps. May jump.
  virtual timestamp now() const = 0;

  /// Monotonic time since an arbitrary start, for deadlines and rates. Never goes back.
  virtual std::chrono::nanoseconds monotonic() const = 0;
};

/// The machine's own clock. Stateless; any thread.
const clock& machine_clock();

/// A clock that moves only when told, for tests and the simulation. One thread.
class manual_clock final : public clock {
 public:
  explicit manual_clock(timestamp start = from_millis(1'600'000'000'000)) : start_(start) {}
  timestamp now() const override { return start_ + std::chrono::duration_cast<duration>(elapsed_); }
  std::chrono::nanoseconds monotonic() const override { return elapsed_; }
  void advance(std::chrono::nanoseconds by) { elapsed_ += by; }

 private:
  timestamp start_;
  std::chrono::nanoseconds elapsed_{0};
};

}  // namespace penstock
