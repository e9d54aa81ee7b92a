#include "streams/logs/lookup_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "streams/base/disk.hpp"

namespace penstock::logs::detail {

table_reader::table_reader(std::string_view text, csv_form form, std::string called)
    : rest_(text), form_(form), called_(std::move(called)) {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
}

bool table_reader::take_line(std::string_view& line) {
  while (!rest_.empty()) {
    line = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return true;
  }
  return false;
}

error table_reader::wrong_line(std::string_view what) const {
  return error{errc::invalid_argument, fmt::format("{}, line {}: {}", called_, line_, what)};
}

error table_reader::wrong(std::size_t member, std::string_view what) const {
  const std::size_t column = columns_[member];
  return error{errc::invalid_argument, fmt::format("{}, line {}, column {} (\"{}\"): {}", called_,
                                                   line_, column + 1, names_[column], what)};
}

result<void> table_reader::head(const std::vector<std::string_view>& members) {
  std::string_view line;
  if (!take_line(line)) {
    return error{errc::invalid_argument,
                 fmt::format("{} is empty: its first line must name the columns", called_)};
  }
  if (auto read = read_csv_line(line, form_, names_); !read) {
    return wrong_line(read.error().message());
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto first = std::find(names_.begin(), names_.end(), names_[i]);
    if (first == names_.begin() + static_cast<std::ptrdiff_t>(i)) continue;
    return wrong_line(fmt::format("column {} is called \"{}\", as column {} is", i + 1, names_[i],
                                  first - names_.begin() + 1));
  }
  columns_.clear();
  for (const std::string_view member : members) {
    const auto at = std::find(names_.begin(), names_.end(), member);
    if (at == names_.end()) {
      return wrong_line(fmt::format("no column is called \"{}\" (there are: {})", member,
                                    fmt::join(names_, ", ")));
    }
    columns_.push_back(static_cast<std::size_t>(at - names_.begin()));
  }
  return {};
}

result<bool> table_reader::next() {
  std::string_view line;
  if (!take_line(line)) return false;
  if (auto read = read_csv_line(line, form_, values_); !read) {
    return wrong_line(read.error().message());
  }
  if (values_.size() != names_.size()) {
    return wrong_line(
        fmt::format("{} columns where the first line names {}", values_.size(), names_.size()));
  }
  return true;
}

result<std::string> read_table_file(const std::string& path) {
  PENSTOCK_ASSIGN(const std::shared_ptr<file> from, machine_disk().open(path, open_mode::read));
  PENSTOCK_ASSIGN(const std::uint64_t size, from->size());
  if (size > lookup_bytes_max) {
    return error{errc::invalid_argument,
                 fmt::format("{} has {} bytes; a lookup table may have {}: put it into a topic and "
                             "read that as a table",
                             path, size, lookup_bytes_max)};
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  PENSTOCK_ASSIGN(const std::size_t got, from->read_at(0, text.data(), text.size()));
  text.resize(got);
  return text;
}

}  // namespace penstock::logs::detail
