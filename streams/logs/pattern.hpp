// A regular expression compiled once, or the reason why it cannot be. RE2: linear time on every
// input, no back-references, no look-around. Bytes are Latin-1 to it, so that invalid UTF-8 in a
// log neither fails nor changes. Used by the parsers and rules of this folder; a compiled pattern
// is immutable and may be used by many threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "streams/base/result.hpp"

namespace re2 {
class RE2;
}

namespace penstock::logs {

/// Longer patterns are refused.
inline constexpr std::size_t pattern_bytes_max = 64 << 10;

/// What RE2 may hold for one pattern, in program and in caches.
inline constexpr std::size_t pattern_memory_max = 16 << 20;

using compiled_pattern = std::shared_ptr<const re2::RE2>;

/// Compiles `pattern`; `what` says for people which one it is ("the start pattern of lines").
/// `(?<name>…)` is taken as `(?P<name>…)`. Errors (invalid_argument): too long, or RE2's reason
/// with the character at which it is.
result<compiled_pattern> compile_pattern(std::string_view what, std::string_view pattern);

/// Whether the pattern is found anywhere in the text.
bool found_in(const re2::RE2& pattern, std::string_view text);

}  // namespace penstock::logs
