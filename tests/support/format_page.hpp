#pragma once
/// The worked examples of docs/formats, for tests that compare them with what the code writes.

#include <fstream>
#include <string>

#include "tests/support/hex.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {

/// The bytes in the ```hex blocks of a page, given relative to the source tree; what follows a `#`
/// on a line is words. Empty when the page has none.
inline std::string hex_of_page(const std::string& page) {
  std::ifstream in{source_dir() + "/" + page};
  std::string line;
  std::string hex;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line.starts_with("```"))
      inside = line == "```hex";
    else if (inside)
      hex += line.substr(0, line.find('#'));
  }
  return from_hex(hex);
}

}  // namespace penstock::test
