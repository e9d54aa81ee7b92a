#include "kafka/listener/frame_cutter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "streams/base/coding.hpp"

namespace penstock::kafka {

namespace {

// A frame up to this size gets its memory when its length is known. Somebody who announces it and
// sends nothing has addresses of us, but no pages.
constexpr std::size_t placed_bytes_max = std::size_t{2} << 20;

// A message with room for `size` bytes, which nobody has set yet.
frame_arrived with_room_for(std::size_t size) {
  return frame_arrived::make_ending_in_data(data_words(size), [size](auto out) {
    auto to = out.initContent(static_cast<unsigned>(size));
    std::memset(to.begin() + size, 0, data_words(size) * sizeof(capnp::word) - size);
  });
}

// The message is ours alone until it is sent.
char* content_of(const frame_arrived& message) {
  auto in = message.open();
  return const_cast<char*>(view(in->getContent()).data());
}

frame_arrived holding(bytes_view content) {
  auto message = with_room_for(content.size());
  std::memcpy(content_of(message), content.data(), content.size());
  return message;
}

}  // namespace

result<std::size_t> frame_cutter::length_of_frame() const {
  const auto length = load_be<std::int32_t>(head_.data());
  if (length < static_cast<std::int32_t>(request_header_bytes_min) ||
      static_cast<std::uint32_t>(length) > frame_bytes_max_)
    return error{errc::corrupt,
                 fmt::format("a request of {} bytes: {} to {} are accepted (is this a client of "
                             "Kafka, without TLS?)",
                             length, request_header_bytes_min, frame_bytes_max_)};
  return static_cast<std::size_t>(length);
}

bytes_view frame_cutter::take(std::size_t count_max) {
  const auto taken = piece_.substr(0, count_max);
  piece_.remove_prefix(taken.size());
  return taken;
}

void frame_cutter::begin(std::size_t length) {
  length_ = length;
  if (length > placed_bytes_max) return;
  begun_ = with_room_for(length);
  place_ = content_of(begun_);
}

std::span<char> frame_cutter::room() {
  if (place_ == nullptr) return {};
  return {place_ + filled_, length_ - filled_};
}

result<std::optional<frame_arrived>> frame_cutter::next() {
  const std::optional<frame_arrived> nothing;
  if (length_ == 0) {
    const auto more = take(head_.size() - head_bytes_);
    std::copy(more.begin(), more.end(), head_.begin() + head_bytes_);
    head_bytes_ += more.size();
    if (head_bytes_ < head_.size()) return nothing;
    PENSTOCK_ASSIGN(const auto length, length_of_frame());
    if (piece_.size() >= length) {
      head_bytes_ = 0;
      return std::optional{holding(take(length))};
    }
    begin(length);
  }
  const auto more = take(length_ - filled_);
  if (place_ != nullptr) {
    std::memcpy(place_ + filled_, more.data(), more.size());
  } else {
    large_.append(more);
  }
  filled_ += more.size();
  if (filled_ < length_) return nothing;
  auto whole = place_ != nullptr ? std::move(begun_) : holding(large_);
  begun_ = {};
  place_ = nullptr;
  large_ = bytes{};
  head_bytes_ = length_ = filled_ = 0;
  return std::optional{std::move(whole)};
}

}  // namespace penstock::kafka
