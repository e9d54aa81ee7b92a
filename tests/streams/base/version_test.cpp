#include "streams/base/version.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"

TEST_CASE("the version has three numbers", "[base][version]") {
  const auto version = penstock::version();
  CHECK(std::ranges::count(version, '.') == 2);
  CHECK(version.find_first_not_of("0123456789.") == std::string_view::npos);
}
