// Parsers and rules of streams/logs as steps of a topology.
#include <cmath>
#include <limits>

#include "streams/logs/grok.hpp"
#include "streams/logs/lookup_table.hpp"
#include "streams/logs/rate.hpp"
#include "streams/logs/regex.hpp"
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

struct hit {
  std::string client;
  std::uint16_t status = 0;
};
PENSTOCK_FIELDS(hit, client, status);

const topic<no_key, std::string> lines{"lines", format::text};
const topic<no_key, hit> hits{"hits"};
const topic<no_key, logs::fields> found{"found", format::json};

TEST_CASE("regex and grok parse in try_map, and what they refuse is a dead letter", "[dsl][logs]") {
  topology t{"parse"};
  t.on_bad_record(dead_letter{"bad"});
  t.from(lines).try_map("parse", logs::regex<hit>{R"(^(?P<client>\S+) (?P<status>\d+)$)"}).to(hits);
  t.from(lines).try_map("grok", logs::grok_fields{"^%{IP:client} %{INT:status:int}"}).to(found);
  test_driver d{t};
  d.feed(lines, "10.0.0.1 200");
  d.feed(lines, "garbage");
  const auto parsed = d.drain(hits);
  REQUIRE(parsed.size() == 1);
  CHECK(parsed[0].client == "10.0.0.1");
  CHECK(parsed[0].status == 200);
  CHECK(d.drain(found) == std::vector<logs::fields>{{{"client", "10.0.0.1"}, {"status", "200"}}});
  REQUIRE(d.bad_records().size() == 2);
  CHECK(d.bad_records()[0].step == "parse");
  CHECK_THAT(d.bad_records()[0].reason, contains("is not found in it"));
}

TEST_CASE("a pattern that does not compile is a problem of the topology", "[dsl][logs]") {
  topology t{"parse"};
  t.from(lines).try_map("parse", logs::regex<hit>{"(?P<client>a"}).to(hits);
  t.from(lines).try_map("fields", logs::grok_fields{"%{NOPE:x}"}).to(found);
  const auto problems = t.plan().problems();
  REQUIRE(problems.size() == 2);
  CHECK_THAT(problems[0], contains("step \"parse\": the pattern \"(?P<client>a\" does not compile: "
                                   "missing )") &&
                              contains("at character 1"));
  CHECK_THAT(problems[1],
             contains("step \"fields\": unknown grok pattern \"NOPE\" at character 1"));
  CHECK_THAT(t.describe(), contains("problem: step \"parse\""));
  CHECK_THROWS_WITH(test_driver{t}, contains("does not compile"));
}

TEST_CASE("redact takes personal data out of text, fields and members", "[dsl][logs]") {
  const topic<no_key, std::string> clean{"clean", format::text};
  const topic<no_key, logs::fields> clean_fields{"clean-fields", format::json};
  const topic<no_key, hit> clean_hits{"clean-hits"};
  topology t{"redact"};
  t.from(lines).redact("text", {redact::email, redact::ipv4}).to(clean);
  t.from(found).redact("fields", {{redact::email}, redact::mask{"-"}}).to(clean_fields);
  t.from(hits).redact("members", {redact::ipv4}, &hit::client).to(clean_hits);
  test_driver d{t};
  d.feed(lines, "10.0.0.1 ada@example.org");
  d.feed(found, {{"user", "ada@example.org"}, {"from", "10.0.0.1"}});
  d.feed(hits, {"10.0.0.1", 200});
  CHECK(d.drain(clean) == std::vector<std::string>{"[ipv4] [email]"});
  CHECK(d.drain(clean_fields) == std::vector<logs::fields>{{{"from", "10.0.0.1"}, {"user", "-"}}});
  const auto changed = d.drain(clean_hits);
  REQUIRE(changed.size() == 1);
  CHECK(changed[0].client == "[ipv4]");
  CHECK(changed[0].status == 200);
  CHECK_THAT(t.describe(), contains("email, ipv4; masked"));
}

TEST_CASE("a redactor without kinds or with a short key is a problem", "[dsl][logs]") {
  const topic<no_key, std::string> clean{"clean", format::text};
  topology t{"redact"};
  t.from(lines)
      .redact("hash", {{redact::email}, redact::keyed_hash{"short"}})
      .map_values("map", redact::redactor{{}, redact::mask{}})
      .to(clean);
  const auto problems = t.plan().problems();
  REQUIRE(problems.size() == 2);
  CHECK_THAT(problems[0], contains("step \"hash\": the key of a keyed hash"));
  CHECK_THAT(problems[1], contains("step \"map\": there is nothing to redact"));
}

