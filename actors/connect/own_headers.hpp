// The headers that a topology gives to the requests of an HTTP sink, with the values that they have
// at the moment: what is secret stands in the environment or in files, is looked up for every
// request, and is shown to nobody. Only for the .cpp files of this folder and their tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "streams/base/disk.hpp"
#include "streams/base/result.hpp"
#include "streams/plan/sink_options.hpp"

namespace penstock {

/// Names and values, as they are sent.
using http_fields = std::vector<std::pair<std::string, std::string>>;

/// Values of the environment and of `files` now. `invalid_argument` or what the disk says, naming
/// header and place, never a value.
result<http_fields> values_of(const std::vector<http_header>& headers, disk& files);

}  // namespace penstock
