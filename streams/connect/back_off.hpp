// How long to wait before something that failed is tried again: exponentially longer, and a bit by
// chance, so that many who wait for one server do not come back together. Owned by whoever tries.
#pragma once

#include <algorithm>
#include <optional>

#include "streams/base/random.hpp"
#include "streams/base/time.hpp"

namespace penstock {

class back_off {
 public:
  /// What a server asks for is believed up to here.
  static constexpr duration asked_max = 1h;

  back_off(duration first, duration most, random chance)
      : first_(std::max(first, duration{1})),
        most_(std::max(most, first_)),
        now_(first_),
        chance_(chance) {}

  /// The next wait: half of the current one to all of it, but not less than was `asked` for
  /// (Retry-After). Doubles the current one up to the most.
  duration next(std::optional<duration> asked = std::nullopt) {
    const auto half = now_ / 2;
    const auto spread = static_cast<std::uint64_t>((now_ - half).count()) + 1;
    const duration wait = half + duration{static_cast<std::int64_t>(chance_.below(spread))};
    now_ = now_ > most_ / 2 ? most_ : now_ * 2;
    return asked ? std::max(wait, std::min(*asked, asked_max)) : wait;
  }

  /// It worked: the next failure begins with the first wait again.
  void reset() { now_ = first_; }

 private:
  duration first_;
  duration most_;
  duration now_;
  random chance_;
};

}  // namespace penstock
