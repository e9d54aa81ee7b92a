// Sources whose process is killed at any moment: lines of files are in the topic once, and what was
// said to be durable is there.
#include <map>
#include <set>

#include "streams/base/random.hpp"
#include "tests/actors/connect/sink_bench.hpp"
#include "tests/support/memory_files.hpp"

namespace penstock {
namespace {

using test::sink_bench;
using order = wire::ConnectorOrder::Kind;

const topic<std::string, std::string> copies{"copies", format::text};

topology following(std::int32_t partitions, const std::string& glob = "/log/a*") {
  topology t{"j"};
  t.tail("logs", glob, {.partitions = partitions}).to(copies);
  return t;
}

topology listening(std::int32_t partitions) {
  topology t{"j"};
  t.syslog("messages", "udp://127.0.0.1:1514", {.partitions = partitions}).to(copies);
  return t;
}

std::string line(int n) {
  return "line " + std::to_string(n) + " " + std::string(40, 'x');
}

/// How often each value is in the topic.
std::map<std::string, int> counted(sink_bench& b) {
  std::map<std::string, int> times;
  for (std::int32_t p = 0; p < b.partitions; ++p) {
    for (offset_t at = 0;;) {
      const auto reply = b.ask<fetch_reply>(b.fetch_of(b.topic(), at, 0, p));
      for (const auto& each : test::virtual_node::values_in(reply)) ++times[each];
      const auto next = reply.open()->getNextOffset();
      if (next <= at) break;
      at = next;
    }
  }
  return times;
}

void turn(sink_bench& b, random& chance, std::uint64_t most) {
  for (auto steps = chance.below(most); steps > 0; --steps)
    if (!b.clock.step()) b.clock.run_for(std::chrono::milliseconds{50});
}

TEST_CASE("lines of files that rotate are in the topic once, whenever tail is killed",
          "[connect][tail]") {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    test::memory_files logs;
    const auto partitions = static_cast<std::int32_t>(1 + chance.below(3));
    sink_bench b{following(partitions), seed, partitions};
    b.logs = &logs;
    int written = 0, rotated = 0;
    const auto write = [&] {
      for (auto more = 1 + chance.below(40); more > 0; --more)
        logs.append("/log/a", line(written++) + "\n");
    };
    write();
    for (int round = 0; round < 10; ++round) {
      b.start();
      for (int i = 0; i < 4; ++i) {
        turn(b, chance, 60);
        write();
        if (!chance.chance(1, 2)) continue;
        const auto to = "/log/a." + std::to_string(++rotated);
        logs.rename("/log/a", to);
        write();
        if (!chance.chance(1, 3)) continue;
        turn(b, chance, 60);
        logs.compress(to, to + ".gz");
      }
      turn(b, chance, 60);
      b.kill();
    }
    b.start();
    b.run_to_the_end();
    const auto there = counted(b);
    CHECK(there.size() == static_cast<std::size_t>(written));
    for (const auto& [text, times] : there) {
      INFO(text);
      CHECK(times == 1);
    }
  }
}

TEST_CASE("no line is lost when files are copied, cut off, and tail is killed", "[connect][tail]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    test::memory_files logs;
    sink_bench b{following(1), seed};
    b.logs = &logs;
    int written = 0, rotated = 0;
    const auto write = [&] {
      for (auto more = 10 + chance.below(40); more > 0; --more)
        logs.append("/log/a", line(written++) + "\n");
    };
    write();
    for (int round = 0; round < 10; ++round) {
      b.start();
      turn(b, chance, 80);
      write();
      const auto to = "/log/a." + std::to_string(++rotated);
      logs.append(to, "");
      while (logs.size(to) < logs.size("/log/a")) {  // slowly, while others write
        logs.append(to, logs.content("/log/a").substr(logs.size(to), 300 + chance.below(2000)));
        turn(b, chance, 30);
        if (chance.chance(1, 3)) write();
      }
      const bool dead = chance.chance(1, 2);
      if (dead) b.kill();
      logs.truncate("/log/a");
      write();
      if (!dead) {
        turn(b, chance, 80);
        b.kill();
      }
    }
    b.start();
    b.run_to_the_end();
    CHECK(counted(b).size() == static_cast<std::size_t>(written));
  }
}

TEST_CASE("a file that is named and cannot be followed ends the job with the remedy",
          "[connect][tail]") {
  test::memory_files logs;
  sink_bench b{following(1, "/log/a")};
  b.logs = &logs;
  const auto is_refused = [&](const std::string& why) {
    b.start();
    REQUIRE(b.clock.run_until([&] { return b.failed(); }));
    CHECK(error_of(b.last.open()->getFailure()).code() == errc::invalid_argument);
    CHECK_THAT(b.failure(), test::contains(why));
    b.sink = nullptr;
  };
  logs.make_folder("/log/a");
  is_refused("/log/a is no regular file: read a pipe or a device by lines(");
  logs.remove("/log/a");
  logs.append("/log/a", line(0) + "\n");
  logs.forbid("/log/a");
  is_refused("/log/a: Permission denied; let this user read it");
  logs.forbid("/log/a", false);
  b.start();
  b.run_to_the_end();
  CHECK(counted(b) == std::map<std::string, int>{{line(0), 1}});
  CHECK(b.failure().empty());
}

