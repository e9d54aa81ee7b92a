// A distribution in little room: medians and percentiles of any number of values with a bounded
// relative error, mergeable, so that parts may be computed apart. What the words `quantiles` and
// `sketch` keep per key or window; also a value of its own for topics and states.
//
// It is the DDSketch of Masson, Rim and Lee ("DDSketch: a fast and fully-mergeable quantile sketch
// with relative-error guarantees", PVLDB 12(12), 2019): values are counted in buckets whose bounds
// grow by a constant factor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/record/fields.hpp"
#include "streams/record/serde.hpp"
#include "streams/record/serde_json.hpp"

namespace penstock {

/// A sketch as it is stored and sent, readable without Penstock: bucket `i` of `above` counts the
/// values in (g^(f+i-1), g^(f+i)] where f is `first_above` and g = (1 + error) / (1 - error);
/// `below` counts the negative ones, by magnitude.
struct sketch_parts {
  double error = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  std::uint64_t zeros = 0;
  std::int32_t first_above = 0;
  std::vector<std::uint64_t> above;
  std::int32_t first_below = 0;
  std::vector<std::uint64_t> below;
};
PENSTOCK_FIELDS(sketch_parts, error, sum, min, max, zeros, first_above, above, first_below, below);

class quantile_sketch {
 public:
  /// At most this many buckets on either side of zero. When a distribution needs more (with 1 %,
  /// that is values more than 17 orders of magnitude apart, with 0.5 % 8), the buckets nearest to
  /// zero are made one: the large values, which percentiles are about, keep their error.
  static constexpr std::size_t buckets_max = 2048;

  /// Values nearer to zero than this count as zero.
  static constexpr double smallest = 1e-12;

  static constexpr double error_min = 0.005;
  static constexpr double error_max = 0.25;

  /// What a sketch answers is off by at most `relative_error` of the true value. Outside of
  /// `error_min` and `error_max` it is the nearer of the two.
  explicit quantile_sketch(double relative_error = 0.01);

  /// Counts a value. False, and nothing counted, when it is not finite.
  bool add(double value);

  /// Adds everything that `other` counted. False, and nothing added, when its error is another one.
  bool merge(const quantile_sketch& other);

  /// The value that a share `q` (0 to 1) of the others is not greater than; 0.5 is the median. 0
  /// when nothing was counted. Exact for the least and the greatest.
  double quantile(double q) const;

  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  double min() const { return min_; }
  double max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  double relative_error() const { return error_; }
  std::size_t buckets() const { return above_.counts.size() + below_.counts.size(); }

  sketch_parts parts() const;

  /// Takes over what another sketch was. False, and unchanged, when no sketch can be so.
  bool assign(sketch_parts parts);

  friend bool operator==(const quantile_sketch&, const quantile_sketch&) = default;

 private:
  /// Counts of neighbouring buckets; the first and the last are not empty.
  struct side {
    std::int32_t first = 0;
    std::vector<std::uint64_t> counts;

    void add(std::int32_t bucket, std::uint64_t times);
    friend bool operator==(const side&, const side&) = default;
  };

  std::int32_t bucket_of(double magnitude) const;
  double value_of(std::int32_t bucket) const;
  void set_error(double relative_error);

  double error_ = 0;
  double log_gamma_ = 0;  // of the factor between the bounds of a bucket
  std::uint64_t count_ = 0;
  std::uint64_t zeros_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
  side above_;  // greater than zero
  side below_;  // less than zero, by magnitude
};

template <>
struct serde<quantile_sketch> {
  static std::string name() { return serde<sketch_parts>::name(); }
  static void encode(const quantile_sketch& value, bytes& to);
  static bool decode(bytes_view from, quantile_sketch& into, int depth = 0);
};

namespace detail {

template <>
struct json_form<quantile_sketch> {
  static void put(const quantile_sketch& value, bytes& to);
  static bool get(json_value from, quantile_sketch& into);
};

}  // namespace detail

/// What `quantiles` shows of a distribution.
struct distribution {
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double p50 = 0;
  double p75 = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};
PENSTOCK_FIELDS(distribution, count, sum, min, p50, p75, p90, p95, p99, p999, max);

distribution summary_of(const quantile_sketch& sketch);

}  // namespace penstock
