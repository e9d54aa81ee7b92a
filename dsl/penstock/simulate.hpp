// Seeded simulation of jobs, for tests: `#include <penstock/simulate.hpp>`.
#pragma once

#include "dsl/simulate.hpp"  // IWYU pragma: export
