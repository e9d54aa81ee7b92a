// The classes of characters that the search of redact_scan.hpp goes by, and names without regard to
// case. For redact_scan.cpp (addresses and cards) and redact_token.cpp (secrets).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::redact::detail {

enum : std::uint8_t {
  digit = 1,
  hexadecimal = 2,  // digits too
  word = 4,         // letters, digits, '_'
  local = 8,        // in front of an e-mail's '@'
  domain = 16,
  key = 32,       // in keys of services: words and '-'
  bearer = 64,    // in what follows "Bearer"
  boundary = 128  // ends a value without quotes
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> all{};
  const auto add = [&](std::string_view chars, unsigned what) {
    for (const char c : chars) {
      auto& one = all[static_cast<unsigned char>(c)];
      one = static_cast<std::uint8_t>(one | what);
    }
  };
  const std::string_view digits = "0123456789";
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(digits, digit | hexadecimal | word | local | domain | key | bearer);
  add(letters, word | local | domain | key | bearer);
  add("abcdefABCDEF", hexadecimal);
  add("_", word | key);
  add("._%+'-", local);
  add("-", domain | key);
  add("-._~+/=", bearer);
  add(std::string_view{" \t\r\n\v\f\"'`,;&<>()[]{}|\\\0", 23}, boundary);
  // Names outside of ASCII are allowed in addresses.
  for (unsigned c = 0x80; c < 256; ++c) all[c] = local | domain;
  return all;
}

inline constexpr auto classes = make_classes();

constexpr bool is(unsigned char c, unsigned what) {
  return (classes[c] & what) != 0;
}
constexpr bool is(char c, unsigned what) {
  return is(static_cast<unsigned char>(c), what);
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

inline bool equal_ignoring_case(std::string_view text, std::string_view lowered) {
  return text.size() == lowered.size() && std::equal(text.begin(), text.end(), lowered.begin(),
                                                     [](char a, char b) { return lower(a) == b; });
}

inline bool ends_ignoring_case(std::string_view text, std::string_view lowered) {
  return text.size() >= lowered.size() &&
         equal_ignoring_case(text.substr(text.size() - lowered.size()), lowered);
}

}  // namespace penstock::redact::detail
