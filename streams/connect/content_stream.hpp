// The content of a log file from its beginning, whether it was compressed when it was rotated or
// not. Reads a file front to back through a bounded buffer.
#pragma once

#include <cstdint>
#include <memory>

#include "streams/base/bytes.hpp"
#include "streams/base/file_tree.hpp"
#include "streams/base/result.hpp"

namespace penstock {

enum class file_coding : std::uint8_t { plain, gzip, zstd };

/// By the first bytes of a file (4 decide).
file_coding coding_of(bytes_view first);

class content_stream {
 public:
  virtual ~content_stream() = default;

  /// Up to `length` bytes of content behind those read before; 0 at what is the end for now: ask
  /// `complete`. `corrupt` behind all that could be read of a file that is not what its first bytes
  /// said.
  virtual result<std::size_t> read(char* to, std::size_t length) = 0;

  /// The end that was reached is the end of the compressed content, not one that is being written.
  virtual bool complete() const = 0;
};

/// For gzip and zstd. The file must outlive it.
result<std::unique_ptr<content_stream>> open_content(readable_file& from, file_coding how);

}  // namespace penstock
