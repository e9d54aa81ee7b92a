// Whole log pipelines under faults: sources that the test feeds, sinks with files and servers that
// are down at times.
#include <penstock/penstock.hpp>
#include <penstock/simulate.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/scale.hpp"

namespace penstock {
namespace {

using strings = std::vector<std::string>;

const timestamp start = from_millis(1'600'000'000'000);

std::string entry(int n) {
  return (n % 3 == 0 ? "error " : "info ") + std::to_string(n);
}

std::set<std::string> entries(int behind, bool (*wanted)(const std::string&)) {
  std::set<std::string> all;
  for (int n = 0; n < behind; ++n)
    if (wanted(entry(n))) all.insert(entry(n));
  return all;
}

bool is_error(const std::string& line) {
  return line.starts_with("error");
}

bool is_any(const std::string&) {
  return true;
}

std::set<std::string> set_of(const strings& lines) {
  return {lines.begin(), lines.end()};
}

/// Files to a rotated file and to a server, by what the lines say.
topology pipeline(http_body body = ndjson{}) {
  topology t{"pipeline"};
  auto lines = t.tail("logs", "/var/log/app*", {.partitions = 2});
  lines.to_file("archive", "/archive/all.log", {.bytes = 900, .compress = codec::gzip});
  lines.filter("errors", is_error)
      .to_http("alerts", "https://alerts.example/in", {.records = 20, .age = 30ms},
               {.first = 10ms, .most = 200ms}, std::move(body),
               {.headers = {{"Authorization", "secret"}}});
  return t;
}

void feed_logs(simulated_input& in) {
  for (int n = 0; n < 300; ++n)
    in.feed_line("logs", n % 2 == 0 ? "/var/log/app.log" : "/var/log/app2.log", entry(n),
                 start + duration{n});
}

TEST_CASE("a log pipeline delivers everything under every fault", "[simulation][connect][slow]") {
  simulation job{pipeline(), feed_logs};
  const auto report = job.explore(test::scaled(100));
  INFO(report.to_string());
  CHECK(report.ok);
  CHECK(report.records == 300);
  CHECK(set_of(report.delivered.at("archive")) == entries(300, is_any));
  CHECK(set_of(report.delivered.at("alerts")) == entries(300, is_error));
  if (std::getenv("PENSTOCK_SEED") != nullptr) return;  // one seed, to look at
  CHECK(report.fired[static_cast<std::size_t>(fault::server_down)] * 100 >= 15 * report.runs);
}

TEST_CASE("a server that is down, or loses its answers, gets every record in every form",
          "[simulation][connect]") {
  for (const auto& body :
       {http_body{ndjson{}}, http_body{elastic_bulk{"logs"}}, http_body{loki_push{{{"a", "b"}}}}}) {
    simulation job{pipeline(body), feed_logs};
    const auto report = job.explore(test::scaled(8), faults::only(fault::server_down));
    INFO(report.to_string());
    CHECK(report.ok);
    const auto& got = report.delivered.at("alerts");
    if (body.index() != 1) {
      CHECK(set_of(got) == entries(300, is_error));
    } else {
      for (const auto& each : got) CHECK_THAT(each, test::contains("error "));
    }
  }
}

TEST_CASE("without faults a file has each line of a source once, in order",
          "[simulation][connect]") {
  topology t{"copy"};
  t.syslog("messages", "udp://127.0.0.1:514", {.multiline = logs::multiline{.start_pattern = "^<"}})
      .to_file("out", "out.log");
  simulation job{t, [](simulated_input& in) {
                   in.feed_line("messages", "10.0.0.1", "<1>one", start);
                   in.feed_line("messages", "10.0.0.2", "<1>other", start);
                   in.feed_line("messages", "10.0.0.1", "  more of one", start);
                   in.feed_line("messages", "10.0.0.1", "<1>two", start);
                 }};
  const auto report = job.run(1, faults::none());
  CHECK(report.ok);
  CHECK(report.records == 3);
  CHECK(report.delivered.at("out") == strings{"<1>one", "  more of one", "<1>two", "<1>other"});
}

TEST_CASE("a line that is not delivered is seen", "[simulation][connect]") {
  topology t{"leak"};
  // What is calm sees every line; later runs lose one.
  auto calls = std::make_shared<int>(0);
  t.lines("in", lines_from{"/in"})
      .filter("leak", [calls](const std::string&) { return ++*calls != 50 + 7; })
      .to_file("out", "/out");
  simulation job{t, [](simulated_input& in) {
                   for (int n = 0; n < 50; ++n) in.feed_line("in", entry(n), start);
                 }};
  const auto report = job.run(1, faults::none());
  CHECK(!report.ok);
  CHECK_THAT(report.what, test::contains("step out did not deliver"));
}

TEST_CASE("a topology with dead letters is simulated", "[simulation]") {
  topology t{"letters"};
  t.on_bad_record(dead_letter{"dead"});
  t.lines("in", lines_from{"/in"})
      .try_map("parse",
               [](const std::string& line) -> result<std::string> {
                 if (is_error(line)) return error{errc::invalid_argument, "no"};
                 return line;
               })
      .to_file("out", "/out");
  simulation job{t, [](simulated_input& in) {
                   for (int n = 0; n < 60; ++n) in.feed_line("in", entry(n), start);
                 }};
  const auto report = job.explore(test::scaled(5));
  INFO(report.to_string());
  CHECK(report.ok);
  CHECK(set_of(report.delivered.at("out")) ==
        entries(60, [](const std::string& line) { return !is_error(line); }));
}

TEST_CASE("lines for a step that is no source are refused", "[simulation][connect]") {
  for (const auto* step : {"errors", "alerts", "nobody"})
    CHECK_THROWS_AS(
        simulation(pipeline(), [&](simulated_input& in) { in.feed_line(step, "line", start); }),
        std::invalid_argument);
}

}  // namespace
}  // namespace penstock
