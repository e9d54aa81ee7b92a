// A user's program outside of the project: a word count, run by the test driver when there are no
// arguments, and as a job otherwise.
#include <penstock/penstock.hpp>

#include <dsl/test_driver.hpp>

#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

using penstock::no_key;
using penstock::test_driver;
using penstock::topic;
using penstock::topology;

const topic<no_key, std::string> lines{"lines", penstock::format::text};
const topic<std::string, std::uint64_t> counts{"counts"};

topology build() {
  topology t{"outside"};
  t.from(lines)
      .flat_map("split",
                [](const std::string& line) {
                  std::istringstream in{line};
                  return std::vector<std::string>{std::istream_iterator<std::string>{in}, {}};
                })
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

int main() {
  test_driver driver{build()};
  driver.feed(lines, "to be or not to be");
  bool right = false;
  for (const auto& [word, count] : driver.drain(counts)) right |= word == "be" && count == 2;
  std::puts(right ? "outside: be is there twice" : "outside: the count is wrong");
  return right ? 0 : 1;
}
