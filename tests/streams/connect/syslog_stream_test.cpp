// What a syslog sender says over a stream, however it is cut into reads and wherever it is damaged.
#include "streams/connect/syslog_stream.hpp"

#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using strings = std::vector<std::string>;
using std::chrono::nanoseconds;

std::optional<logs::event_assembler> headed() {
  return logs::event_assembler::make({.start_pattern = R"(^<\d{1,3}>)"}).value();
}

/// Reads of random sizes; no time passes.
strings read(std::string_view data, bool joined, random& chance, std::size_t most = 4096) {
  strings got;
  const auto take = [&](std::string_view record) { got.emplace_back(record); };
  syslog_stream s{most, joined ? headed() : std::nullopt};
  while (!data.empty()) {
    const auto size = std::min<std::size_t>(data.size(), 1 + chance.below(40));
    s.add(data.substr(0, size), nanoseconds{0}, take);
    data.remove_prefix(size);
  }
  s.finish(take);
  CHECK(!s.waits());
  return got;
}

TEST_CASE("lines behind a syslog message belong to it where the source says so", "[connect]") {
  strings got;
  const auto take = [&](std::string_view record) { got.emplace_back(record); };
  syslog_stream s{4096, headed()};
  s.add("<34>failed\n\tat a\n\tat b\n<34>ne", 0s, take);
  CHECK(got.empty());
  CHECK(s.waits());
  s.add("xt\n", 0s, take);
  CHECK(got == strings{"<34>failed\n\tat a\n\tat b"});
  s.tick(999ms, take);
  CHECK(got.size() == 1);
  s.tick(1s, take);
  CHECK(got.back() == "<34>next");
  CHECK(!s.waits());
  s.add("<34>open\nhalf", 2s, take);
  s.finish(take);
  CHECK(got.back() == "<34>open\nhalf");
  CHECK(got.size() == 3);
}

TEST_CASE("however a stream is cut into reads, and in both framings, its events are the same",
          "[connect]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    std::string data;
    strings messages, events;
    for (int i = 0; i < 40; ++i) {
      const bool begins = i == 0 || chance.chance(1, 2);
      const auto text =
          (begins ? "<" + std::to_string(chance.below(192)) + ">" : "\tat ") + std::to_string(i);
      messages.push_back(text);
      if (begins)
        events.push_back(text);
      else
        events.back() += "\n" + text;
      // A count is known by the '<' behind it.
      if (begins && chance.chance(1, 2))
        data += std::to_string(text.size()) + " " + text;
      else
        data += text + (chance.chance(1, 4) ? "\r\n" : "\n");
    }
    CHECK(read(data, false, chance) == messages);
    CHECK(read(data, true, chance) == events);
  }
}

TEST_CASE("a damaged stream gives the same however it is cut, and is held within the cap",
          "[connect]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    std::string data;
    for (int i = 0; i < 40; ++i) {
      const auto text = "<34>message " + std::to_string(i) + std::string(chance.below(600), 'x');
      data += chance.chance(1, 2) ? std::to_string(text.size()) + " " + text : text + "\n";
    }
    for (auto hits = 1 + chance.below(20); hits > 0; --hits) {
      const auto at = chance.below(data.size());
      if (chance.chance(1, 3))
        data.erase(at, chance.below(30));
      else
        data[at] = static_cast<char>(chance.below(256));
    }
    const auto once = read(data, true, chance, 512);
    CHECK(read(data, true, chance, 512) == once);
    for (const auto& each : read(data, false, chance, 512)) {
      CHECK(each.size() <= 512);
      CHECK(!each.empty());
    }
  }
}

}  // namespace
}  // namespace penstock
