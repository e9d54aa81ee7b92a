#include "tools/penstock/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "streams/record/serde_json.hpp"

namespace penstock::tool {

result<void> output::flush() {
  bytes_view left = text_;
  while (!left.empty()) {
    const auto written = ::write(descriptor_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      text_.clear();
      if (code == EPIPE) return error{errc::cancelled, "the reader of the output has gone"};
      return error{code == ENOSPC ? errc::disk_full : errc::io_error,
                   fmt::format("cannot write to standard output: {}", std::strerror(code))};
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  text_.clear();
  return {};
}

namespace {

// Columns that a text takes: its characters, not their bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

void table::print(bytes& to) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  // A column is numeric when every cell below its head is.
  std::vector<bool> numeric(widths.size(), rows_.size() > 1);
  for (std::size_t r = 1; r < rows_.size(); ++r) {
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const auto& cell = rows_[r][i];
      if (!cell.empty() && cell != "-" && (cell[0] < '0' || cell[0] > '9')) numeric[i] = false;
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += numeric[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    to += line;
    to += '\n';
  }
}

void append_json_string(bytes_view text, bytes& to) {
  detail::append_json(text, to);
}

std::string readable_bytes(std::uint64_t size) {
  if (size < 1024) return fmt::format("{} B", size);
  auto value = static_cast<double>(size);
  const char* const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  for (value /= 1024; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace penstock::tool
