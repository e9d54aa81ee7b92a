// A seeded generator (SplitMix64, Steele et al. 2014): the only source of chance below `launch`, so
// that a seed replays a run on every platform and compiler.
#pragma once

#include <cstdint>

namespace penstock {

class random {
 public:
  explicit random(std::uint64_t seed) : state_(seed) {}

  /// The next 64 bits.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound); 0 when bound is 0. The bias of at most bound / 2^64 is accepted.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

  /// True with probability `numerator` / `denominator`.
  bool chance(std::uint64_t numerator, std::uint64_t denominator) {
    return below(denominator) < numerator;
  }

  /// An independent generator, so that one consumer's draws do not shift another's.
  random fork() { return random{next()}; }

 private:
  std::uint64_t state_;
};

}  // namespace penstock
