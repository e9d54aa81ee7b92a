// Lines of values in a fixed order (RFC 4180), one record per line. A step that gives `fields`:
// `t.from(lines).try_map("parse", logs::csv{{"id", "customer", "amount"}})`. Lookup tables from CSV
// files are read with `read_csv_line` too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/logs/fields.hpp"

namespace penstock::logs {

/// What the values of a line are separated by and quoted with.
struct csv_form {
  char delimiter = ',';
  char quote = '"';  // 0: there is none
};

/// A line has at most this many values.
inline constexpr std::size_t csv_columns_most = 4096;

/// The values of one line without its newline, into `values`, whose memory is reused. Spaces belong
/// to the values; a quote within quotes is written twice; a value that does not start with a quote
/// may contain some. Fails, and says at which byte, when a closing quote is missing or something
/// other than the delimiter follows it, and on more than `csv_columns_most` values.
result<void> read_csv_line(std::string_view line, csv_form form, std::vector<std::string>& values);

/// The step: names for the values of a line. A line with another number of values is refused.
class csv {
 public:
  explicit csv(std::vector<std::string> columns, csv_form form = {})
      : columns_(std::move(columns)), form_(form) {}
  csv(std::vector<std::string> columns, char delimiter, char quote = '"')
      : csv(std::move(columns), csv_form{delimiter, quote}) {}

  /// What makes it unusable: no columns, too many, one without a name, two of one name, a delimiter
  /// that is the quote or ends lines. Empty if nothing does.
  std::string problem() const;

  result<fields> operator()(std::string_view line) const;

 private:
  std::vector<std::string> columns_;
  csv_form form_;
};

}  // namespace penstock::logs
