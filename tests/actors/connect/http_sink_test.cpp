// to_http against a server that the test plays: nothing lost, order kept, memory bounded.
#include <algorithm>
#include <cstdlib>
#include <deque>

#include "tests/actors/connect/sink_bench.hpp"

namespace penstock {
namespace {

using test::numbered;
using test::sink_bench;
using order = wire::ConnectorOrder::Kind;
using strings = std::vector<std::string>;

const topic<no_key, std::string> lines{"lines", format::text};

/// What a body of NDJSON says.
strings messages(const std::string& body) {
  strings out;
  constexpr std::string_view before = "\"message\":\"";
  for (auto at = body.find(before); at != body.npos; at = body.find(before, at + 1)) {
    const auto from = at + before.size();
    out.push_back(body.substr(from, body.find('"', from) - from));
  }
  return out;
}

/// Answers as it is told, at once.
struct server {
  std::function<result<http_answer>(const std::string& body)> answer =
      [](const std::string&) -> result<http_answer> {
    return http_answer{200, "OK", {}, ""};
  };
  strings taken;        // by answers of 2xx
  http_fields headers;  // of the last request
  std::size_t requests = 0;
  std::size_t body_bytes_max = 0;
  std::size_t under_way_max = 0;

  http_transport_maker maker() {
    return [this](const http_peer&, std::size_t, duration,
                  const clock&) -> result<std::unique_ptr<http_transport>> {
      return std::unique_ptr<http_transport>{std::make_unique<transport>(*this)};
    };
  }

