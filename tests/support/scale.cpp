#include "tests/support/scale.hpp"

#include <algorithm>
#include <cstdlib>

namespace penstock::test {

namespace {

std::size_t percent() {
  const char* value = std::getenv("PENSTOCK_TEST_SCALE");
  const auto parsed = value == nullptr ? 0 : std::strtoull(value, nullptr, 10);
  return parsed == 0 ? 100 : static_cast<std::size_t>(parsed);
}

}  // namespace

std::size_t scaled(std::size_t count) {
  return std::max<std::size_t>(1, count * percent() / 100);
}

bool scaled_down() {
  return percent() < 100;
}

}  // namespace penstock::test
