// Lines of a file or pipe, in large reads and without copying those that lie in the buffer. A line
// ends with LF, which is not part of it; a last line without one counts. Lines have a limit.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::tool {

class line_reader {
 public:
  /// Reads `descriptor`, which stays the caller's. `name` is for messages.
  line_reader(int descriptor, std::string name, std::size_t line_bytes_max);

  /// The next line, valid until the next call; nothing at the end. `record_too_large` for a line
  /// above the limit, `cancelled` when a signal asked to stop, `io_error`.
  result<std::optional<bytes_view>> next();

  /// Of the line that `next` gave or failed at, from 1.
  std::uint64_t number() const { return number_; }

 private:
  result<bool> fill();

  int descriptor_;
  std::string name_;
  std::size_t line_bytes_max_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;  // of the unread bytes
  std::size_t end_ = 0;
  bool ended_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace penstock::tool
