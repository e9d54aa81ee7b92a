#include "streams/connect/posted_lines.hpp"

#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using strings = std::vector<std::string>;

std::string refusal(bytes_view body, std::string_view type, std::size_t most = 1000) {
  const auto got = posted_lines(body, type, most, nullptr);
  return got ? "taken" : got.error().message();
}

TEST_CASE("each line of a posted body is a record", "[connect]") {
  const auto read = [](bytes_view body, std::string_view type) {
    return posted_lines(body, type, 1000, nullptr).value();
  };
  CHECK(read("one\r\ntwo\n\nlast", "text/plain") == strings{"one", "two", "", "last"});
  CHECK(read("", "text/plain").empty());
  CHECK(read("{\"a\":1}\n \n{\"b\":2}", "application/x-ndjson") ==
        strings{"{\"a\":1}", "{\"b\":2}"});
}

TEST_CASE("a posted body with a bad line is refused as a whole, naming the line", "[connect]") {
  CHECK_THAT(refusal("{}\n\n[1", "application/json"), test::contains("line 3"));
  CHECK_THAT(refusal("a\n" + std::string(1001, 'x') + "\n", "text/plain"),
             test::contains("line 2 has 1001 bytes, at most 1000"));
  CHECK(refusal("[1", "text/plain") == "taken");
}

TEST_CASE("lines of a posted body make events where the source says so, but documents do not",
          "[connect]") {
  const auto events = logs::event_assembler::make(logs::java_traces()).value();
  const auto read = [&](bytes_view body, std::string_view type) {
    return posted_lines(body, type, 1000, &events).value();
  };
  const std::string trace = "failed\njava.lang.Error: no\n\tat a.B.c(B.java:1)";
  // A body ends its last event: nothing of the one before is in the next.
  CHECK(read("up\n" + trace + "\ndown", "") == strings{"up", trace, "down"});
  CHECK(read("\tat a.B.c(B.java:1)\n" + trace, "") == strings{"\tat a.B.c(B.java:1)", trace});
  CHECK(read("{\"a\":1}\n{\"b\":2}", "application/json").size() == 2);
}

TEST_CASE("no line of a posted body is lost, doubled or changed", "[connect]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    random chance{seed};
    logs::multiline how{.start_pattern = "^<"};
    how.max_lines = 1 + chance.below(10);
    how.max_bytes = 1 + chance.below(100);
    const auto events = logs::event_assembler::make(how).value();
    std::string body;
    for (auto left = chance.below(60); left > 0; --left) {
      if (chance.chance(1, 3)) body += '<';
      for (auto size = chance.below(20); size > 0; --size) {
        const auto byte = static_cast<char>(chance.below(256));
        body += byte == '\r' ? ' ' : byte;
      }
      body += '\n';
    }
    for (const auto* with : {&events, static_cast<const logs::event_assembler*>(nullptr)}) {
      std::string came;
      const auto got = posted_lines(body, "text/plain", 1000, with);
      REQUIRE(got);
      for (const auto& each : *got) came += each + "\n";
      CHECK(came == body);
    }
  }
}

}  // namespace
}  // namespace penstock