  struct transport final : http_transport {
    explicit transport(server& s) : at(s) {}
    void post(std::size_t, std::string_view, const http_fields& own, bytes body,
              receiver then) override {
      at.headers = own;
      waiting.emplace_back(std::move(body), std::move(then));
      at.under_way_max = std::max(at.under_way_max, waiting.size());
    }
    void work(duration) override {
      while (!waiting.empty()) {
        const auto [body, then] = std::move(waiting.front());
        waiting.pop_front();
        ++at.requests;
        at.body_bytes_max = std::max(at.body_bytes_max, body.size());
        const auto said = at.answer(body);
        if (said && said->status < 300)
          for (auto& each : messages(body)) at.taken.push_back(std::move(each));
        then(said);
      }
    }
    server& at;
    std::deque<std::pair<bytes, receiver>> waiting;
  };
};

const auto say = [](int status) {
  return [status](const std::string&) -> result<http_answer> {
    return http_answer{status, "said so", {}, ""};
  };
};

struct http_bench : server, sink_bench {
  explicit http_bench(topology t, std::uint64_t seed = 1) : sink_bench(std::move(t), seed) {
    http = maker();
  }
};

topology sending(batch gather = {.records = 10, .age = 100ms}, retry tries = {}) {
  topology t{"j"};
  t.from(lines).to_http("out", "http://server/in", gather, tries);
  return t;
}

TEST_CASE("a server gets every record in order, in requests of the size asked for", "[connect]") {
  http_bench b{sending()};
  b.append(b.topic(), numbered(0, 95));
  b.start();
  b.run_to_the_end();
  CHECK(b.taken == numbered(0, 95));
  CHECK(b.requests == 10);
  CHECK(b.last.open()->getNumbers().getRecords() == 95);
  CHECK(b.last.open()->getNumbers().getWaiting() == 0);
  b.append(b.topic(), numbered(95, 97));
  b.start();
  b.run_to_the_end();
  CHECK(b.taken == numbered(0, 97));
}

TEST_CASE("few records are sent when they are old enough", "[connect]") {
  http_bench b{sending({.records = 10, .age = 2s})};
  b.start();
  b.append(b.topic(), numbered(0, 3));
  b.clock.run_for(1500ms);
  CHECK(b.taken.empty());
  b.clock.run_for(2s);
  CHECK(b.taken == numbered(0, 3));
}

TEST_CASE("a server that is down for an hour loses nothing and fills no memory", "[connect]") {
  http_bench b{sending()};
  b.answer = [](const std::string&) -> result<http_answer> {
    return error{errc::io_error, "cannot connect: refused"};
  };
  b.start();
  int appended = 0;
  for (int minute = 0; minute < 60; ++minute) {
    b.append(b.topic(), numbered(appended, appended + 50));
    appended += 50;
    b.clock.run_for(1min);
  }
  b.order(order::REPORT);
  b.clock.run_for(10ms);
  CHECK(b.last.open()->getDownSinceMs() > 0);
  CHECK(std::string{view(b.last.open()->getDownWhy())} == "cannot connect: refused");
  CHECK(b.last.open()->getNumbers().getWaiting() == 3000);
  CHECK(b.requests < 400);
  b.answer = say(204);
  b.clock.run_for(2min);
  b.run_to_the_end();
  CHECK(b.taken == numbered(0, 3000));
  CHECK(b.last.open()->getDownSinceMs() == -1);
}

TEST_CASE("a job that ends waits for a server so long, and says what it leaves", "[connect]") {
  http_bench b{sending({.records = 10, .age = 100ms}, {.at_end = 20s})};
  b.answer = say(503);
  b.append(b.topic(), numbered(0, 25));
  b.start();
  b.order(order::FINISH);
  REQUIRE(b.clock.run_until([&] { return b.failed(); }));
  CHECK(b.failure().find("503 said so") != std::string::npos);
  CHECK(b.failure().find("25 records wait in topic \"j-out-sink\"") != std::string::npos);
  b.answer = say(200);
  b.start();
  b.run_to_the_end();
  CHECK(b.taken == numbered(0, 25));
}

TEST_CASE("what a server will never take stops the job, naming it", "[connect]") {
  http_bench b{sending()};
  b.answer = [](const std::string& body) {
    return say(body.find("line 4") != body.npos ? 400 : 200)(body);
  };
  b.append(b.topic(), numbered(0, 8));
  b.start();
  REQUIRE(b.clock.run_until([&] { return b.failed(); }));
  CHECK(b.failure().find("offset 4") != std::string::npos);
  CHECK(b.failure().find("400 said so") != std::string::npos);
  CHECK(b.failure().find("on_bad_record") != std::string::npos);
}

TEST_CASE("or becomes a dead letter, and the others are delivered", "[connect]") {
  auto t = sending();
  t.on_bad_record(dead_letter{"dead"});
  http_bench b{t};
  REQUIRE(!b.create("dead"));
  b.answer = [](const std::string& body) {
    const bool bad = body.find("line 4\"") != body.npos || body.find("line 13\"") != body.npos;
    return say(bad ? 422 : 200)(body);
  };
  b.append(b.topic(), numbered(0, 20));
  b.start();
  b.run_to_the_end();
  auto expected = numbered(0, 20);
  std::erase(expected, "line 4");
  std::erase(expected, "line 13");
  CHECK(b.taken == expected);
  CHECK(b.read("dead") == strings{"line 4", "line 13"});
  CHECK(b.last.open()->getNumbers().getDropped() == 2);
}

topology with_headers(std::vector<http_header> headers) {
  topology t{"j"};
  t.from(lines).to_http("out", "https://server/in", {.records = 10, .age = 100ms}, {}, ndjson{},
                        {.headers = std::move(headers)});
  return t;
}

TEST_CASE("requests have headers of the topology, of the environment and of files", "[connect]") {
  REQUIRE(setenv("PENSTOCK_TEST_KEY", "from-env", 1) == 0);
  auto t = with_headers({{"X-Scope-OrgID", "tenant"},
                         {"X-Key", from_environment{"PENSTOCK_TEST_KEY"}},
                         {"Authorization", from_file{"/token", "Bearer "}}});
  for (const auto as : {describe_format::text, describe_format::json, describe_format::mermaid,
                        describe_format::dot}) {
    CHECK(t.describe(as).find("tenant") == std::string::npos);
    CHECK(t.describe(as).find("from-env") == std::string::npos);
  }
  CHECK(t.plan().fingerprint() == with_headers({}).plan().fingerprint());
  http_bench b{t};
  REQUIRE(write_file(b.files, "/token", "first\n"));
  b.append(b.topic(), numbered(0, 10));
  b.start();
  REQUIRE(b.clock.run_until([&] { return b.taken.size() == 10; }));
  CHECK(b.headers == http_fields{{"X-Scope-OrgID", "tenant"},
                                 {"X-Key", "from-env"},
                                 {"Authorization", "Bearer first"}});
  // A token that is renewed is used from the next request on; while it is gone, the sink waits.
  REQUIRE(b.files.remove("/token"));
  b.append(b.topic(), numbered(10, 20));
  b.clock.run_for(5s);
  CHECK(b.taken.size() == 10);
  b.order(order::REPORT);
  b.clock.run_for(10ms);
  CHECK(b.last.open()->getDownSinceMs() > 0);
  CHECK(std::string{view(b.last.open()->getDownWhy())}.find("Authorization") != std::string::npos);
  REQUIRE(write_file(b.files, "/token", "second"));
  b.run_to_the_end();
  CHECK(b.taken == numbered(0, 20));
  CHECK(b.headers.back().second == "Bearer second");
}

TEST_CASE("a header without a value ends the job at its start, naming where it looked",
          "[connect]") {
  const auto said = [](http_header header) {
    http_bench b{with_headers({std::move(header)})};
    REQUIRE(write_file(b.files, "/lines", "secret-one\nsecret-two\n"));
    b.start();
    REQUIRE(b.clock.run_until([&] { return b.failed(); }));
    CHECK(b.failure().find("secret") == std::string::npos);
    return b.failure();
  };
  REQUIRE(unsetenv("PENSTOCK_TEST_NONE") == 0);
  const auto variable = said({"X-Key", from_environment{"PENSTOCK_TEST_NONE"}});
  CHECK(variable.find("the header X-Key") != std::string::npos);
  CHECK(variable.find("PENSTOCK_TEST_NONE is not set") != std::string::npos);
  CHECK(said({"X-Key", from_file{"/none"}}).find("/none") != std::string::npos);
  CHECK(said({"X-Key", from_file{"/lines"}}).find("more than one line") != std::string::npos);
}

TEST_CASE("headers that cannot be sent are problems of the topology", "[connect]") {
  const auto problem = [](http_header header) {
    const auto problems = with_headers({std::move(header)}).plan().problems();
    return problems.empty() ? std::string{} : problems.front();
  };
  CHECK(problem({"X-Fine", "yes"}).empty());
  CHECK(problem({"X Space", "yes"}).find("is no name of a header") != std::string::npos);
  CHECK(problem({"content-type", "text/plain"}).find("own affair") != std::string::npos);
  const auto injected = problem({"X-Two", "secret\r\nX-Three: b"});
  CHECK(injected.find("X-Two") != std::string::npos);
  CHECK(injected.find("secret") == std::string::npos);
  CHECK(problem({"X-None", from_environment{""}}).find("no environment variable") !=
        std::string::npos);
  topology t{"j"};
  t.from(lines).to_http("out", "http://server/", {}, {}, ndjson{}, {.ca_file = "ca.pem"});
  CHECK(t.plan().problems().front().find("not https") != std::string::npos);
}

TEST_CASE("kills at any moment lose nothing, and repeat no more than was under way", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    http_bench b{sending({.records = 1 + chance.below(12), .age = 50ms}), seed};
    b.answer = [&](const std::string& body) { return say(chance.chance(1, 3) ? 500 : 200)(body); };
    int appended = 0;
    for (int round = 0; round < 10; ++round) {
      b.start();
      const int more = static_cast<int>(chance.below(40));
      if (more > 0) b.append(b.topic(), numbered(appended, appended + more));
      appended += more;
      for (auto steps = chance.below(200); steps > 0; --steps)
        if (!b.clock.step()) b.clock.run_for(20ms);
      b.kill();
    }
    b.start();
    b.run_to_the_end();
    CHECK(b.under_way_max <= 1);
    auto once = b.taken;
    std::sort(once.begin(), once.end());
    const auto all = once.size();
    once.erase(std::unique(once.begin(), once.end()), once.end());
    CHECK(once.size() == static_cast<std::size_t>(appended));
    CHECK(all - once.size() <= 10 * 24);
  }
}

}  // namespace
}  // namespace penstock
