// to_file: every line once, whatever happens to the process, the power or the disk.
#include "streams/connect/rotation.hpp"
#include "streams/record/compression.hpp"
#include "tests/actors/connect/sink_bench.hpp"

namespace penstock {
namespace {

using test::numbered;
using test::sink_bench;
using order = wire::ConnectorOrder::Kind;

const topic<no_key, std::string> lines{"lines", format::text};

topology writing(rotate how = {}) {
  topology t{"j"};
  t.from(lines).to_file("out", "/logs/out.log", how);
  return t;
}

/// The lines of all files put aside and of the file itself, in order.
std::vector<std::string> written(simulated_disk& on) {
  std::string text;
  for (const auto& path : on.files_below("/logs")) {
    if (path == "/logs/out.log") continue;
    auto content = on.content(path).value();
    const auto put_aside = parse_rotated("out.log", path.substr(6));
    REQUIRE(put_aside);
    CHECK_FALSE(put_aside->partial);
    if (put_aside->compressed != codec::none) {
      bytes plain;
      const auto size = decompress(put_aside->compressed, content, plain, 1u << 20).value();
      content = plain.substr(0, size);
    }
    text += content;
  }
  text += on.content("/logs/out.log").value_or("");
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    REQUIRE(end != text.npos);
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

constexpr std::uint64_t line_bytes = 10;  // of most that tests write

/// Bytes of the largest file that is not compressed.
std::uint64_t largest(simulated_disk& on) {
  std::uint64_t most = 0;
  for (const auto& path : on.files_below("/logs"))
    if (!path.ends_with(".gz") && !path.ends_with(".zst"))
      most = std::max<std::uint64_t>(most, on.content(path).value().size());
  return most;
}

TEST_CASE("a file gets every line, in order, and the folder is made", "[connect]") {
  sink_bench b{writing()};
  b.append(b.topic(), numbered(0, 100));
  b.start();
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 100));
  CHECK(b.last.open()->getNumbers().getRecords() == 100);
  b.append(b.topic(), numbered(100, 150));
  b.start();
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 150));
}

TEST_CASE("what others wrote into the file before and between runs stays", "[connect]") {
  sink_bench b{writing()};
  b.files.set_content("/logs/out.log", "by hand\n");
  b.append(b.topic(), numbered(0, 2));
  b.start();
  b.run_to_the_end();
  b.files.set_content("/logs/out.log", b.files.content("/logs/out.log").value() + "again\n");
  b.append(b.topic(), numbered(2, 3));
  b.start();
  b.run_to_the_end();
  CHECK(written(b.files) ==
        std::vector<std::string>{"by hand", "line 0", "line 1", "again", "line 2"});
}

TEST_CASE("a full disk is waited for and said, and nothing is lost or doubled", "[connect]") {
  sink_bench b{writing()};
  b.append(b.topic(), numbered(0, 1000));
  b.files.set_space_left(500);
  b.start();
  b.order(order::REPORT);
  b.clock.run_for(30s);
  b.order(order::REPORT);
  b.clock.run_for(100ms);
  CHECK(b.last.open()->getDownSinceMs() > 0);
  CHECK(std::string{view(b.last.open()->getDownWhy())}.find("/logs/out.log") != std::string::npos);
  CHECK(b.last.open()->getNumbers().getWaiting() == 1000);
  b.files.set_space_left(std::nullopt);
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 1000));
  CHECK(b.last.open()->getDownSinceMs() == -1);
}

errc code_of_failure(sink_bench& b) {
  return error_of(b.last.open()->getFailure()).code();
}

