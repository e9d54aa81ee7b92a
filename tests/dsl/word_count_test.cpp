// The first program that every reader sees, run from end to end.
#include <penstock/penstock.hpp>

#include <iterator>
#include <sstream>

#include "dsl/test_driver.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

const topic<no_key, std::string> lines{"log-lines", format::text};
const topic<std::string, std::uint64_t> counts{"word-counts"};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  return {std::istream_iterator<std::string>{in}, {}};
}

topology build() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", words_of)
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

using pairs = std::map<std::string, std::uint64_t>;

pairs newest(const std::vector<std::pair<std::string, std::uint64_t>>& records) {
  pairs all;
  for (const auto& [word, n] : records) all[word] = n;
  return all;
}

TEST_CASE("words are counted across partitions and tasks", "[dsl]") {
  test_driver d{build()};
  d.feed(lines, "to be or not to be");
  d.feed(lines, "to be");
  CHECK(newest(d.drain(counts)) == pairs{{"to", 3}, {"be", 3}, {"or", 1}, {"not", 1}});
  CHECK(d.state("counts").get<std::uint64_t>("be") == 3u);
}

TEST_CASE("what moves between the parts of a topology is neither in nor out", "[dsl]") {
  test_driver d{build()};
  d.feed(lines, "to be or not to be");
  d.feed(lines, "to be");
  const std::size_t out = d.drain(counts).size();
  CHECK(d.counters().records_out == out);
  CHECK(d.counters().records_in == 2);
}

TEST_CASE("a table emits once per key and commit", "[dsl]") {
  test_driver d{build()};
  d.feed(lines, "a a a b");
  CHECK(d.drain(counts).size() == 2);
  d.feed(lines, "a");
  CHECK(d.drain(counts) == std::vector<std::pair<std::string, std::uint64_t>>{{"a", 4}});
  CHECK(d.drain(counts).empty());
}

TEST_CASE("after a crash the state equals a recount of the input", "[dsl]") {
  test_driver d{build()};
  d.feed(lines, "to be or not to be");
  d.commit();
  d.feed(lines, "to be");  // in no commit: read again
  d.restart();
  d.feed(lines, "be");
  CHECK(d.state("counts").all<std::string, std::uint64_t>() ==
        pairs{{"to", 3}, {"be", 4}, {"or", 1}, {"not", 1}});
}

}  // namespace
}  // namespace penstock
