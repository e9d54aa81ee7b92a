// What a line is, whatever blocks it comes in.
#include "streams/connect/line_cutter.hpp"

#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;

namespace {

using lines = std::vector<std::string>;

lines cut(const std::string& text, std::size_t block, std::size_t line_bytes_max = 100) {
  line_cutter cutter{line_bytes_max};
  lines all;
  const auto take = [&](std::string_view line) { all.emplace_back(line); };
  for (std::size_t at = 0; at < text.size(); at += block)
    cutter.add(std::string_view{text}.substr(at, block), take);
  cutter.finish(take);
  return all;
}

}  // namespace

TEST_CASE("lines are the same whatever blocks they come in", "[connect]") {
  const auto block = GENERATE(1, 2, 3, 5, 100);
  CHECK(cut("", block) == lines{});
  CHECK(cut("a\nbc\n", block) == lines{"a", "bc"});
  CHECK(cut("a\n\n\nb", block) == lines{"a", "", "", "b"});
  CHECK(cut("dos\r\nlines\r\n\r\n", block) == lines{"dos", "lines", ""});
  CHECK(cut("no newline at the end\r", block) == lines{"no newline at the end"});
  CHECK(cut(std::string("nul \0 and \xff bytes\n", 18), block) ==
        lines{std::string("nul \0 and \xff bytes", 17)});
}

TEST_CASE("a line that is too long comes in pieces, and no byte is lost", "[connect]") {
  const auto block = GENERATE(1, 3, 4, 7, 100);
  CHECK(cut("abcdefghij\nk\n", block, 4) == lines{"abcd", "efgh", "ij", "k"});
  CHECK(cut("abcd\nefgh\r\ni", block, 4) == lines{"abcd", "efgh", "i"});
  CHECK(cut("abcdefgh\n\nx\n", block, 4) == lines{"abcd", "efgh", "", "x"});
  line_cutter cutter{4};
  const auto ignore = [](std::string_view) {};
  cutter.add("abcdefghij\nk\nlmnopq\n", ignore);
  CHECK(cutter.too_long() == 2);
}

TEST_CASE("what waits for its newline is bounded", "[connect]") {
  line_cutter cutter{1000};
  std::uint64_t bytes = 0;
  const std::string block(700, 'x');
  for (int i = 0; i < 1000; ++i) {
    cutter.add(block, [&](std::string_view piece) { bytes += piece.size(); });
    REQUIRE(cutter.pending() <= 1000);
  }
  CHECK(bytes + cutter.pending() == 700'000);
}
