// Lines of names and texts: logfmt, and its relatives with other separators. Steps for `try_map`,
// which give `fields`:
//   t.from(lines).try_map("parse", logs::logfmt)
//   t.from(lines).try_map("parse", logs::key_value{.pair = ";", .assign = ":"})
#pragma once

#include <string>
#include <string_view>

#include "streams/base/result.hpp"
#include "streams/logs/fields.hpp"

namespace penstock::logs {

/// A line has at most this many fields.
inline constexpr std::size_t pairs_most = 1024;

/// `at=info method=GET path=/ msg="say \"hi\"" debug`: a name alone is "true", a text in quotes may
/// contain spaces and the escapes of JSON (\" \\ \/ \n \t \r \b \f \uXXXX), texts of a repeated
/// name are joined by commas. Fails on a name that is empty or has a quote in it, on a quote that
/// is not closed, on something behind a closing quote, and on more than `pairs_most` fields. A line
/// of spaces has no fields and is refused.
result<fields> read_logfmt(std::string_view line);

/// The same with separators of one's own. Names and texts lose the spaces around them, and either
/// may stand in quotes, in which only \" and \\ are escapes.
struct key_value {
  std::string pair = " ";    // between two pairs; a space stands for any number of them
  std::string assign = "=";  // between name and text; the first counts
  char quote = '"';          // 0: there is none
  bool lone_names = false;   // a name without a text is "true"; otherwise the line is refused

  /// What makes it unusable: an empty separator, two alike, one with the quote in it. Empty if
  /// nothing does.
  std::string problem() const;

  /// The fields, or what is wrong with the line and where.
  result<fields> operator()(std::string_view line) const;
};

namespace detail {
struct logfmt_parser {
  result<fields> operator()(std::string_view line) const { return read_logfmt(line); }
};
}  // namespace detail

inline constexpr detail::logfmt_parser logfmt{};

}  // namespace penstock::logs
