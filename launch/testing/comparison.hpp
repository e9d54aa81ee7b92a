// What a test expects beside what it found: whether they match, and the difference for a person.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/testing/yaml_values.hpp"

namespace penstock::testing {

/// What the elements of a list are, which decides what "the same" means for them.
enum class listed : std::uint8_t { records, dead_letters, printed };

enum class list_order : std::uint8_t {
  in_order,   // these and no others, as they stand
  any_order,  // these and no others
  contains,   // these, and perhaps others; objects may have more fields
};

struct expected_item {
  place at;
  nlohmann::json what;
};

/// One line of a difference.
struct diff_line {
  enum class side : std::uint8_t { both, expected, found };
  side from = side::both;
  std::string text;
};

/// Whether a value is what a test wants: numbers by value, times by the moment that they name, a
/// text that holds JSON by its fields where the test wants fields. With `subset` objects may have
/// fields that the test does not name.
bool same_value(const nlohmann::json& wanted, const nlohmann::json& found, bool subset);

/// Nothing when the lists match.
std::vector<diff_line> difference(listed kind, list_order order,
                                  const std::vector<expected_item>& wanted,
                                  const std::vector<nlohmann::json>& found);

/// An element as one could write it in a test file.
std::string written(listed kind, const nlohmann::json& item);

}  // namespace penstock::testing
