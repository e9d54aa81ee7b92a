#pragma once
/// What the tests of parsers share: the lines of a data file that the project does not contain, and
/// damage that no parser may trip over.

#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {

/// The lines of a file in PENSTOCK_TEST_DATA, without their newlines; nothing, and a warning, when
/// that is not set.
inline std::optional<std::vector<std::string>> data_lines(const std::string& name) {
  const auto folder = data_dir();
  if (!folder) {
    WARN("skipped: PENSTOCK_TEST_DATA is not set");
    return std::nullopt;
  }
  std::vector<std::string> lines;
  std::ifstream file{*folder + "/" + name};
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// Calls `parse` with every prefix of `line`, and with seeded damage to it. It must come back.
inline void abuse(const std::string& line, const std::function<void(std::string_view)>& parse) {
  for (std::size_t size = 0; size <= line.size(); ++size) {
    const std::vector<char> exact(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(size));
    parse({exact.data(), exact.size()});
  }
  random chance{11};
  for (int round = 0; round < 500; ++round) {
    std::string damaged = line;
    for (int edit = 0; edit < 3 && !damaged.empty(); ++edit) {
      const std::size_t at = chance.next() % damaged.size();
      if (chance.chance(1, 3)) {
        damaged.erase(at, 1 + chance.next() % 5);
      } else {
        damaged[at] = static_cast<char>(chance.next());
      }
    }
    parse(damaged);
  }
}

}  // namespace penstock::test
