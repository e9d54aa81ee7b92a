// Tumbling windows of event time: lateness, closing, idleness.
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

const topic<std::string, std::uint64_t> in{"in"};
const topic<std::string, windowed<std::uint64_t>> out{"out"};
const topic<std::string, std::uint64_t> late_out{"late-out"};

struct result_row {
  std::string key;
  std::uint64_t value;
  std::int64_t start;
  friend auto operator<=>(const result_row&, const result_row&) = default;
};
std::ostream& operator<<(std::ostream& o, const result_row& r) {
  return o << r.key << '=' << r.value << '@' << r.start;
}

std::vector<result_row> rows(test_driver& d) {
  std::vector<result_row> all;
  for (const auto& [key, w] : d.drain(out)) {
    all.push_back({key, w.value, to_millis(w.start) / 1000});
  }
  return all;
}

template <class When>
topology per_minute(duration wait, When when_idle) {
  topology t{"windows"};
  t.from(in)
      .window(tumbling{1min, grace{wait}})
      .late(late_out)
      .count("n")
      .on_close(when_idle)
      .to(out);
  return t;
}

TEST_CASE("a window closes when the watermark passes its end and grace", "[dsl]") {
  test_driver d{per_minute(10s, never_idle), {.partitions = 1}};
  d.feed(in, "a", 1, at(5));
  d.feed(in, "a", 1, at(59));
  d.feed(in, "b", 1, at(61));
  d.feed(in, "a", 1, at(50));  // out of order, but within the grace
  CHECK(rows(d).empty());
  d.feed(in, "a", 1, at(69));
  CHECK(rows(d).empty());
  d.feed(in, "a", 1, at(70));
  CHECK(rows(d) == std::vector<result_row>{{"a", 3, 0}});
  CHECK(d.state("n").get<std::uint64_t>("b", at(60)) == 1u);
  CHECK_FALSE(d.state("n").get<std::uint64_t>("a", at(0)));
}

TEST_CASE("a record behind its closed window is late: counted and sent aside", "[dsl]") {
  test_driver d{per_minute(0s, never_idle), {.partitions = 1}};
  d.feed(in, "a", 1, at(30));
  d.feed(in, "a", 1, at(60));
  d.feed(in, "a", 7, at(59));
  CHECK(d.late() == 1);
  CHECK(d.drain(late_out) == std::vector<std::pair<std::string, std::uint64_t>>{{"a", 7}});
  CHECK(rows(d) == std::vector<result_row>{{"a", 1, 0}});
}

TEST_CASE("a window behind a hop waits for the slowest partition", "[dsl]") {
  const topic<no_key, std::uint64_t> keyless{"keyless"};
  topology t{"slowest"};
  t.from(keyless)
      .key_by("by-last-digit", [](std::uint64_t n) { return std::to_string(n % 10); })
      .window(tumbling{1min, no_grace})
      .count("n")
      .on_close(never_idle)
      .to(out);
  test_driver d{t};  // records take turns: the first to partition 0, the next to 1 …
  for (std::uint64_t i = 0; i < 30; ++i) d.feed(keyless, i, at(10));
  for (std::uint64_t i = 0; i < 2; ++i) d.feed(keyless, i, at(100));
  CHECK(rows(d).empty());  // nothing later has come from partition 2
  d.feed(keyless, 9, at(60));
  CHECK(rows(d).size() == 10);
  d.close_windows();
  CHECK(sorted(rows(d)) == std::vector<result_row>{{"0", 1, 60}, {"1", 1, 60}, {"9", 1, 60}});
}

TEST_CASE("windows close in the order of their starts, keys in the order of their bytes", "[dsl]") {
  test_driver d{per_minute(0s, never_idle), {.partitions = 1}};
  for (const char* key : {"c", "a", "b"}) d.feed(in, key, 1, at(30));
  d.advance_to(at(59));
  for (const char* key : {"z", "y"}) d.feed(in, key, 1, at(90));
  d.close_windows();
  CHECK(rows(d) ==
        std::vector<result_row>{{"a", 1, 0}, {"b", 1, 0}, {"c", 1, 0}, {"y", 1, 60}, {"z", 1, 60}});
}

TEST_CASE("on_update emits changed windows once per commit, and the last change at the close",
          "[dsl]") {
  topology t{"updates"};
  t.from(in).window(tumbling{1min, no_grace}).sum("n").on_update().to(out);
  test_driver d{t, {.partitions = 1}};
  d.feed(in, "a", 2, at(1));
  d.feed(in, "a", 3, at(2));
  CHECK(rows(d) == std::vector<result_row>{{"a", 5, 0}});
  d.feed(in, "a", 1, at(3));
  d.feed(in, "b", 1, at(200));
  CHECK(sorted(rows(d)) == std::vector<result_row>{{"a", 6, 0}, {"b", 1, 180}});
  CHECK(rows(d).empty());
}

TEST_CASE("an idle partition does not hold windows open", "[dsl]") {
  test_driver d{per_minute(0s, idle_after{30s}), {.partitions = 2}};
  d.feed(in, "a", 1, at(10));
  d.advance_by(29s);
  CHECK(rows(d).empty());
  d.advance_by(1s);  // idle: time goes on with the clock from second 10, now 40
  CHECK(rows(d).empty());
  d.advance_by(19s);
  CHECK(rows(d).empty());
  d.advance_by(1s);  // second 60
  CHECK(rows(d) == std::vector<result_row>{{"a", 1, 0}});
}

