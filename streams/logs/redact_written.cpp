#include "streams/logs/redact_written.hpp"

namespace penstock::redact::detail {

namespace {

constexpr std::uint8_t percent_max = 3;
constexpr std::size_t longest = 1 + 2 * percent_max;

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What two hexadecimal digits mean, where it is what is written so: no letter or digit, no control
// character but blanks, no byte that UTF-8 does not have. 0 for all else.
unsigned char separator_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || text.size() - at < 2) return 0;
  const int high = hex_value(text[at]);
  const int low = hex_value(text[at + 1]);
  if (high < 0 || low < 0) return 0;
  const auto c = static_cast<unsigned char>(high * 16 + low);
  const bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '_' || c == 0x7f;
  const bool blank = c == '\t' || c == '\n' || c == '\r';
  return is_word || (c < ' ' && !blank) || c > 0xf4 ? 0 : c;
}

written read_percent(std::string_view text, std::size_t at) {
  written one{'%', 1, 0};
  while (one.c == '%' && one.percent < percent_max) {
    const unsigned char c = separator_at(text, at + one.length);
    if (c == 0) break;
    one = {c, static_cast<std::uint8_t>(one.length + 2),
           static_cast<std::uint8_t>(one.percent + 1)};
  }
  return one;
}

}  // namespace

written read_escape(std::string_view text, std::size_t at) {
  if (text[at] == '%') return read_percent(text, at);
  const char next = at + 1 < text.size() ? text[at + 1] : '\0';
  switch (next) {
    case '"':
    case '\'':
    case '/':
    case '\\':
      return {static_cast<unsigned char>(next), 2, 0};
    case 'n':
      return {'\n', 2, 0};
    case 'r':
      return {'\r', 2, 0};
    case 't':
      return {'\t', 2, 0};
    case 'x':
      if (const auto c = separator_at(text, at + 2); c != 0) return {c, 4, 0};
      break;
    case 'u':
      if (text.substr(at + 2, 2) != "00") break;
      if (const auto c = separator_at(text, at + 4); c != 0) return {c, 6, 0};
      break;
    default:
      break;
  }
  return {'\\', 1, 0};
}

written read_escape_before(std::string_view text, std::size_t at, std::size_t floor) {
  for (std::size_t length = 2; length <= longest && length <= at - floor; ++length) {
    const char lead = text[at - length];
    if (lead != '%' && lead != '\\') continue;
    if (const written one = read_escape(text, at - length); one.length == length) return one;
  }
  return {static_cast<unsigned char>(text[at - 1]), 1, 0};
}

}  // namespace penstock::redact::detail
