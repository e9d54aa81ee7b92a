#include "streams/logs/pattern.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <optional>
#include <string>
#include <vector>

namespace penstock::logs {

namespace {

constexpr std::size_t shown_max = 160;
constexpr std::size_t shown_before = 80;

struct group_balance {
  std::optional<std::size_t> open;        // the innermost "(" that is never closed
  std::optional<std::size_t> unexpected;  // the first ")" that closes nothing
};

// The end of the character class that begins at `at`: the position of its "]".
std::size_t skip_class(std::string_view pattern, std::size_t at) {
  ++at;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;  // the first one stands for itself
  while (at < pattern.size() && pattern[at] != ']') at += pattern[at] == '\\' ? 2 : 1;
  return at;
}

group_balance balance_of(std::string_view pattern) {
  group_balance found;
  std::vector<std::size_t> open;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    switch (pattern[at]) {
      case '\\':
        ++at;
        break;
      case '[':
        at = skip_class(pattern, at);
        break;
      case '(':
        open.push_back(at);
        break;
      case ')':
        if (!open.empty()) {
          open.pop_back();
        } else if (!found.unexpected) {
          found.unexpected = at;
        }
        break;
      default:
        break;
    }
  }
  if (!open.empty()) found.open = open.back();
  return found;
}

// Where in the pattern RE2's complaint is. It names the piece that it cannot take; for parentheses
// that do not balance that is the whole pattern.
std::size_t position_of(const re2::RE2& bad, std::string_view pattern) {
  const group_balance groups = balance_of(pattern);
  const std::size_t at = pattern.find(bad.error_arg());
  switch (bad.error_code()) {
    case re2::RE2::ErrorMissingParen:
    case re2::RE2::ErrorUnexpectedParen:
      if (groups.unexpected) return *groups.unexpected;
      if (groups.open) return *groups.open;
      break;
    case re2::RE2::ErrorTrailingBackslash:
      return pattern.empty() ? 0 : pattern.size() - 1;
    default:
      break;
  }
  return at == std::string_view::npos ? 0 : at;
}

// `(?<name>` as everybody else writes it is `(?P<name>` to the RE2 of Debian 12. Look-behind, which
// RE2 does not have, is left to be refused.
std::string with_re2_names(std::string_view pattern) {
  std::string out;
  out.reserve(pattern.size() + 8);
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\' || c == '[') {
      const std::size_t end = c == '[' ? skip_class(pattern, at) : at + 1;
      out += pattern.substr(at, end + 1 - at);
      at = end;
      continue;
    }
    const std::string_view rest = pattern.substr(at);
    if (rest.starts_with("(?<") && rest.size() > 3 && rest[3] != '=' && rest[3] != '!') {
      out += "(?P";
      at += 1;
      continue;
    }
    out += c;
  }
  return out;
}

std::string_view remedy_for(const re2::RE2& bad) {
  switch (bad.error_code()) {
    case re2::RE2::ErrorBadPerlOp:
    case re2::RE2::ErrorBadEscape:
      return " (RE2 has no look-around, atomic groups or back-references)";
    default:
      return "";
  }
}

}  // namespace

result<compiled_pattern> compile_pattern(std::string_view what, std::string_view written) {
  const std::string pattern = with_re2_names(written);
  if (pattern.size() > pattern_bytes_max) {
    return error{errc::invalid_argument, fmt::format("{} has {} bytes; a pattern may have {}", what,
                                                     pattern.size(), pattern_bytes_max)};
  }
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(pattern_memory_max));
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (compiled->ok()) return compiled;
  // RE2 repeats the whole pattern for some mistakes, and a pattern can be long.
  const std::size_t at = position_of(*compiled, pattern);
  const std::size_t from = at > shown_before ? at - shown_before : 0;
  const std::string reason = compiled->error();
  return error{
      errc::invalid_argument,
      fmt::format("{} \"{}{}{}\" does not compile: {} at character {}{}", what, from > 0 ? "…" : "",
                  pattern.substr(from, shown_max), from + shown_max < pattern.size() ? "…" : "",
                  reason.substr(0, shown_max), at + 1, remedy_for(*compiled))};
}

bool found_in(const re2::RE2& pattern, std::string_view text) {
  return pattern.Match(re2::StringPiece{text.data(), text.size()}, 0, text.size(),
                       re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace penstock::logs
