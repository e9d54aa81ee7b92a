// The example's own topology in the test driver: parsing, windows, late and bad lines.
#include <penstock/penstock.hpp>

#include <string>

#include "dsl/test_driver.hpp"
#include "tests/support/catch.hpp"

// The example as it is; its names stay in here.
namespace error_rate {
#define main example_main
#include "examples/error_rate/main.cpp"  // NOLINT(bugprone-suspicious-include)
#undef main

namespace {

std::string line(const std::string& clock, const std::string& path, int status) {
  return "203.0.113.7 - - [17/May/2015:" + clock + " +0000] \"GET " + path + " HTTP/1.1\" " +
         std::to_string(status) + " 5120 \"-\" \"curl\"";
}

TEST_CASE("error_rate: parses the lines of web servers and refuses others", "[examples]") {
  const auto r = parse(line("10:05:03", "/search?q=1", 404));
  REQUIRE(r);
  CHECK(r->path == "/search");
  CHECK(r->status == 404);
  CHECK(to_millis(r->time) == 1431857103000);
  CHECK_FALSE(parse(""));
  CHECK_FALSE(parse("nothing of the kind"));
  CHECK_FALSE(parse(line("10:05:xx", "/", 200)));
}

TEST_CASE("error_rate: alerts once per path and minute, when the window has closed", "[examples]") {
  test_driver d{build(), {.partitions = 1}};
  d.feed(access_log, line("10:05:03", "/search", 200));
  d.feed(access_log, line("10:05:09", "/search", 500));
  d.feed(access_log, line("10:05:10", "/", 200));
  CHECK(d.drain(alerts).empty());  // more may come for this minute

  d.feed(access_log, line("10:07:10", "/", 200));  // a minute of disorder and the grace are over
  const auto found = d.drain(alerts);
  REQUIRE(found.size() == 1);
  CHECK(found[0].first == "/search");
  CHECK(found[0].second.requests == 2);
  CHECK(found[0].second.errors == 1);

  d.feed(access_log, line("10:05:59", "/search", 500));
  CHECK(d.late() == 1);
  CHECK(d.drain(late_requests).size() == 1);
}

TEST_CASE("error_rate: lines that are none become dead letters", "[examples]") {
  test_driver d{build()};
  d.feed(access_log, "no such line");
  REQUIRE(d.bad_records().size() == 1);
  CHECK(d.drain_records("bad-lines").size() == 1);
}

}  // namespace
}  // namespace error_rate
