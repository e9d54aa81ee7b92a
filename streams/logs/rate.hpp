// How often something came: what a window counted, per second. For `map` behind a window:
// `.count("hits").on_close(idle_after{30s}).map("per-second", logs::rate{})`.
#pragma once

#include <string>
#include <type_traits>

#include "streams/base/time.hpp"

namespace penstock::logs {

/// A number of a window (a count, a sum, an average) divided by the window's length: per second, or
/// per any other time, `rate{1min}`.
struct rate {
  duration per = std::chrono::seconds{1};

  template <class Windowed>
  requires requires(const Windowed& w) {
    requires std::is_arithmetic_v<std::remove_cvref_t<decltype(w.value)>>;
    w.end - w.start;
  }
  double operator()(const Windowed& w) const {
    const auto length = static_cast<double>((w.end - w.start).count());
    return static_cast<double>(w.value) * static_cast<double>(per.count()) / length;
  }

  /// Empty unless `per` is nothing.
  std::string problem() const {
    return per.count() > 0 ? "" : "a rate per no time: give a duration greater than zero";
  }
};

}  // namespace penstock::logs
