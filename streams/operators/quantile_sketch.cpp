#include "streams/operators/quantile_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace penstock {

quantile_sketch::quantile_sketch(double relative_error) {
  set_error(std::isnan(relative_error) ? 0.01 : std::clamp(relative_error, error_min, error_max));
}

void quantile_sketch::set_error(double relative_error) {
  error_ = relative_error;
  log_gamma_ = std::log((1 + error_) / (1 - error_));
}

// Bucket i has the values in (gamma^(i-1), gamma^i].
std::int32_t quantile_sketch::bucket_of(double magnitude) const {
  return static_cast<std::int32_t>(std::ceil(std::log(magnitude) / log_gamma_));
}

// The value with the least relative distance from both bounds: 2 gamma^i / (gamma + 1).
double quantile_sketch::value_of(std::int32_t bucket) const {
  return std::exp(log_gamma_ * bucket) * (1 - error_);
}

void quantile_sketch::side::add(std::int32_t bucket, std::uint64_t times) {
  if (counts.empty()) {
    first = bucket;
    counts.push_back(times);
    return;
  }
  const std::int64_t last = std::int64_t{first} + static_cast<std::int64_t>(counts.size()) - 1;
  const std::int64_t lowest =
      std::max<std::int64_t>(last, bucket) - static_cast<std::int64_t>(buckets_max) + 1;
  const auto at = static_cast<std::int32_t>(std::max<std::int64_t>(bucket, lowest));
  if (first < lowest) {
    // Makes one of what no longer fits.
    const auto gone = std::min(counts.size(), static_cast<std::size_t>(lowest - first));
    std::uint64_t together = 0;
    for (std::size_t i = 0; i < gone; ++i) together += counts[i];
    counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(gone));
    first = static_cast<std::int32_t>(lowest);
    if (counts.empty()) counts.push_back(0);
    counts[0] += together;
  }
  if (at < first) {
    counts.insert(counts.begin(), static_cast<std::size_t>(first - at), 0);
    first = at;
  }
  const auto index = static_cast<std::size_t>(at - first);
  if (index >= counts.size()) counts.resize(index + 1);
  counts[index] += times;
}

bool quantile_sketch::add(double value) {
  if (!std::isfinite(value)) return false;
  if (std::abs(value) < smallest) {
    ++zeros_;
  } else if (value > 0) {
    above_.add(bucket_of(value), 1);
  } else {
    below_.add(bucket_of(-value), 1);
  }
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  sum_ += value;
  ++count_;
  return true;
}

bool quantile_sketch::merge(const quantile_sketch& other) {
  if (error_ != other.error_) return false;
  if (other.count_ == 0) return true;
  const auto take = [](side& into, const side& from) {
    // The greatest first: what has to go is at the other end.
    for (std::size_t i = from.counts.size(); i-- > 0;) {
      if (from.counts[i] == 0) continue;
      into.add(from.first + static_cast<std::int32_t>(i), from.counts[i]);
    }
  };
  if (this == &other) {
    const quantile_sketch copy = other;
    return merge(copy);
  }
  take(above_, other.above_);
  take(below_, other.below_);
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  zeros_ += other.zeros_;
  sum_ += other.sum_;
  count_ += other.count_;
  return true;
}

double quantile_sketch::quantile(double q) const {
  if (count_ == 0) return 0;
  if (!(q > 0)) return min_;
  if (q >= 1) return max_;
  const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count_ - 1));
  std::uint64_t passed = 0;
  const auto bounded = [&](double value) { return std::clamp(value, min_, max_); };
  for (std::size_t i = below_.counts.size(); i-- > 0;) {
    passed += below_.counts[i];
    if (passed > rank) return bounded(-value_of(below_.first + static_cast<std::int32_t>(i)));
  }
  passed += zeros_;
  if (passed > rank) return bounded(0);
  for (std::size_t i = 0; i < above_.counts.size(); ++i) {
    passed += above_.counts[i];
    if (passed > rank) return bounded(value_of(above_.first + static_cast<std::int32_t>(i)));
  }
  return max_;
}

sketch_parts quantile_sketch::parts() const {
  return {.error = error_,
          .sum = sum_,
          .min = min_,
          .max = max_,
          .zeros = zeros_,
          .first_above = above_.first,
          .above = above_.counts,
          .first_below = below_.first,
          .below = below_.counts};
}

bool quantile_sketch::assign(sketch_parts parts) {
  constexpr std::int64_t bucket_limit = 1 << 21;  // no double has one further out
  std::uint64_t count = parts.zeros;
  for (const auto* counts : {&parts.above, &parts.below}) {
    if (counts->size() > buckets_max) return false;
    for (const std::uint64_t times : *counts) {
      if (__builtin_add_overflow(count, times, &count)) return false;
    }
  }
  const bool sound = parts.error >= error_min && parts.error <= error_max &&
                     std::isfinite(parts.min) && std::isfinite(parts.max) &&
                     parts.min <= parts.max && (count > 0 || (parts.min == 0 && parts.max == 0)) &&
                     std::abs(std::int64_t{parts.first_above}) <= bucket_limit &&
                     std::abs(std::int64_t{parts.first_below}) <= bucket_limit;
  if (!sound) return false;
  set_error(parts.error);
  count_ = count;
  zeros_ = parts.zeros;
  sum_ = parts.sum;
  min_ = parts.min;
  max_ = parts.max;
  above_ = {parts.first_above, std::move(parts.above)};
  below_ = {parts.first_below, std::move(parts.below)};
  return true;
}

void serde<quantile_sketch>::encode(const quantile_sketch& value, bytes& to) {
  serde<sketch_parts>::encode(value.parts(), to);
}

bool serde<quantile_sketch>::decode(bytes_view from, quantile_sketch& into, int depth) {
  sketch_parts parts;
  return serde<sketch_parts>::decode(from, parts, depth) && into.assign(std::move(parts));
}

void detail::json_form<quantile_sketch>::put(const quantile_sketch& value, bytes& to) {
  json_form<sketch_parts>::put(value.parts(), to);
}

bool detail::json_form<quantile_sketch>::get(json_value from, quantile_sketch& into) {
  sketch_parts parts;
  return json_form<sketch_parts>::get(from, parts) && into.assign(std::move(parts));
}

distribution summary_of(const quantile_sketch& sketch) {
  return {.count = sketch.count(),
          .sum = sketch.sum(),
          .min = sketch.min(),
          .p50 = sketch.quantile(0.5),
          .p75 = sketch.quantile(0.75),
          .p90 = sketch.quantile(0.9),
          .p95 = sketch.quantile(0.95),
          .p99 = sketch.quantile(0.99),
          .p999 = sketch.quantile(0.999),
          .max = sketch.max()};
}

}  // namespace penstock
