// Topics from ordinary threads: `#include <penstock/client.hpp>`.
#pragma once

#include "dsl/client.hpp"  // IWYU pragma: export
