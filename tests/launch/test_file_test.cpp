// `--test FILE`: what a test file may say, and what is said about wrong ones.
#include <penstock/penstock.hpp>

#include <fstream>
#include <stdexcept>

#include "launch/testing/run_tests.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

using namespace penstock::testing;
using penstock::test::contains;

struct visit {
  std::string host;
  std::int32_t status = 0;
  timestamp time;
};
PENSTOCK_FIELDS(visit, host, status, time);

struct placed {
  std::string host;
  std::string country;
};
PENSTOCK_FIELDS(placed, host, country);

const topic<no_key, visit> visits{"visits", format::json};
const topic<std::string, placed> by_country{"by-country", format::json};
const topic<std::string, std::uint64_t> per_host{"per-host"};

result<std::string> country_of(const std::string&) {
  throw std::runtime_error("a test must not ask the outside world");
}

topology pipeline(bool stops = false) {
  topology t{"pipeline"};
  if (!stops) t.on_bad_record(dead_letter{"bad"});
  auto all = t.from(visits).event_time("time", &visit::time, out_of_order{0s});
  all.try_map("locate",
              [](const visit& v) -> result<placed> {
                auto found = country_of(v.host);
                if (!found) return found.error();
                return placed{v.host, *found};
              })
      .key_by("by-host", &placed::host)
      .to(by_country);
  all.filter("good", [](const visit& v) { return v.status < 500; })
      .key_by("host", &visit::host)
      .count("visits-of")
      .to(per_host);
  all.for_each("notify", [](const visit&) { throw std::runtime_error("not in a test"); });
  return t;
}

// The file's outcome: "" when all pass, else what went wrong, in words.
std::string outcome(const std::string& text, const topology& t = pipeline()) {
  test::scratch_dir dir;
  const auto path = dir.file("tests.yaml");
  std::ofstream{path} << text;
  const auto p = t.plan();
  REQUIRE(p.problems().empty());
  const auto file = read_test_file(path, p);
  std::string all;
  if (!file) {
    CHECK(file.error().code() == errc::invalid_argument);
    all = file.error().message();
    CHECK_THAT(all, contains(path));
    return "wrong" + all.substr(path.size());
  }
  for (const auto& each : file->tests) {
    for (const auto& failure : run_test(p, each)) {
      all += std::to_string(failure.at.line) + ": " + failure.what + "\n";
      for (const auto& line : failure.lines) {
        all += line.from == diff_line::side::expected ? "-"
               : line.from == diff_line::side::found  ? "+"
                                                      : " ";
        all += line.text + "\n";
      }
    }
  }
  return all;
}

std::string with_steps(const std::string& rest) {
  return "tests:\n  - name: one\n    start: 2026-03-01\n    mocks:\n"
         "      locate: {returns: {host: h, country: DE}}\n      notify: {prints: true}\n" +
         rest;
}

const std::string one_visit =
    "    steps:\n"
    "      - feed: visits\n"
    "        records:\n"
    "          - value: {host: a.example, status: 200, time: 2026-03-01T00:00:01Z}\n";

}  // namespace

