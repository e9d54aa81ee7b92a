// Standard output: buffered, so that a million short lines are a few hundred writes, and honest
// about a reader that went away. Also tables and JSON text as every word of the tool prints them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::tool {

class output {
 public:
  explicit output(int descriptor = 1) : descriptor_(descriptor) {}

  /// Append here; `flush_some` or `flush` writes.
  bytes& text() { return text_; }

  /// Writes when enough has gathered.
  result<void> flush_some() { return text_.size() >= enough ? flush() : result<void>{}; }

  /// Writes everything. `cancelled` when the reader has gone (a closed pipe), which is no failure
  /// of ours; `io_error` or `disk_full` otherwise.
  result<void> flush();

 private:
  static constexpr std::size_t enough = std::size_t{256} << 10;
  int descriptor_;
  bytes text_;
};

/// Columns, two spaces apart; numbers (cells that begin with a digit or '-') to the right.
class table {
 public:
  explicit table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(bytes& to) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Appends a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_string(bytes_view text, bytes& to);

/// "1.4 GiB", for people.
std::string readable_bytes(std::uint64_t size);

}  // namespace penstock::tool
