#pragma once
/// Bytes as hexadecimal text and back, for tests that show formats.

#include <string>
#include <string_view>

namespace penstock::test {

inline std::string to_hex(std::string_view data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (char c : data) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

/// Ignores blanks; every other character must be a digit.
inline std::string from_hex(std::string_view text) {
  std::string data;
  int high = -1;
  for (char c : text) {
    if (c == ' ' || c == '\n') continue;
    int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      data += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  return data;
}

}  // namespace penstock::test
