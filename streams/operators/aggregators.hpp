// How records become a state: an aggregator says what it begins with, how a record is added, and
// what of the state is shown. The same ones serve per key and per key and window.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/operators/functions.hpp"
#include "streams/operators/quantile_sketch.hpp"
#include "streams/record/serde.hpp"

namespace penstock {

/// What `average` remembers.
struct average_state {
  double sum = 0;
  std::uint64_t count = 0;
};
PENSTOCK_FIELDS(average_state, sum, count);

namespace detail {

/// `state` is stored, `shown` goes downstream; `fresh` is true for the first record of a state;
/// `add` never throws where `safe` says so.
struct count_aggregator {
  using state = std::uint64_t;
  using shown = std::uint64_t;
  static constexpr bool safe = true;

  state zero() const { return 0; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K&, const V&) noexcept {
    ++s;
  }
  const shown& show(const state& s) const { return s; }
};

/// Integers are summed in 64 bits, so that a sum of small ones does not overflow.
template <class T>
using sum_t =
    std::conditional_t<std::floating_point<T>, double,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

template <class F, class T>
struct sum_aggregator {
  using state = sum_t<T>;
  using shown = state;
  static constexpr bool safe = false;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    const state term = static_cast<state>(call(f, key, value));
    if constexpr (std::floating_point<state>) {
      s += term;
    } else {
      state sum{};
      if (__builtin_add_overflow(s, term, &sum)) {
        throw std::overflow_error("the sum does not fit in 64 bits");
      }
      s = sum;
    }
  }
  const shown& show(const state& s) const { return s; }
};

/// The least or greatest of what `f` gives.
template <class F, class T, bool Greatest>
struct extreme_aggregator {
  using state = T;
  using shown = T;
  static constexpr bool safe = false;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool fresh, const K& key, const V& value) {
    decltype(auto) one = call(f, key, value);
    if (fresh || (Greatest ? s < one : one < s)) s = T(one);
  }
  const shown& show(const state& s) const { return s; }
};

template <class F>
struct average_aggregator {
  using state = average_state;
  using shown = double;
  static constexpr bool safe = false;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    s.sum += static_cast<double>(call(f, key, value));
    ++s.count;
  }
  shown show(const state& s) const {
    return s.count == 0 ? 0 : s.sum / static_cast<double>(s.count);
  }
};

/// The first value, and then `f(held, next)`.
template <class F, class T>
struct reduce_aggregator {
  using state = T;
  using shown = T;
  static constexpr bool safe = false;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool fresh, const K&, const V& value) {
    s = fresh ? T(value) : T(std::invoke(f, std::as_const(s), value));
  }
  const shown& show(const state& s) const { return s; }
};

/// `f(state, value)` or `f(state, key, value)` changes the state.
template <class F, class A>
struct custom_aggregator {
  using state = A;
  using shown = A;
  static constexpr bool safe = false;
  A first;
  F f;

  state zero() const { return first; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    if constexpr (std::invocable<F&, A&, const V&>) {
      std::invoke(f, s, value);
    } else {
      std::invoke(f, s, key, value);
    }
  }
  const shown& show(const state& s) const { return s; }
};

/// The `k` greatest of what `f` gives, greatest first.
template <class F, class T>
struct top_k_aggregator {
  using state = std::vector<T>;
  using shown = state;
  static constexpr bool safe = false;
  std::size_t k = 0;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    decltype(auto) one = call(f, key, value);
    if (s.size() >= k && !(s.back() < one)) return;
    T kept(one);
    const auto at =
        std::upper_bound(s.begin(), s.end(), kept, [](const T& a, const T& b) { return b < a; });
    s.insert(at, std::move(kept));
    if (s.size() > k) s.pop_back();
  }
  const shown& show(const state& s) const { return s; }
};

/// How many different values `f` gives: all of them are kept, sorted, up to a limit.
template <class F, class T>
struct distinct_aggregator {
  using state = std::vector<T>;
  using shown = std::uint64_t;
  static constexpr bool safe = false;
  std::size_t at_most = 0;
  F f;

  state zero() const { return {}; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    decltype(auto) one = call(f, key, value);
    const auto at =
        std::lower_bound(s.begin(), s.end(), one, [](const T& a, const auto& b) { return a < b; });
    if (at != s.end() && !(one < *at)) return;
    if (s.size() >= at_most) {
      throw std::length_error("a key has more than " + std::to_string(at_most) +
                              " distinct values");
    }
    s.insert(at, T(one));
  }
  shown show(const state& s) const { return s.size(); }
};

/// The distribution of what `f` gives: `Shown` is the sketch itself, or what it says.
template <class F, class Shown>
struct sketch_aggregator {
  using state = quantile_sketch;
  using shown = Shown;
  static constexpr bool safe = false;
  double relative_error = 0;
  F f;

  state zero() const { return quantile_sketch{relative_error}; }
  template <class K, class V>
  void add(state& s, bool /*fresh*/, const K& key, const V& value) {
    if (!s.add(static_cast<double>(call(f, key, value)))) {
      throw std::domain_error("a quantile of a number that is not finite");
    }
  }
  shown show(const state& s) const {
    if constexpr (std::same_as<shown, quantile_sketch>) {
      return s;
    } else {
      return summary_of(s);
    }
  }
};

}  // namespace detail
}  // namespace penstock
