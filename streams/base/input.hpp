// A stream of bytes that is read once from its beginning: standard input, a pipe, a terminal, a
// file. Read by one thread, which may wait in it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "streams/base/result.hpp"

namespace penstock {

class input {
 public:
  virtual ~input() = default;

  /// Reads up to `length` bytes, waiting up to `wait` for the first: how many, 0 at the end,
  /// nothing when none came in time. `io_error` with the name of the input.
  virtual result<std::optional<std::size_t>> read_some(char* to, std::size_t length,
                                                       std::chrono::milliseconds wait) = 0;
};

/// The machine's standard input (with an empty path), or what is at `path`. `not_found`,
/// `read_only` when it may not be read, `invalid_argument` for a folder.
result<std::unique_ptr<input>> open_input(const std::string& path);

}  // namespace penstock
