// Lines of many senders, mixed: whose line belongs to whose event, and how much may wait.
#include "streams/connect/sender_events.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using strings = std::vector<std::string>;
using std::chrono::nanoseconds;

logs::event_assembler headed(logs::multiline how = {}) {
  how.start_pattern = "^<";
  return logs::event_assembler::make(how).value();
}

struct collected {
  sender_events::emit_function take() {
    return [this](const std::string& sender, std::string_view event) {
      of[sender].emplace_back(event);
    };
  }
  std::map<std::string, strings> of;
};

TEST_CASE("lines of senders that come mixed are put together for each", "[connect]") {
  sender_events events{headed(), 10, 10'000};
  collected got;
  const auto add = [&](const char* sender, const char* line, nanoseconds now) {
    events.add(sender, line, now, got.take());
  };
  add("a", "<1> first", 0s);
  add("b", "<1> second", 100ms);
  add("a", "  more of first", 200ms);
  add("b", "<1> third", 300ms);
  CHECK(got.of["a"].empty());
  CHECK(got.of["b"] == strings{"<1> second"});
  CHECK(events.senders() == 2);
  events.tick(1100ms, got.take());  // a second after the last line of b is not over
  CHECK(got.of["b"].size() == 1);
  events.tick(1250ms, got.take());
  CHECK(got.of["a"] == strings{"<1> first\n  more of first"});
  CHECK(got.of["b"].size() == 1);
  events.finish(got.take());
  CHECK(got.of["b"] == strings{"<1> second", "<1> third"});
  CHECK(events.senders() == 0);
  CHECK(events.bytes() == 0);
}

TEST_CASE("too many senders, or too much that waits, end the event that has waited longest",
          "[connect]") {
  sender_events events{headed(), 3, 1000};
  collected got;
  for (const char* sender : {"a", "b", "c"}) events.add(sender, "<1>", 0s, got.take());
  events.add("a", "more", 0s, got.take());
  events.add("d", "<1>", 0s, got.take());
  CHECK(got.of["b"] == strings{"<1>"});
  CHECK(got.of["a"].empty());
  CHECK(events.senders() == 3);
  events.add("d", std::string(995, 'x'), 0s, got.take());
  CHECK(got.of["c"] == strings{"<1>"});
  CHECK(got.of["a"] == strings{"<1>\nmore"});
  CHECK(events.bytes() <= 1000);
  events.add("e", std::string(5000, 'y'), 0s, got.take());
  CHECK(events.bytes() <= 1000);
  events.finish(got.take());
  CHECK(got.of["e"] == strings{std::string(5000, 'y')});
}

TEST_CASE("whatever senders do, each one's lines are given in order, once, within the limits",
          "[connect]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    logs::multiline how;
    how.max_bytes = 1 + chance.below(200);
    how.max_lines = 1 + chance.below(8);
    const auto senders_max = 1 + chance.below(5), bytes_max = chance.below(600);
    sender_events events{headed(how), senders_max, bytes_max};
    collected got;
    std::map<std::string, std::string> sent;
    nanoseconds now{0};
    for (int i = 0; i < 200; ++i) {
      const std::string sender(1, static_cast<char>('a' + chance.below(7)));
      std::string line = chance.chance(1, 3) ? "<" : "";
      line += std::to_string(i) + std::string(chance.below(30), 'x');
      events.add(sender, line, now, got.take());
      sent[sender] += line + "\n";
      REQUIRE(events.senders() <= senders_max);
      REQUIRE(events.bytes() <= bytes_max);
      now += std::chrono::milliseconds{chance.below(500)};
      if (chance.chance(1, 5)) events.tick(now, got.take());
    }
    events.finish(got.take());
    REQUIRE(events.senders() == 0);
    REQUIRE(events.bytes() == 0);
    for (const auto& [sender, text] : sent) {
      std::string came;
      for (const auto& each : got.of[sender]) came += each + "\n";
      CHECK(came == text);
    }
  }
}

}  // namespace
}  // namespace penstock
