// The parsers of streams/logs as steps.
#include "streams/logs/access.hpp"
#include "streams/logs/csv.hpp"
#include "streams/logs/json.hpp"
#include "streams/logs/pairs.hpp"
#include "streams/logs/syslog.hpp"
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

const topic<no_key, std::string> lines{"lines", format::text};

std::string request(const std::string& path, int status) {
  return "10.0.0.1 - - [17/May/2015:10:05:03 +0000] \"GET " + path + " HTTP/1.1\" " +
         std::to_string(status) + " 5 \"-\" \"an agent that does not fit into a small string\"";
}

TEST_CASE("an access log that is read as views is stored and counted as its own", "[dsl]") {
  const topic<no_key, logs::access> failures{"failures", format::json};
  const topic<std::string, std::uint64_t> counts{"counts"};
  topology t{"views"};
  t.on_bad_record(skip);
  auto parsed = t.from(lines).try_map("parse", logs::combined_view);
  parsed.filter("failed", [](const logs::access_view& a) { return a.status >= 500; }).to(failures);
  parsed.key_by("by-path", &logs::access_view::path).count("per-path").to(counts);
  test_driver d{t, {.partitions = 1}};
  for (int i = 0; i < 3; ++i) d.feed(lines, request("/a/path/that/is/long/enough", 200));
  d.feed(lines, request("/short", 503));
  d.feed(lines, "no request");
  const auto failed = d.drain(failures);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].path == "/short");
  CHECK(failed[0].agent == "an agent that does not fit into a small string");
  std::map<std::string, std::uint64_t> newest;
  for (const auto& [path, n] : d.drain(counts)) newest[path] = n;
  CHECK(newest ==
        std::map<std::string, std::uint64_t>{{"/a/path/that/is/long/enough", 3}, {"/short", 1}});
  CHECK(d.counters().bad == 1);
}

struct order {
  std::uint32_t id = 0;
  std::string customer;
};
PENSTOCK_FIELDS(order, id, customer);

TEST_CASE("every parser of a format is a step", "[dsl]") {
  const topic<no_key, logs::fields> values{"values", format::json};
  const topic<no_key, order> orders{"orders"};
  const topic<no_key, logs::syslog_message> messages{"messages", format::json};
  topology t{"formats"};
  t.on_bad_record(skip);
  const auto in = t.from(lines);
  in.try_map("csv", logs::csv{{"id", "who"}}).to(values);
  in.try_map("json", logs::json_as<order>).to(orders);
  in.try_map("syslog", logs::syslog_parser{.received = from_millis(1'431'900'000'000)})
      .to(messages);
  test_driver d{t, {.partitions = 1}};
  d.feed(lines, "7,Jo");
  d.feed(lines, R"({"id":8,"customer":"Al"})");
  d.feed(lines, "<34>May 17 10:05:03 host app[1]: hello");
  const auto read = d.drain(values);
  REQUIRE(read.size() == 1);
  CHECK(read[0] == logs::fields{{"id", "7"}, {"who", "Jo"}});
  const auto ordered = d.drain(orders);
  REQUIRE(ordered.size() == 1);
  CHECK(ordered[0].customer == "Al");
  const auto heard = d.drain(messages);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].message == "hello");
  CHECK(heard[0].time == from_millis(1'431'857'103'000));
}

TEST_CASE("separators and columns that cannot work are problems of the topology", "[dsl]") {
  const topic<no_key, logs::fields> values{"values"};
  topology t{"wrong"};
  t.on_bad_record(skip);
  t.from(lines).try_map("csv", logs::csv{{"a", "a"}}).to(values);
  t.from(lines).try_map("pairs", logs::key_value{.pair = "="}).to(values);
  std::string all;
  const auto problems = t.plan().problems();
  for (const auto& each : problems) all += each + "\n";
  CHECK_THAT(all, contains("two columns are named 'a'"));
  CHECK_THAT(all, contains("separates pairs and texts"));
}

}  // namespace
}  // namespace penstock::test
