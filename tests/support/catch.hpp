#pragma once
/// Catch2 under one name: Debian 12 has version 2 (one header), Debian 13 version 3 (a library).
/// Every test includes this file and uses only what both have, plus the names below.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define PENSTOCK_CATCH_VERSION 3
#else
#include <catch2/catch.hpp>
#define PENSTOCK_CATCH_VERSION 2
#endif

#include <string>

namespace penstock::test {

/// Matches text that contains `part`: `CHECK_THAT(text, contains("offset 12"))`.
inline auto contains(const std::string& part) {
#if PENSTOCK_CATCH_VERSION == 3
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

/// A number within a relative distance of 1e-5, as Catch2's own `Approx`.
using approx =
#if PENSTOCK_CATCH_VERSION == 3
    Catch::Approx;
#else
    Catch::Detail::Approx;
#endif

}  // namespace penstock::test