TEST_CASE("mocks answer instead of functions, by table, and print instead of effects",
          "[launch][testing]") {
  CHECK(outcome(R"(
tests:
  - name: everything that a mock can be
    start: 2026-03-01
    mocks:
      locate:
        table:
          - {when: {host: a.example}, returns: {host: a.example, country: DE}}
          - {when: {host: b.example}, error: no such host}
        otherwise: {returns: {host: somebody, country: "?"}}
      good:
        table:
          - {when: {status: 200}, returns: true}
        otherwise: {returns: false}
      notify: {prints: true}
    steps:
      - feed: visits
        at: 2026-03-01T00:00:00Z
        lines:
          - '{"host":"a.example","status":200,"time":"2026-03-01T00:00:01Z"}'
          - '{"host":"b.example","status":404,"time":"2026-03-01T00:00:02Z"}'
          - '{"host":"c.example","status":503,"time":"2026-03-01T00:00:03Z"}'
          - '{"host":"a.example","status":200,"time":"2026-03-01T00:00:04.000Z"}'
    expect:
      topics:
        by-country:
          any_order:
            - {key: somebody, value: {host: somebody, country: "?"}}
            - {key: a.example, value: {host: a.example, country: DE}}
            - {key: a.example, value: {country: DE, host: a.example}}
        per-host:
          - {key: a.example, value: 2}
        bad:
          contains:
            - headers: {penstock.step: locate, penstock.reason: no such host}
      dead_letters:
        - reason: no such host
          step: locate
          topic: visits
          value: {host: b.example, status: 404, time: 2026-03-01T00:00:02Z}
      printed:
        contains: ['notify: {"host":"c.example"']
      counters: {bad: 1, late: 0, records_in: 4}
)") == "");
}

TEST_CASE("a row that no mock has is a bad record that says so", "[launch][testing]") {
  CHECK_THAT(outcome("tests:\n  - name: one\n    start: 2026-03-01\n    mocks:\n"
                     "      notify: {prints: true}\n      locate:\n        table:\n"
                     "          - {when: {host: b}, returns: {host: b, country: DE}}\n" +
                     one_visit + "    expect:\n      dead_letters: []\n"),
             contains("the mock of \\\"locate\\\" has no answer for key null"));
}

TEST_CASE("what differs is shown beside what was expected, with its line", "[launch][testing]") {
  CHECK(outcome(with_steps(one_visit + "    expect:\n"
                                       "      topics:\n"
                                       "        per-host:\n"
                                       "          - {key: a.example, value: 1}\n"
                                       "          - {key: b.example, value: 7}\n"
                                       "        by-country:\n"
                                       "          any_order:\n"
                                       "            - {key: x}\n"
                                       "        bad: {count: 3}\n"
                                       "      printed: []\n"
                                       "      counters: {late: 5}\n")) ==
        "15: topic \"per-host\": expected exactly these, in this order (2 expected, 1 found)\n"
        " {key: \"a.example\", value: 1}\n"
        "-{key: \"b.example\", value: 7}\n"
        "18: topic \"by-country\": expected exactly these (1 expected, 1 found)\n"
        "-{key: \"x\"}\n"
        "+{key: \"h\", value: {\"country\":\"DE\",\"host\":\"h\"}}\n"
        "19: topic \"bad\": expected 3, found 0\n"
        "20: printed lines: expected exactly these, in this order (0 expected, 1 found)\n"
        "+\"notify: {\\\"host\\\":\\\"a.example\\\",\\\"status\\\":200,"
        "\\\"time\\\":\\\"2026-03-01T00:00:01.000Z\\\"}\"\n"
        "21: counter \"late\": expected 5, found 0\n");
}

TEST_CASE("each expectation sees what came since the one before", "[launch][testing]") {
  CHECK(outcome(with_steps(one_visit + "      - expect: {topics: {per-host: [1]}}\n"
                                       "      - expect: {topics: {per-host: []}}\n"
                                       "      - restart\n"
                                       "      - feed: visits\n"
                                       "        records:\n"
                                       "          - value: {host: a.example, status: 200, "
                                       "time: 2026-03-01T00:00:09Z}\n"
                                       "      - advance_by: 1min\n"
                                       "      - advance_to: 2026-03-01T00:10:00Z\n"
                                       "      - close_windows\n"
                                       "    expect: {topics: {per-host: [2]}}\n")) == "");
}

TEST_CASE("a job that stops fails its test unless that was expected", "[launch][testing]") {
  const std::string feed = "    steps:\n      - feed: visits\n        lines: [nonsense]\n";
  CHECK_THAT(outcome(with_steps(feed + "    expect: {counters: {bad: 0}}\n"), pipeline(true)),
             contains("8: the job stopped: job pipeline, step \"visits\""));
  CHECK(outcome(with_steps(feed + "    expect: {stops: is not json}\n"), pipeline(true)) == "");
  CHECK_THAT(outcome(with_steps(feed + "    expect: {stops: disk}\n"), pipeline(true)),
             contains("10: the job stopped, but not because of \"disk\""));
  CHECK_THAT(outcome(with_steps(one_visit + "    expect: {stops: disk}\n"), pipeline(true)),
             contains("11: the job should have stopped because of \"disk\""));
}

TEST_CASE("elements in any order are assigned so that as many as can be fit", "[launch][testing]") {
  const std::vector<expected_item> wanted{{{}, {{"value", {{"a", 1}}}}},
                                          {{}, {{"value", {{"b", 2}}}}}};
  const nlohmann::json both{{"key", nullptr}, {"value", {{"a", 1}, {"b", 2}}}};
  const nlohmann::json only_a{{"key", nullptr}, {"value", {{"a", 1}}}};
  CHECK(difference(listed::records, list_order::contains, wanted, {both, only_a}).empty());
  CHECK(difference(listed::records, list_order::contains, wanted, {only_a, both}).empty());
  CHECK(difference(listed::records, list_order::contains, wanted, {only_a, only_a}).size() == 2);
  CHECK(difference(listed::records, list_order::any_order, wanted, {both, only_a}).size() == 2);
}

TEST_CASE("a long list differs in few lines", "[launch][testing]") {
  std::vector<expected_item> wanted;
  std::vector<nlohmann::json> found;
  for (int i = 0; i < 3000; ++i) {
    wanted.push_back({{}, {{"value", i}}});
    found.push_back({{"key", nullptr}, {"value", i == 2000 ? -1 : i}});
  }
  const auto lines = difference(listed::records, list_order::in_order, wanted, found);
  REQUIRE(lines.size() > 5);
  CHECK(lines.size() < 70);
  CHECK(lines[0].text == "… 1997 as expected");
  CHECK(lines[4].text == "{value: 2000}");
  CHECK(lines[5].text == "{value: -1}");
}

TEST_CASE("a wrong test file is refused with line, column and remedy", "[launch][testing]") {
  const auto wrong = [](const std::string& text, const std::string& expected) {
    INFO(text);
    CHECK_THAT(outcome(text), contains("wrong:" + expected));
  };
  wrong("tests: [", "1:1: this is not YAML");
  wrong("", " a test file is a map");
  wrong("{}", "1:1: a test file needs \"tests\"");
  wrong("tests: []", "1:8: there is no test in the list");
  wrong("test: 1", "1:1: a test file has no word \"test\": did you mean \"tests\"?");
  wrong("tests:\n  - name: a\n    stesp: []\n",
        "3:5: a test has no word \"stesp\": did you mean \"steps\"?");
  wrong("tests:\n  - name: a\n    steps: []\n", "2:5: the test expects nothing");
  wrong("tests:\n  - name: a\n    name: b\n", "3:5: \"name\" stands twice in a test");
  wrong("defaults: {start: soon}\ntests: 1", "1:19: must be a time");
  wrong("defaults: {partitions: 0}\ntests: 1",
        "1:24: partitions must be a whole number from 1 to 1000");
  wrong("defaults: {mocks: {lokate: {returns: 1}}}\ntests: 1",
        "1:20: topology pipeline has no step \"lokate\" that can be mocked: did you mean "
        "\"locate\"?");
  wrong("defaults: {mocks: {by-host: {returns: 1}}}\ntests: 1",
        "1:20: step \"by-host\" (key_by) has no function that a mock could stand in for");
  wrong("defaults: {mocks: {locate: {returns: 1}}}\ntests: 1",
        "1:38: 1 is not what step \"locate\" (try_map) can give: it gives one value");
  wrong("defaults: {mocks: {good: {returns: 1, error: x}}}\ntests: 1",
        "1:26: needs one of \"returns\" and \"error\"");
  wrong("defaults: {mocks: {notify: {returns: 1}}}\ntests: 1",
        "1:29: the mock of \"notify\" has no word \"returns\": there is prints");
  wrong(with_steps("    steps: [close_window]\n"),
        "7:13: there is no step \"close_window\": did you mean \"close_windows\"?");
  wrong(with_steps("    steps: [{advance_by: soon}]\n"), "7:26: must be a duration");
  wrong(with_steps("    steps: [{feed: visit, lines: []}]\n"),
        "7:20: topology pipeline does not read topic \"visit\": did you mean \"visits\"?");
  wrong(with_steps("    steps: [{feed: visits}]\n"), "7:13: feed needs one of");
  wrong(with_steps("    steps: [{feed: visits, file: none.log}]\n"), "7:34: ");
  wrong(with_steps("    steps: [{feed: visits, records: [{key: a, value: {}}]}]\n"),
        "7:44: the records of this topic have no key");
  wrong(with_steps("    steps: []\n    expect: {topics: {per-hosts: []}}\n"),
        "8:23: topology pipeline does not write topic \"per-hosts\": did you mean \"per-host\"?");
  wrong(with_steps(
            "    steps: []\n    expect: {topics: {per-host: {any_order: [], contains: []}}}\n"),
        "8:59: in_order, any_order and contains exclude each other");
  wrong(with_steps("    steps: []\n    expect: {topics: {per-host: [{values: 1}]}}\n"),
        "8:35: a record has no word \"values\": did you mean \"value\"?");
  wrong(with_steps("    steps: []\n    expect: {counters: {last: 1}}\n"),
        "8:25: counters has no word \"last\": did you mean \"late\"?");
}

TEST_CASE("a test file that would grow beyond measure is refused", "[launch][testing]") {
  std::string list =
      "defaults:\n  mocks:\n    locate:\n      returns:\n        - &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    list += "        - &a" + std::to_string(i) + " [" + before;
    for (int n = 0; n < 9; ++n) list += "," + before;
    list += "]\n";
  }
  CHECK_THAT(outcome(list + "tests: 1\n"), contains("more than 1000000 values in one"));
  std::string deep = "defaults: {mocks: {locate: {returns: ";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 0; i < 100; ++i) deep += "]";
  CHECK_THAT(outcome(deep + "}}}\ntests: 1\n"), contains("nested deeper than 64"));
}

}  // namespace penstock
