// What somebody may have meant by a name that there is not: for messages that say "did you mean".
#pragma once

#include <string>
#include <vector>

namespace penstock {

/// Of `known`, the nearest to `wanted` that is near enough to have been meant; empty if none is.
std::string nearest(const std::string& wanted, const std::vector<std::string>& known);

}  // namespace penstock