TEST_CASE("a file that cannot be written ends the job at its start, with the remedy", "[connect]") {
  sink_bench b{writing()};
  const auto is_refused = [&](const std::string& why) {
    b.start();
    REQUIRE(b.clock.run_until([&] { return b.failed(); }));
    CHECK(code_of_failure(b) == errc::invalid_argument);
    CHECK_THAT(b.failure(), test::contains(why));
    CHECK_THAT(b.failure(), test::contains("mend that, or name another file"));
    b.sink = nullptr;
  };
  b.files.set_read_only(true);
  is_refused("/logs: Read-only file system");
  b.files.set_read_only(false);
  REQUIRE(b.files.make_folder("/logs/out.log"));
  is_refused("/logs/out.log: Is a directory");
  REQUIRE(b.files.remove_folder("/logs"));
  b.files.set_content("/logs", "a file");
  is_refused("/logs/out.log: No such file");
}

TEST_CASE("what may pass is waited for from the start on, but not by a job that ends",
          "[connect]") {
  sink_bench b{writing()};
  b.append(b.topic(), numbered(0, 7));
  b.files.freeze();
  b.start();
  b.order(order::FINISH);
  REQUIRE(b.clock.run_until([&] { return b.failed(); }));
  CHECK_THAT(b.failure(), test::contains("7 records wait in topic \"j-out-sink\""));
  b.start();
  b.clock.run_for(10min);
  b.order(order::REPORT);
  b.clock.run_for(100ms);
  CHECK(b.last.open()->getDownSinceMs() > 0);
  b.files.thaw();
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 7));
}

TEST_CASE("permission that is taken away from a running job is waited for", "[connect]") {
  sink_bench b{writing()};
  b.start();
  b.clock.run_for(1s);
  b.files.set_read_only(true);
  b.append(b.topic(), numbered(0, 7));
  b.clock.run_for(10min);
  b.files.set_read_only(false);
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 7));
}

TEST_CASE("a file that cannot be put aside does not keep a job from ending", "[connect]") {
  sink_bench b{writing({.every = 1min})};
  b.append(b.topic(), numbered(0, 3));
  b.start();
  b.clock.run_for(10s);
  b.files.fail_syncs(1'000'000);
  b.clock.run_for(2min);
  b.run_to_the_end();
  b.files.fail_syncs(0);
  CHECK(b.files.files_below("/logs") == std::vector<std::string>{"/logs/out.log"});
  CHECK(written(b.files) == numbered(0, 3));
}

TEST_CASE("a job that ends does not wait for ever for a full disk", "[connect]") {
  sink_bench b{writing()};
  b.append(b.topic(), numbered(0, 7));
  b.files.set_space_left(0);
  b.start();
  b.order(order::FINISH);
  REQUIRE(b.clock.run_until([&] { return b.failed(); }));
  CHECK(b.failure().find("7 records wait in topic \"j-out-sink\"") != std::string::npos);
}

TEST_CASE("a file is rotated by size, compressed, and the oldest removed", "[connect]") {
  for (const auto with : {codec::none, codec::gzip, codec::zstd}) {
    sink_bench b{writing({.bytes = 300, .keep = 3, .compress = with})};
    b.start();
    for (int i = 0; i < 20; ++i) {
      b.append(b.topic(), numbered(i * 40, i * 40 + 40));
      b.clock.run_for(2s);
    }
    b.run_to_the_end();
    std::size_t aside = 0;
    for (const auto& path : b.files.files_below("/logs")) {
      if (path == "/logs/out.log") continue;
      ++aside;
      CHECK(parse_rotated("out.log", path.substr(6))->compressed == with);
    }
    CHECK(aside == 3);
    const auto left = written(b.files);
    REQUIRE(left.size() >= 120);
    CHECK(left == numbered(800 - static_cast<int>(left.size()), 800));
  }
}

TEST_CASE("no file is larger than it may be, however many lines come at once", "[connect]") {
  sink_bench b{writing({.bytes = 1000})};
  b.append(b.topic(), numbered(0, 5000));
  b.start();
  b.run_to_the_end();
  CHECK(written(b.files) == numbered(0, 5000));
  CHECK(largest(b.files) <= 1000);
  for (const auto& path : b.files.files_below("/logs")) {
    INFO(path);
    if (path != "/logs/out.log") CHECK(b.files.content(path).value().size() > 1000 - line_bytes);
  }
}