struct named_hit {
  std::string name;
  std::uint16_t status = 0;
};
PENSTOCK_FIELDS(named_hit, name, status);

struct host {
  std::string address;
  std::string name;
};
PENSTOCK_FIELDS(host, address, name);

named_hit with_name(const hit& h, const host* row) {
  return {row == nullptr ? "unknown" : row->name, h.status};
}

TEST_CASE("lookup enriches from a table, and the missing row is a null pointer", "[dsl][logs]") {
  const topic<no_key, named_hit> out{"out"};
  topology t{"lookup"};
  t.from(hits)
      .lookup("host", logs::lookup_text("address,name\n10.0.0.1,web\n", &host::address),
              &hit::client, with_name)
      .to(out);
  test_driver d{t};
  d.feed(hits, {"10.0.0.1", 200});
  d.feed(hits, {"10.0.0.2", 404});
  const auto found_hits = d.drain(out);
  REQUIRE(found_hits.size() == 2);
  CHECK(found_hits[0].name == "web");
  CHECK(found_hits[1].name == "unknown");
  CHECK(found_hits[1].status == 404);

  topology wrong{"lookup"};
  wrong.from(hits)
      .lookup("host", logs::lookup_text("address\n", &host::address), &hit::client, with_name)
      .to(out);
  const auto problems = wrong.plan().problems();
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], contains("step \"host\": the table, line 1: no column is called"));
}

const topic<std::string, double> latencies{"latencies"};

TEST_CASE("quantiles and sketch keep a distribution per key and window", "[dsl][logs]") {
  const topic<std::string, windowed<distribution>> per_minute{"per-minute", format::json};
  const topic<std::string, quantile_sketch> parts{"parts"};
  topology t{"quantiles"};
  t.from(latencies)
      .window(tumbling{1min, grace{0s}})
      .quantiles("latency")
      .on_close(never_idle)
      .to(per_minute);
  t.from(latencies)
      .sketch(
          "all", [](double ms) { return ms * 2; }, 0.02)
      .to(parts);
  test_driver d{t, {.partitions = 1}};
  for (int i = 1; i <= 100; ++i) d.feed(latencies, "a", i, at(i % 50));
  d.feed(latencies, "a", 1, at(61));
  const auto closed = d.drain(per_minute);
  REQUIRE(closed.size() == 1);
  const distribution& seen = closed[0].second.value;
  CHECK(seen.count == 100);
  CHECK(seen.sum == 5050);
  CHECK(seen.min == 1);
  CHECK(seen.max == 100);
  CHECK(std::abs(seen.p50 - 50) <= 1);
  CHECK(std::abs(seen.p99 - 99) <= 1.1);
  const auto held = d.state("all").get<quantile_sketch>("a");
  REQUIRE(held.has_value());
  CHECK(held->count() == 101);
  CHECK(held->max() == 200);
  CHECK_THAT(t.describe(), contains("relative error 1%") && contains("relative error 2%"));
  d.restart();
  CHECK(d.state("all").get<quantile_sketch>("a") == held);
}

TEST_CASE("a quantile of what is no number is a bad record", "[dsl][logs]") {
  topology t{"quantiles"};
  t.on_bad_record(skip);
  t.from(latencies).quantiles("latency");
  t.from(latencies).quantiles("wrong", {}, 0.9);
  const auto problems = t.plan().problems();
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], contains("step \"wrong\": the relative error 0.9"));

  topology good{"quantiles"};
  good.on_bad_record(skip);
  good.from(latencies).quantiles("latency");
  test_driver d{good};
  d.feed(latencies, "a", std::numeric_limits<double>::quiet_NaN());
  REQUIRE(d.bad_records().size() == 1);
  CHECK_THAT(d.bad_records()[0].reason, contains("not finite"));
}

TEST_CASE("a rate is what a window counted per time", "[dsl][logs]") {
  const topic<std::string, double> rates{"rates"};
  topology t{"rates"};
  t.from(latencies)
      .window(tumbling{1min, grace{0s}})
      .count("n")
      .on_close(never_idle)
      .map("per-second", logs::rate{})
      .to(rates);
  test_driver d{t, {.partitions = 1}};
  for (int i = 0; i < 30; ++i) d.feed(latencies, "a", 1, at(i));
  d.feed(latencies, "a", 1, at(60));
  const auto closed = d.drain(rates);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].second == 0.5);
  CHECK(logs::rate{1min}(windowed<std::uint64_t>{30, at(0), at(60)}) == 30);
  CHECK_THAT(logs::rate{0s}.problem(), contains("greater than zero"));
}

}  // namespace
}  // namespace penstock::test
