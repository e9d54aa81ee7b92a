// Times as people write them, on command lines and in files.
#pragma once

#include <optional>
#include <string_view>

#include "streams/base/time.hpp"

namespace penstock {

/// ISO 8601 (a date, or with `T` or a space a time to the minute, second or fraction; UTC unless it
/// has an offset) or milliseconds since 1970; nothing when `text` is neither.
std::optional<timestamp> written_time(std::string_view text);

/// "500ms", "30s", "1.5min" (or "m"), "2h", "1d": a length of time of at most a century.
std::optional<duration> written_duration(std::string_view text);

}  // namespace penstock