TEST_CASE("never_idle keeps windows open for as long as it takes", "[dsl]") {
  test_driver d{per_minute(0s, never_idle)};
  d.feed(in, "a", 1, at(10));
  d.advance_by(std::chrono::hours{1000});
  CHECK(rows(d).empty());
}

TEST_CASE("event time comes from the record, and crosses a hop", "[dsl]") {
  const topic<no_key, std::pair<std::string, timestamp>> hits{"hits"};
  topology t{"event-time"};
  t.from(hits)
      .event_time("time", &std::pair<std::string, timestamp>::second, out_of_order{5s})
      .key_by("by-path", &std::pair<std::string, timestamp>::first)
      .window(tumbling{10s, no_grace})
      .count("n")
      .on_close(idle_after{30s})
      .to(out);
  test_driver d{t};
  // Partitions take turns: three records each second.
  for (int second = 0; second < 16; ++second) {
    for (int i = 0; i < 3; ++i) d.feed(hits, {second % 2 == 0 ? "/even" : "/odd", at(second)});
  }
  CHECK(sorted(rows(d)) == std::vector<result_row>{{"/even", 15, 0}, {"/odd", 15, 0}});
  d.feed(hits, {"/late", at(3)});
  d.commit();
  CHECK(d.late() == 1);
  d.advance_by(30s);  // all idle: from second 15 - 5 on, 30 s more
  CHECK(sorted(rows(d)) == std::vector<result_row>{{"/even", 9, 10}, {"/odd", 9, 10}});
}

TEST_CASE("a time far ahead or before 1970 is a bad record and closes nothing", "[dsl]") {
  auto t = per_minute(0s, never_idle);
  t.on_bad_record(skip);
  test_driver d{t, {.partitions = 1}};
  d.feed(in, "a", 1, at(10));
  d.feed(in, "a", 1, d.now() + 61min);
  d.feed(in, "a", 1, timestamp{-5ms});
  CHECK(rows(d).empty());
  REQUIRE(d.bad_records().size() == 2);
  CHECK_THAT(d.bad_records()[0].reason, contains("ahead of the clock"));
  CHECK_THAT(d.bad_records()[1].reason, contains("negative"));
  d.feed(in, "a", 1, d.now() + 59min);
  CHECK(rows(d) == std::vector<result_row>{{"a", 1, 0}});
}

TEST_CASE("windows and lateness survive a crash", "[dsl]") {
  test_driver d{per_minute(0s, never_idle), {.partitions = 1}};
  d.feed(in, "a", 1, at(30));
  d.feed(in, "b", 1, at(50));
  d.feed(in, "a", 1, at(70));
  d.commit();
  d.feed(in, "a", 1, at(80));  // not committed: read again
  d.restart();
  d.feed(in, "a", 1, at(20));  // still late
  CHECK(d.late() == 1);
  d.advance_to(at(120));
  CHECK(sorted(rows(d)) == std::vector<result_row>{{"a", 1, 0}, {"a", 2, 60}, {"b", 1, 0}});
}

TEST_CASE("the results of windows can be cut into larger windows", "[dsl]") {
  topology t{"stacked"};
  const topic<std::string, windowed<std::uint64_t>> hours{"hours"};
  t.from(in)
      .window(tumbling{10s, grace{5s}})
      .sum("per-10s")
      .on_close(never_idle)
      .window(tumbling{1min, no_grace})
      .sum("per-minute", [](const windowed<std::uint64_t>& w) { return w.value; })
      .on_close(never_idle)
      .to(hours);
  test_driver d{t, {.partitions = 1}};
  for (int second = 0; second < 130; ++second) d.feed(in, "k", 1, at(second));
  // The small window that ends at second 60 closes at 65, so the large one waits for it.
  const auto closed = d.drain(hours);
  REQUIRE(closed.size() == 2);
  CHECK(closed[0].second.value == 60);
  CHECK(closed[1].second.value == 60);
  CHECK(d.late() == 0);
}

TEST_CASE("all aggregates work per window", "[dsl]") {
  topology t{"all"};
  const auto w = t.from(in).window(tumbling{1min, no_grace});
  const topic<std::string, windowed<double>> means{"means"};
  const topic<std::string, windowed<std::vector<std::uint64_t>>> tops{"tops"};
  w.min("least").on_close(never_idle).to(out);
  w.average("mean").on_close(never_idle).to(means);
  w.top_k("top", 2).on_close(never_idle).to(tops);
  test_driver d{t, {.partitions = 1}};
  for (const std::uint64_t n : {5u, 2u, 8u}) d.feed(in, "k", n, at(1));
  d.close_windows();
  CHECK(rows(d) == std::vector<result_row>{{"k", 2, 0}});
  CHECK(d.drain(means).front().second.value == 5);
  CHECK(d.drain(tops).front().second.value == std::vector<std::uint64_t>{8, 5});
}

}  // namespace
}  // namespace penstock::test
