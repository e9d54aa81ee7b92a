// The example's own topology, in the test driver and under simulated faults.
#include <penstock/penstock.hpp>
#include <penstock/simulate.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "dsl/test_driver.hpp"
#include "tests/support/catch.hpp"

// The example as it is; its names stay in here.
namespace word_count {
#define main example_main
#include "examples/word_count/main.cpp"  // NOLINT(bugprone-suspicious-include)
#undef main

namespace {

using counted = std::map<std::string, std::uint64_t>;

TEST_CASE("word_count: words are what tr makes of spaces", "[examples]") {
  CHECK(words_of("to  be or\tnot ") == std::vector<std::string>{"to", "be", "or\tnot"});
  CHECK(words_of("").empty());
  CHECK(words_of("   ").empty());
}

TEST_CASE("word_count: counts words across partitions", "[examples]") {
  test_driver d{build()};
  d.feed(lines, "to be or not to be");
  d.feed(lines, "to be");
  CHECK(d.state("counts").get<std::uint64_t>("be") == 3u);

  d.restart();  // a crash: what was counted stays counted
  d.feed(lines, "be");
  CHECK(d.state("counts").get<std::uint64_t>("be") == 4u);
  CHECK(d.state("counts").all<std::string, std::uint64_t>() ==
        counted{{"to", 3}, {"be", 4}, {"or", 1}, {"not", 1}});
}

TEST_CASE("word_count: counts stay right whatever fails", "[examples]") {
  simulation s{build(), [](simulated_input& in) {
                 for (int i = 0; i < 300; ++i)
                   in.feed(lines, "w" + std::to_string(i % 17) + " and", from_millis(i));
               }};
  auto report = s.explore(5, faults::only(fault::node_crash));  // the power goes
  INFO(report.to_string());
  CHECK(report.ok);
}

}  // namespace
}  // namespace word_count
