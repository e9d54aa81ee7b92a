// Received bytes in, whole frames out: four bytes of length, then so many. A frame is put together
// where the message to its actor has it; of a large one that comes in pieces no more is kept than
// has come. Owned by a client's socket, runs on the listener's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "kafka/listener/connection.hpp"
#include "kafka/protocol/header.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::kafka {

class frame_cutter {
 public:
  explicit frame_cutter(std::uint32_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  /// Bytes that came; they must stay until `next` has given nothing.
  void received(bytes_view piece) { piece_ = piece; }

  /// Where the rest of a frame that has begun may be put without a copy; empty: use `received`.
  std::span<char> room();

  /// So many bytes came into `room`.
  void filled(std::size_t count) { filled_ += count; }

  /// The next frame; nothing until more bytes come. `corrupt` for a length that is too short for a
  /// request's header, or above the limit.
  result<std::optional<frame_arrived>> next();

  /// Bytes that came of an unfinished frame.
  std::size_t kept_bytes() const { return head_bytes_ + filled_; }

 private:
  result<std::size_t> length_of_frame() const;
  void begin(std::size_t length);
  bytes_view take(std::size_t count_max);

  std::uint32_t frame_bytes_max_;
  bytes_view piece_;
  std::array<char, frame_length_bytes> head_{};
  std::size_t head_bytes_ = 0;  // of the length
  std::size_t length_ = 0;      // 0: not known yet
  std::size_t filled_ = 0;
  frame_arrived begun_;
  char* place_ = nullptr;  // the content of `begun_`; null: it is in `large_`
  bytes large_;
};

}  // namespace penstock::kafka
