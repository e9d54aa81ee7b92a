#include "streams/logs/csv.hpp"

#include <fmt/format.h>

#include "streams/logs/scan.hpp"

namespace penstock::logs {
namespace {

using detail::scanner;

bool take_quoted(scanner& s, char quote, std::string& into) {
  std::string_view part;
  while (s.until(quote, part)) {
    into.append(part);
    if (!s.skip(quote)) return true;
    into += quote;
  }
  s.at = s.end;
  return false;
}

// `next` is a value whose memory can be used again.
std::string& next_of(std::vector<std::string>& values, std::size_t index) {
  if (index == values.size()) values.emplace_back();
  values[index].clear();
  return values[index];
}

}  // namespace

result<void> read_csv_line(std::string_view line, csv_form form, std::vector<std::string>& values) {
  scanner s{line};
  std::size_t count = 0;
  const auto wrong = [&](std::string_view wanted) {
    return detail::not_a_line("CSV", wanted, s.position(), line);
  };
  while (true) {
    if (count == csv_columns_most) return wrong("at most 4096 values");
    std::string& value = next_of(values, count);
    ++count;
    if (form.quote != 0 && s.skip(form.quote)) {
      if (!take_quoted(s, form.quote, value)) {
        return wrong(fmt::format("the closing quote of value {}", count));
      }
      if (s.done()) break;
      if (!s.skip(form.delimiter)) {
        return wrong(fmt::format("the delimiter behind the closing quote of value {}", count));
      }
      continue;
    }
    const std::string_view rest = s.rest();
    const std::size_t end = rest.find(form.delimiter);
    value = rest.substr(0, end);
    if (end == std::string_view::npos) break;
    s.at += end + 1;
  }
  values.resize(count);
  return {};
}

std::string csv::problem() const {
  if (columns_.empty()) return "csv: there are no columns";
  if (columns_.size() > csv_columns_most) return "csv: there are more than 4096 columns";
  const char d = form_.delimiter;
  if (d == form_.quote || d == '\n' || d == '\r' || d == '\0') {
    return "csv: the delimiter is the quote or ends lines";
  }
  fields names;
  for (const std::string& column : columns_) {
    if (column.empty()) return "csv: a column has no name";
    names.add(column, {});
  }
  if (const std::string* twice = names.repeated()) {
    return fmt::format("csv: two columns are named '{}'", *twice);
  }
  return {};
}

result<fields> csv::operator()(std::string_view line) const {
  line = detail::without_newline(line);
  std::vector<std::string> values;
  values.reserve(columns_.size());
  PENSTOCK_TRY(read_csv_line(line, form_, values));
  if (values.size() != columns_.size()) {
    return error{errc::bad_record,
                 fmt::format("a line of CSV has {} values where {} columns are expected: '{}'",
                             values.size(), columns_.size(), detail::excerpt(line))};
  }
  fields found;
  found.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) found.add(columns_[i], std::move(values[i]));
  return found;
}

}  // namespace penstock::logs
