#include "kafka/listener/frame_cutter.hpp"

#include <fmt/format.h>

#include "kafka/protocol/header.hpp"
#include "streams/base/coding.hpp"

namespace penstock::kafka {

result<std::size_t> frame_cutter::length_of(bytes_view start) const {
  const auto length = load_be<std::int32_t>(start.data());
  if (length < static_cast<std::int32_t>(request_header_bytes_min) ||
      static_cast<std::uint32_t>(length) > frame_bytes_max_)
    return error{errc::corrupt,
                 fmt::format("a request of {} bytes: {} to {} are accepted (is this a client of "
                             "Kafka, without TLS?)",
                             length, request_header_bytes_min, frame_bytes_max_)};
  return static_cast<std::size_t>(length);
}

result<std::optional<bytes_view>> frame_cutter::next() {
  const std::optional<bytes_view> nothing;
  given_ = bytes{};  // whoever looked at it has asked for the next
  if (kept_.empty()) {
    if (piece_.size() >= frame_length_bytes) {
      PENSTOCK_ASSIGN(const auto length, length_of(piece_));
      if (piece_.size() - frame_length_bytes >= length) {
        const auto frame = piece_.substr(frame_length_bytes, length);
        piece_.remove_prefix(frame_length_bytes + length);
        return std::optional{frame};
      }
    }
    kept_.assign(piece_);
    piece_ = {};
    return nothing;
  }
  if (kept_.size() < frame_length_bytes) {
    const auto more = std::min(frame_length_bytes - kept_.size(), piece_.size());
    kept_.append(piece_.substr(0, more));
    piece_.remove_prefix(more);
    if (kept_.size() < frame_length_bytes) return nothing;
  }
  PENSTOCK_ASSIGN(const auto length, length_of(kept_));
  const auto more = std::min(frame_length_bytes + length - kept_.size(), piece_.size());
  kept_.append(piece_.substr(0, more));
  piece_.remove_prefix(more);
  if (kept_.size() < frame_length_bytes + length) return nothing;
  given_ = std::move(kept_);
  kept_ = bytes{};
  return std::optional{bytes_view{given_}.substr(frame_length_bytes)};
}

}  // namespace penstock::kafka
