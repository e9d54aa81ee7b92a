// Received bytes in, whole frames out: four bytes of length, then so many. What is cut from bytes
// that came in one piece is not copied; of a frame that comes in pieces no more is kept than has
// come.
#pragma once

#include <cstdint>
#include <optional>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::kafka {

class frame_cutter {
 public:
  explicit frame_cutter(std::uint32_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  /// Bytes that came; they must stay until `next` has given nothing.
  void received(bytes_view piece) { piece_ = piece; }

  /// The next frame, valid until the following call; nothing until more bytes come. `corrupt` for a
  /// length that is too short for a request's header, or above the limit.
  result<std::optional<bytes_view>> next();

  /// Bytes of an unfinished frame.
  std::size_t kept_bytes() const { return kept_.size(); }

 private:
  result<std::size_t> length_of(bytes_view start) const;

  std::uint32_t frame_bytes_max_;
  bytes kept_;   // the start of a frame, with its length
  bytes given_;  // a frame that came in pieces, while the caller looks at it
  bytes_view piece_;
};

}  // namespace penstock::kafka
