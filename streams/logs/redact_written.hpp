// How a log line writes a character: as itself, `%3A` in a URL, `%253A` in a URL in a URL, `\x3A`
// by nginx, `\u003a`, `\"` and `\n` in JSON. The one place that knows it; redact_scan.cpp reads
// separators, quotes and what stands before a word through it. Letters, digits and '_' are read as
// they stand: nobody writes them otherwise, and "100%41" is no escape.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::redact::detail {

/// One character of a text.
struct written {
  unsigned char c = 0;       ///< what is meant
  std::uint8_t length = 0;   ///< how many bytes say so; 0 where the text ends
  std::uint8_t percent = 0;  ///< how many encodings of URLs lie on it
};

/// The character at a '%' or '\\', which can be that itself.
written read_escape(std::string_view text, std::size_t at);

/// The character at this place.
inline written read(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  if (text[at] == '%' || text[at] == '\\') return read_escape(text, at);
  return {static_cast<unsigned char>(text[at]), 1, 0};
}

/// The bytes that can be the last one of an escape.
constexpr std::array<bool, 256> make_escape_ends() {
  std::array<bool, 256> all{};
  for (const char c : std::string_view{"0123456789abcdefABCDEFnrt\"'/\\"}) {
    all[static_cast<unsigned char>(c)] = true;
  }
  return all;
}
inline constexpr auto escape_ends = make_escape_ends();

/// The character that ends at this place, behind such a byte.
written read_escape_before(std::string_view text, std::size_t at, std::size_t floor);

/// The character that ends at this place and does not begin before `floor`.
inline written read_before(std::string_view text, std::size_t at, std::size_t floor) {
  if (at <= floor) return {};
  const auto last = static_cast<unsigned char>(text[at - 1]);
  if (escape_ends[last]) return read_escape_before(text, at, floor);
  return {last, 1, 0};
}

}  // namespace penstock::redact::detail