TEST_CASE("a file that is named and not there yet is waited for", "[connect][tail]") {
  test::memory_files logs;
  sink_bench b{following(1, "/log/a")};
  b.logs = &logs;
  b.start();
  b.clock.run_for(5s);
  logs.append("/log/a", line(0) + "\n");
  b.run_to_the_end();
  CHECK(counted(b).size() == 1);
}

TEST_CASE("a job that ends says which matched files it has not read, and fails with the rest done",
          "[connect][tail]") {
  test::memory_files logs;
  sink_bench b{following(1)};
  b.logs = &logs;
  logs.append("/log/a", line(0) + "\n");
  logs.make_folder("/log/a-folder");  // is no file that could be read
  b.start();
  b.run_to_the_end();
  CHECK(b.failure().empty());
  logs.append("/log/a-secret", line(1) + "\n");
  logs.forbid("/log/a-secret");
  auto damaged = test::memory_files::gzip(line(2) + "\n");
  damaged[damaged.size() - 6] ^= 0x55;  // of its checksum
  logs.append("/log/a.gz", damaged);
  b.start();
  b.run_to_the_end();
  CHECK(error_of(b.last.open()->getFailure()).code() == errc::io_error);
  CHECK_THAT(b.failure(), test::contains("2 of the files that match /log/a*"));
  CHECK_THAT(b.failure(), test::contains("a.gz is not gzip to its end (and 1 more)"));
  CHECK(counted(b).size() == 2);
  // Each run says so, until it is mended or gone.
  logs.forbid("/log/a-secret", false);
  b.start();
  b.run_to_the_end();
  CHECK_THAT(b.failure(), test::contains("1 of the files that match /log/a* could not be read to "
                                         "the end: /log/a.gz is not gzip to its end"));
  logs.remove("/log/a.gz");
  b.start();
  b.run_to_the_end();
  CHECK(b.failure().empty());
  CHECK(counted(b).size() == 3);
}

/// Sockets that a test plays.
struct played : socket_server {
  explicit played(std::shared_ptr<arrivals>& kept, std::shared_ptr<arrivals> to) : kept_(kept) {
    kept_ = std::move(to);
  }
  ~played() override { kept_ = nullptr; }
  void stop_taking() override {}
  std::shared_ptr<arrivals>& kept_;
};

TEST_CASE("what a socket was told to be durable is, whenever its source is killed", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    const auto partitions = static_cast<std::int32_t>(1 + chance.below(3));
    sink_bench b{listening(partitions), seed, partitions};
    std::shared_ptr<arrivals> open;
    b.sockets = [&](std::shared_ptr<arrivals> to,
                    std::shared_ptr<socket_numbers>) -> result<std::unique_ptr<socket_server>> {
      return std::unique_ptr<socket_server>{std::make_unique<played>(open, std::move(to))};
    };
    int sent = 0, taken = 0, told = 0;
    std::set<std::string> durable;
    for (int round = 0; round < 8; ++round) {
      b.start();
      for (int i = 0; i < 12; ++i) {
        turn(b, chance, 30);
        if (!open) continue;
        arrival some;
        if (chance.chance(1, 2)) some.sender = "10.0.0." + std::to_string(chance.below(5));
        for (auto more = 1 + chance.below(5); more > 0; --more) some.lines.push_back(line(sent++));
        some.bytes = 100 * some.lines.size();
        some.done = [&, lines = some.lines](bool sure) {
          ++told;
          if (sure) durable.insert(lines.begin(), lines.end());
        };
        if (open->offer(some)) ++taken;
      }
      turn(b, chance, 60);
      if (chance.chance(1, 2)) {
        b.kill();
        continue;
      }
      b.order(order::STOP);
      REQUIRE(b.clock.run_until([&] { return b.ended() || b.failed(); }));
      CHECK(b.ended());
      b.sink = nullptr;
    }
    CHECK(told == taken);  // each hears once, and all do
    const auto there = counted(b);
    for (const auto& each : durable) CHECK(there.contains(each));
    for (const auto& [text, times] : there) CHECK(times == 1);
  }
}

TEST_CASE("a source that cannot listen ends the job with the reason", "[connect]") {
  sink_bench b{listening(1)};
  b.sockets = [](std::shared_ptr<arrivals>,
                 std::shared_ptr<socket_numbers>) -> result<std::unique_ptr<socket_server>> {
    return error{errc::invalid_argument, "cannot listen on udp://127.0.0.1:1514: in use"};
  };
  b.start();
  REQUIRE(b.clock.run_until([&] { return b.failed(); }));
  CHECK(b.failure() == "syslog \"messages\": cannot listen on udp://127.0.0.1:1514: in use");
  b.sink = nullptr;
}

}  // namespace
}  // namespace penstock
