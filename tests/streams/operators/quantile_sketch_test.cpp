#include "streams/operators/quantile_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/catch.hpp"

using namespace penstock;

namespace {

const double shares[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};

double exact(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

void check_error(const quantile_sketch& sketch, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  REQUIRE(sketch.count() == values.size());
  for (const double q : shares) {
    const double wanted = exact(values, q);
    const double off = std::abs(sketch.quantile(q) - wanted);
    INFO("quantile " << q << " is " << sketch.quantile(q) << ", exactly " << wanted);
    CHECK(off <= std::abs(wanted) * sketch.relative_error() * 1.000001 + 1e-9);
  }
}

bytes encoded_sketch(const quantile_sketch& sketch) {
  bytes to;
  serde<quantile_sketch>::encode(sketch, to);
  return to;
}

}  // namespace

TEST_CASE("every quantile is within the relative error", "[operators][sketch]") {
  std::mt19937_64 random{7};
  std::uniform_real_distribution<double> even{-100, 100};
  std::lognormal_distribution<double> skewed{0, 2};
  std::exponential_distribution<double> rare{0.001};
  for (const double error : {0.005, 0.01, 0.05, 0.25}) {
    quantile_sketch a{error};
    quantile_sketch b{error};
    quantile_sketch c{error};
    std::vector<double> as, bs, cs;
    for (int i = 0; i < 20'000; ++i) {
      as.push_back(even(random));
      bs.push_back(skewed(random));
      cs.push_back(std::floor(rare(random)) - 100);
      CHECK((a.add(as.back()) && b.add(bs.back()) && c.add(cs.back())));
    }
    check_error(a, as);
    check_error(b, bs);
    check_error(c, cs);
  }
}

TEST_CASE("least, greatest, sum and mean are exact", "[operators][sketch]") {
  quantile_sketch sketch;
  CHECK(sketch.quantile(0.5) == 0);
  CHECK(sketch.mean() == 0);
  for (const double value : {3.0, -7.5, 0.0, 12.25}) sketch.add(value);
  CHECK(sketch.count() == 4);
  CHECK(sketch.min() == -7.5);
  CHECK(sketch.max() == 12.25);
  CHECK(sketch.sum() == 7.75);
  CHECK(sketch.mean() == 1.9375);
  CHECK(sketch.quantile(0) == -7.5);
  CHECK(sketch.quantile(1) == 12.25);
  CHECK(sketch.quantile(0.34) == 0);
  CHECK(sketch.quantile(std::nan("")) == -7.5);
}

TEST_CASE("what is not finite is refused", "[operators][sketch]") {
  quantile_sketch sketch;
  CHECK_FALSE(sketch.add(std::numeric_limits<double>::infinity()));
  CHECK_FALSE(sketch.add(std::nan("")));
  CHECK(sketch.count() == 0);
  CHECK(quantile_sketch{std::nan("")}.relative_error() == 0.01);
  CHECK(quantile_sketch{5}.relative_error() == quantile_sketch::error_max);
}

TEST_CASE("merged sketches are the sketch of everything", "[operators][sketch]") {
  std::mt19937_64 random{11};
  std::lognormal_distribution<double> skewed{2, 2};
  quantile_sketch all;
  std::vector<quantile_sketch> parts(7);
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) {
    const double value = std::round(skewed(random)) - 3;
    values.push_back(value);
    all.add(value);
    parts[random() % parts.size()].add(value);
  }
  quantile_sketch merged;
  for (const quantile_sketch& part : parts) CHECK(merged.merge(part));
  CHECK(merged == all);
  check_error(merged, values);
  CHECK(merged.merge(quantile_sketch{}));
  CHECK(merged == all);
  CHECK_FALSE(merged.merge(quantile_sketch{0.02}));
  CHECK(merged.merge(merged));
  CHECK(merged.count() == 2 * all.count());
}

TEST_CASE("buckets are bounded, and the greatest values keep their error", "[operators][sketch]") {
  quantile_sketch sketch;
  quantile_sketch backwards;
  std::vector<double> values;
  for (int exponent = -11; exponent <= 300; ++exponent) {
    values.push_back(std::pow(10.0, exponent));
    sketch.add(values.back());
  }
  for (auto value = values.rbegin(); value != values.rend(); ++value) backwards.add(*value);
  CHECK(sketch.buckets() <= quantile_sketch::buckets_max);
  CHECK(backwards.buckets() <= quantile_sketch::buckets_max);
  for (const double q : {0.96, 0.98, 0.99, 1.0}) {
    const double wanted = exact(values, q);
    CHECK(std::abs(sketch.quantile(q) / wanted - 1) <= 0.0100001);
    CHECK(std::abs(backwards.quantile(q) / wanted - 1) <= 0.0100001);
  }
  CHECK(sketch.quantile(0) == values.front());
  for (const double value : {1e308, -1e308, 5e-324, std::numeric_limits<double>::min()}) {
    sketch.add(value);
  }
  CHECK(sketch.quantile(1) == 1e308);
}

TEST_CASE("a sketch comes back from its bytes and its JSON", "[operators][sketch]") {
  quantile_sketch sketch{0.02};
  for (int i = -50; i < 1000; ++i) sketch.add(i * 1.5);
  for (const quantile_sketch& one : {quantile_sketch{}, sketch}) {
    quantile_sketch back;
    CHECK(serde<quantile_sketch>::decode(encoded_sketch(one), back));
    CHECK(back == one);
    bytes json;
    detail::encode_json(one, json);
    quantile_sketch from_json;
    CHECK(detail::decode_json(json, from_json));
    CHECK(from_json.count() == one.count());
    CHECK(from_json.quantile(0.9) == test::approx(one.quantile(0.9)));
  }
}

TEST_CASE("bytes that no sketch has do not decode", "[operators][sketch]") {
  quantile_sketch sketch;
  for (int i = 1; i < 100; ++i) sketch.add(i);
  const auto refused = [](const sketch_parts& parts) {
    quantile_sketch held;
    held.add(5);
    const quantile_sketch before = held;
    bytes raw;
    serde<sketch_parts>::encode(parts, raw);
    CHECK_FALSE(serde<quantile_sketch>::decode(raw, held));
    CHECK(held == before);
  };
  const auto with = [&](auto change) {
    sketch_parts parts = sketch.parts();
    change(parts);
    return parts;
  };
  sketch_parts nothing = quantile_sketch{}.parts();  // has no least value either
  nothing.min = nothing.max = 5;
  refused(nothing);
  refused(with([](sketch_parts& p) { p.error = 0; }));
  refused(with([](sketch_parts& p) { p.error = std::nan(""); }));
  refused(with([](sketch_parts& p) { p.min = p.max + 1; }));
  refused(with([](sketch_parts& p) { p.max = std::numeric_limits<double>::infinity(); }));
  refused(with([](sketch_parts& p) { p.first_above = std::numeric_limits<std::int32_t>::max(); }));
  refused(with([](sketch_parts& p) { p.above.resize(quantile_sketch::buckets_max + 1); }));
  refused(with([](sketch_parts& p) { p.zeros = std::numeric_limits<std::uint64_t>::max(); }));
  const bytes whole = encoded_sketch(sketch);
  quantile_sketch held;
  for (std::size_t size = 1; size + 1 < whole.size(); ++size) {
    (void)serde<quantile_sketch>::decode(bytes_view{whole}.substr(0, size), held);
    CHECK(held.quantile(0.5) <= held.max());
  }
}