TEST_CASE("a line that is larger than a file may be has one of its own", "[connect]") {
  sink_bench b{writing({.bytes = 20})};
  const std::string large(100, 'x');
  const std::vector<std::string> all{"one", "two", large, large, "three", std::string(19, 'y'),
                                     "z"};
  b.append(b.topic(), all);
  b.start();
  b.run_to_the_end();
  CHECK(written(b.files) == all);
  std::vector<std::string> contents;
  for (const auto& path : b.files.files_below("/logs"))
    contents.push_back(b.files.content(path).value());
  std::sort(contents.begin(), contents.end(), [](const auto& l, const auto& r) {
    return std::pair{l.size(), l} < std::pair{r.size(), r};
  });
  CHECK(contents == std::vector<std::string>{"z\n", "three\n", "one\ntwo\n",
                                             std::string(19, 'y') + "\n", large + "\n",
                                             large + "\n"});
}

TEST_CASE("a file is rotated by age without a new line", "[connect]") {
  sink_bench b{writing({.every = 1min})};
  b.append(b.topic(), numbered(0, 3));
  b.start();
  b.clock.run_for(30s);
  CHECK(b.files.files_below("/logs").size() == 1);
  b.clock.run_for(40s);
  const auto files = b.files.files_below("/logs");
  REQUIRE(files.size() == 1);
  CHECK(files[0] != "/logs/out.log");
  CHECK(written(b.files) == numbered(0, 3));
}

TEST_CASE("after kills and power losses at any moment, every line is there once", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 180; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    rotate how;
    if (chance.chance(2, 3)) how.bytes = 200 + chance.below(400);
    if (seed > 60) how.bytes = 1 + chance.below(100);  // a round makes many files
    if (chance.chance(1, 3)) how.compress = chance.chance(1, 2) ? codec::gzip : codec::zstd;
    sink_bench b{writing(how), seed};
    int appended = 0;
    for (int round = 0; round < 12; ++round) {
      b.start();
      const int more = static_cast<int>(chance.below(30));
      if (more > 0) b.append(b.topic(), numbered(appended, appended + more));
      appended += more;
      for (auto steps = chance.below(120); steps > 0; --steps)
        if (!b.clock.step()) b.clock.run_for(10ms);
      if (chance.chance(1, 4)) b.files.fail_writes(1);
      if (chance.chance(1, 4)) b.files.fail_syncs(1);
      for (auto steps = chance.below(60); steps > 0; --steps)
        if (!b.clock.step()) b.clock.run_for(10ms);
      b.kill();
      if (chance.chance(1, 2)) b.files.crash(chance);
      b.files.fail_writes(0);
      b.files.fail_syncs(0);
    }
    b.start();
    b.run_to_the_end();
    CHECK(written(b.files) == numbered(0, appended));
    if (how.bytes > 0) CHECK(largest(b.files) <= std::max<std::uint64_t>(how.bytes, line_bytes));
  }
}

TEST_CASE("a commit that comes late from a sink that was killed makes no line lost or double",
          "[connect]") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    rotate how;
    if (chance.chance(1, 3)) how.bytes = 200 + chance.below(400);
    if (seed > 300) how.bytes = 1 + chance.below(100);
    sink_bench b{writing(how), seed};
    int appended = 0;
    for (int round = 0; round < 20; ++round) {
      b.start();
      const int more = static_cast<int>(chance.below(20));
      if (more > 0) b.append(b.topic(), numbered(appended, appended + more));
      appended += more;
      for (auto steps = chance.below(70); steps > 0; --steps)
        if (!b.clock.step()) b.clock.run_for(10ms);
      b.kill(chance.chance(1, 4));
    }
    b.start();
    b.run_to_the_end();
    CHECK(written(b.files) == numbered(0, appended));
  }
}

}  // namespace
}  // namespace penstock
