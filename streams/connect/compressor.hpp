// A file's bytes compressed piece by piece, gzip or zstd, so that a large file takes a little
// memory and whoever compresses can do other things in between.
#pragma once

#include <memory>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

class file_compressor {
 public:
  /// `with` is gzip or zstd.
  explicit file_compressor(codec with);
  ~file_compressor();
  file_compressor(file_compressor&&) noexcept;
  file_compressor& operator=(file_compressor&&) noexcept;

  /// Appends to `to` what `piece` makes ready; `internal` with the library's words.
  result<void> add(bytes_view piece, bytes& to);

  /// Appends the end. Nothing may be added behind.
  result<void> finish(bytes& to);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace penstock
