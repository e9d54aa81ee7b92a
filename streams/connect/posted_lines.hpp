// What a body that was posted over HTTP is: lines, or JSON documents, one in each line. All of it
// is taken, or nothing. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/logs/multiline.hpp"

namespace penstock {

/// The records of a body, in order: its lines, or where `events` is given, the events that they
/// make; an event ends with the body. With a content type that names JSON every line must be a JSON
/// object and is a record; empty lines are left out. `invalid_argument` naming the line that is no
/// JSON, or has more than `line_bytes_max` bytes.
result<std::vector<std::string>> posted_lines(bytes_view body, std::string_view content_type,
                                              std::size_t line_bytes_max,
                                              const logs::event_assembler* events);

}  // namespace penstock
