// The words that fold records into a state, shared by keyed streams (the result is a table) and by
// windows (the result is a windowed table).
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "streams/operators/aggregators.hpp"

namespace penstock::detail {

template <class F, class A, class K, class V>
concept folding_function =
    std::invocable<F&, A&, const V&> || std::invocable<F&, A&, const K&, const V&>;

/// `Derived::fold(verb, name, details, aggregator)` adds the step. In every word the first argument
/// is the step's name: it names the state and its changelog topic, so it must not change.
template <class Derived, class K, class V>
class aggregates {
 public:
  /// How many records each key has had.
  auto count(std::string name) const requires key_type<K> {
    return self().fold("count", std::move(name), count_aggregator{});
  }

  /// The sum of what `f` gives: 64-bit for integers, double for floating point. A sum that does not
  /// fit is a bad record.
  template <step_function<K, V> F = std::identity>
  requires key_type<K> && std::is_arithmetic_v<called_t<F, K, V>>
  auto sum(std::string name, F f = {}) const {
    return self().fold("sum", std::move(name), sum_aggregator<F, called_t<F, K, V>>{std::move(f)});
  }

  /// The least of what `f` gives, by `<`.
  template <step_function<K, V> F = std::identity>
  requires key_type<K>
  auto min(std::string name, F f = {}) const {
    using T = owned_t<called_t<F, K, V>>;
    return self().fold("min", std::move(name), extreme_aggregator<F, T, false>{std::move(f)});
  }

  /// The greatest of what `f` gives, by `<`.
  template <step_function<K, V> F = std::identity>
  requires key_type<K>
  auto max(std::string name, F f = {}) const {
    using T = owned_t<called_t<F, K, V>>;
    return self().fold("max", std::move(name), extreme_aggregator<F, T, true>{std::move(f)});
  }

  /// The arithmetic mean of what `f` gives, a double.
  template <step_function<K, V> F = std::identity>
  requires key_type<K> && std::is_arithmetic_v<called_t<F, K, V>>
  auto average(std::string name, F f = {}) const {
    return self().fold("average", std::move(name), average_aggregator<F>{std::move(f)});
  }

  /// Folds values into one of their own type: `f(held, next)` gives the new one; the first value is
  /// held as it is.
  template <class F>
  requires key_type<K> && std::invocable < F&, const owned_t<V>
  &, const V& > auto reduce(std::string name, F f) const {
    return self().fold("reduce", std::move(name), reduce_aggregator<F, owned_t<V>>{std::move(f)});
  }

  /// Folds records into a state that begins as `zero`: `f(state, value)` or `f(state, key, value)`
  /// changes it in place. When `f` throws, the record is a bad one; a state that is not small and
  /// trivially copyable must then be as it was before.
  template <class A, folding_function<A, K, V> F>
  requires key_type<K>
  auto aggregate(std::string name, A zero, F f) const {
    static_assert(encodable<A>,
                  "this state is kept on disk and has no serde: add PENSTOCK_FIELDS(type, "
                  "members...)");
    return self().fold("aggregate", std::move(name),
                       custom_aggregator<F, A>{std::move(zero), std::move(f)});
  }

  /// The `k` greatest of what `f` gives, greatest first, as a vector. Equal ones stay in the order
  /// of their coming.
  template <step_function<K, V> F = std::identity>
  requires key_type<K>
  auto top_k(std::string name, std::size_t k, F f = {}) const {
    using T = owned_t<called_t<F, K, V>>;
    if (k == 0) self().problem("step \"" + name + "\": the top 0 is always empty");
    return self().fold("top_k", std::move(name), top_k_aggregator<F, T>{k, std::move(f)},
                       "k " + std::to_string(k));
  }

  /// How many different values `f` gives, exactly: they are all kept. More than `at_most` of one
  /// key is a bad record.
  template <step_function<K, V> F = std::identity>
  requires key_type<K>
  auto distinct(std::string name, F f = {}, std::size_t at_most = 10'000) const {
    using T = owned_t<called_t<F, K, V>>;
    return self().fold("distinct", std::move(name),
                       distinct_aggregator<F, T>{at_most, std::move(f)},
                       "at most " + std::to_string(at_most));
  }

  /// The distribution of what `f` gives: count, sum, least, greatest, median and the percentiles
  /// 75, 90, 95, 99 and 99.9, which are off by at most `relative_error` (a `distribution`). Kept in
  /// a few kilobytes per key, whatever the number of records.
  template <step_function<K, V> F = std::identity>
  requires key_type<K> && std::is_arithmetic_v<called_t<F, K, V>>
  auto quantiles(std::string name, F f = {}, double relative_error = 0.01) const {
    return sketched<distribution>("quantiles", std::move(name), std::move(f), relative_error);
  }

  /// The same as a value that can be asked for any quantile and merged with others: distributions
  /// of minutes become the hour's by `reduce`. Equal errors are needed for that.
  template <step_function<K, V> F = std::identity>
  requires key_type<K> && std::is_arithmetic_v<called_t<F, K, V>>
  auto sketch(std::string name, F f = {}, double relative_error = 0.01) const {
    return sketched<quantile_sketch>("sketch", std::move(name), std::move(f), relative_error);
  }

 private:
  template <class Shown, class F>
  auto sketched(std::string verb, std::string name, F f, double relative_error) const {
    if (!(relative_error >= quantile_sketch::error_min &&
          relative_error <= quantile_sketch::error_max)) {
      self().problem("step \"" + name + "\": the relative error " + std::to_string(relative_error) +
                     " must be from " + std::to_string(quantile_sketch::error_min) + " to " +
                     std::to_string(quantile_sketch::error_max));
    }
    return self().fold(std::move(verb), std::move(name),
                       sketch_aggregator<F, Shown>{relative_error, std::move(f)},
                       "relative error " + shown_share(relative_error));
  }

  /// 0.01 as "1%".
  static std::string shown_share(double share) {
    std::string text;
    append_text(share * 100, text);
    return text + "%";
  }

  const Derived& self() const { return static_cast<const Derived&>(*this); }
};

}  // namespace penstock::detail
