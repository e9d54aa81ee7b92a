// A stream that the test plays: it comes in pieces of any size, pauses, breaks, and is left in the
// middle.
#include <algorithm>
#include <optional>

#include "streams/base/random.hpp"
#include "streams/connect/line_cutter.hpp"
#include "tests/actors/connect/sink_bench.hpp"

namespace penstock {
namespace {

using test::sink_bench;
using order = wire::ConnectorOrder::Kind;
using strings = std::vector<std::string>;

const topic<no_key, std::string> copies{"copies", format::text};

topology reading(std::int32_t partitions, std::optional<logs::multiline> multiline = {}) {
  topology t{"j"};
  t.lines("in", {.path = "/pipe", .partitions = partitions, .multiline = std::move(multiline)})
      .to(copies);
  return t;
}

/// What a stream holds, and how far it has been read; outlives those who read it.
struct stream_content {
  std::string text;
  std::size_t read = 0;
  std::optional<std::size_t> breaks_at = {};
};

class played_input final : public input {
 public:
  played_input(stream_content& from, random& chance) : from_(from), chance_(chance) {}

  result<std::optional<std::size_t>> read_some(char* to, std::size_t length,
                                               std::chrono::milliseconds) override {
    if (chance_.chance(1, 4)) return std::optional<std::size_t>{};
    auto size =
        std::min<std::size_t>({length, 1 + chance_.below(400), from_.text.size() - from_.read});
    if (from_.breaks_at) {
      if (from_.read == *from_.breaks_at) return error{errc::io_error, "/pipe: broken"};
      size = std::min(size, *from_.breaks_at - from_.read);
    }
    from_.text.copy(to, size, from_.read);
    from_.read += size;
    return std::optional{size};
  }

 private:
  stream_content& from_;
  random& chance_;
};

struct lines_bench : sink_bench {
  lines_bench(topology t, std::uint64_t seed, std::int32_t of_topic = 1)
      : sink_bench(std::move(t), seed, of_topic), chance(seed) {
    inputs = [this](const std::string& path) -> result<std::unique_ptr<input>> {
      CHECK(path == "/pipe");
      return std::unique_ptr<input>{std::make_unique<played_input>(content, chance)};
    };
  }

  /// Lines of any bytes, some empty, some with "\r\n"; the last one may have no end.
  strings fill(int count) {
    strings all;
    for (int i = 0; i < count; ++i) {
      std::string line = chance.chance(1, 8) ? "" : std::to_string(i) + " ";
      for (auto more = chance.below(60); more > 0; --more) {
        const auto byte = static_cast<char>(chance.below(256));
        line += byte == '\n' || byte == '\r' ? ' ' : byte;
      }
      content.text += line;
      if (i + 1 < count || line.empty() || chance.chance(1, 2))
        content.text += chance.chance(1, 5) ? "\r\n" : "\n";
      all.push_back(std::move(line));
    }
    return all;
  }

  strings in_topic(std::int32_t p = 0) {
    strings all;
    for (offset_t at = 0;;) {
      const auto reply = ask<fetch_reply>(fetch_of(topic(), at, 0, p));
      for (auto& each : values_in(reply)) all.push_back(std::move(each));
      const auto next = reply.open()->getNextOffset();
      if (next <= at) return all;
      at = next;
    }
  }

  void turn(std::uint64_t most) {
    for (auto steps = chance.below(most); steps > 0; --steps)
      if (!clock.step()) clock.run_for(std::chrono::milliseconds{50});
  }

  random chance;
  stream_content content;
};

/// The lines that are whole in the first `size` bytes, and what is behind the last of them.
strings lines_in(const std::string& text, std::size_t size, bool with_rest) {
  strings all;
  line_cutter cutter{1u << 20};
  const auto add = [&](std::string_view line) { all.emplace_back(line); };
  cutter.add(bytes_view{text}.substr(0, size), add);
  if (with_rest) cutter.finish(add);
  return all;
}

TEST_CASE("a stream is in the topic line by line, however it comes", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(1), seed};
    const auto all = b.fill(static_cast<int>(b.chance.below(200)));
    b.start();
    b.run_to_the_end();
    CHECK(b.in_topic() == all);
    CHECK(b.last.open()->getNumbers().getRecords() == all.size());
  }
}

TEST_CASE("the lines of a stream are in order in each of its partitions", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(3), seed, 3};
    const auto all = b.fill(5000);
    b.start();
    b.run_to_the_end();
    // 1,024 lines each in turn.
    std::vector<strings> expected(3);
    for (std::size_t i = 0; i < all.size(); ++i) expected[i / 1024 % 3].push_back(all[i]);
    for (std::int32_t p = 0; p < 3; ++p)
      CHECK(b.in_topic(p) == expected[static_cast<std::size_t>(p)]);
  }
}

TEST_CASE("a stream that breaks gives what came before, and the reason", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(1), seed};
    b.fill(100);
    b.content.breaks_at = b.chance.below(b.content.text.size() + 1);
    b.start();
    REQUIRE(b.clock.run_until([&] { return b.failed(); }));
    CHECK(b.failure() == "lines \"in\": /pipe: broken");
    b.sink = nullptr;
    b.clock.run_for(1s);
    const auto got = b.in_topic();
    const auto wanted = lines_in(b.content.text, *b.content.breaks_at, false);
    REQUIRE(got.size() <= wanted.size());
    CHECK(std::equal(got.begin(), got.end(), wanted.begin()));
  }
}

TEST_CASE("of a stream that is left, everything that was read is durable", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(1), seed};
    b.fill(300);
    b.start();
    b.turn(200);
    b.order(order::STOP);
    REQUIRE(b.clock.run_until([&] { return b.ended() || b.failed(); }));
    CHECK(b.ended());
    b.sink = nullptr;
    CHECK(b.in_topic() == lines_in(b.content.text, b.content.read, true));
  }
}

TEST_CASE("a source of lines that is killed leaves a part from the beginning, each line once",
          "[connect]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(1), seed};
    const auto all = b.fill(300);
    b.start();
    b.turn(300);
    b.kill();
    const auto got = b.in_topic();
    REQUIRE(got.size() <= all.size());
    CHECK(std::equal(got.begin(), got.end(), all.begin()));
  }
}

TEST_CASE("events of a stream are the same however it comes", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    lines_bench b{reading(1, logs::multiline{.start_pattern = "^<"}), seed};
    strings events;
    for (auto left = 1 + b.chance.below(60); left > 0; --left) {
      const bool begins = events.empty() || b.chance.chance(1, 3);
      const auto line = (begins ? "<" : " ") + std::to_string(left);
      b.content.text += line + "\n";
      if (begins)
        events.push_back(line);
      else
        events.back() += "\n" + line;
    }
    b.start();
    b.run_to_the_end();
    CHECK(b.in_topic() == events);
  }
}

}  // namespace
}  // namespace penstock
