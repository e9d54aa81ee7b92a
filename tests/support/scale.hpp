// How many random runs a test makes.  Tests ask for the number that the project promises; the
// environment variable PENSTOCK_TEST_SCALE (percent, default 100) shrinks it under sanitizers and
// grows it for a night's run.
#pragma once

#include <cstddef>

namespace penstock::test {

/// `count` scaled by PENSTOCK_TEST_SCALE, at least 1.
std::size_t scaled(std::size_t count);

/// True when PENSTOCK_TEST_SCALE is below 100: totals that only a full run reaches do not hold.
bool scaled_down();

}  // namespace penstock::test
