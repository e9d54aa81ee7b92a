// Reading text from the front, for the parsers of log lines: nothing is copied, nothing is read
// past the end. For the sources of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/error.hpp"

namespace penstock::logs::detail {

constexpr bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

/// Text, and how much of it was read.
struct scanner {
  explicit constexpr scanner(std::string_view text)
      : begin(text.data()), at(text.data()), end(text.data() + text.size()) {}

  std::size_t left() const { return static_cast<std::size_t>(end - at); }
  std::size_t position() const { return static_cast<std::size_t>(at - begin); }
  bool done() const { return at == end; }
  std::string_view rest() const { return {at, left()}; }

  /// The next character, or 0 at the end.
  char peek() const { return at != end ? *at : '\0'; }
  bool skip(char c) {
    if (at == end || *at != c) return false;
    ++at;
    return true;
  }
  bool skip(std::string_view word) {
    if (left() < word.size() || std::string_view{at, word.size()} != word) return false;
    at += word.size();
    return true;
  }
  void spaces() {
    while (at != end && *at == ' ') ++at;
  }

  /// Exactly `N` digits.
  template <int N>
  bool digits(int& into) {
    if (left() < N) return false;
    int value = 0;
    for (int i = 0; i < N; ++i) {
      if (!is_digit(at[i])) return false;
      value = value * 10 + (at[i] - '0');
    }
    into = value;
    at += N;
    return true;
  }

  /// One to `most` digits.
  bool number(int most, std::uint64_t& into) {
    const char* const start = at;
    into = 0;
    while (at != end && is_digit(*at) && at - start < most) {
      into = into * 10 + static_cast<std::uint64_t>(*at++ - '0');
    }
    return at != start;
  }

  /// What is in front of the next `c`, which is skipped too; false, and nothing read, without one.
  bool until(char c, std::string_view& into) {
    const std::size_t found = rest().find(c);
    if (found == std::string_view::npos) return false;
    into = {at, found};
    at += found + 1;
    return true;
  }

  const char* begin;
  const char* at;
  const char* end;
};

/// The start of a text for a message: at most `most` bytes, what is not printable ASCII as \xHH.
std::string excerpt(std::string_view text, std::size_t most = 80);

/// "not a line of FORMAT: wanted WANTED at byte AT of “…”".
error not_a_line(std::string_view format, std::string_view wanted, std::size_t at,
                 std::string_view line);

/// Without the newline and the carriage return that may be at the end.
constexpr std::string_view without_newline(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace penstock::logs::detail
