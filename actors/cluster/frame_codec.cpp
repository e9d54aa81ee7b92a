#include "actors/cluster/frame_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace penstock {

namespace {

static_assert(std::endian::native == std::endian::little,
              "envelopes travel in Cap'n Proto's little-endian words as they are");

template <class T>
void put(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <class T>
T get(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

std::array<char, link_hello_bytes> encode(const link_hello& hello) {
  std::array<char, link_hello_bytes> out{};
  std::memcpy(out.data(), link_magic.data(), link_magic.size());
  put(out.data() + 8, hello.oldest_version);
  put(out.data() + 10, hello.newest_version);
  put(out.data() + 12, hello.frame_bytes_max);
  put(out.data() + 16, hello.requests_in_flight_max);
  put(out.data() + 20, hello.bytes_in_flight_max);
  put(out.data() + 24, static_cast<std::uint32_t>(hello.node_id) + 1);
  return out;
}

result<link_hello> decode_link_hello(std::span<const char, link_hello_bytes> from) {
  if (std::memcmp(from.data(), link_magic.data(), link_magic.size()) != 0) {
    return error{errc::corrupt, "the other side does not speak Penstock's link protocol"};
  }
  link_hello hello;
  hello.oldest_version = get<std::uint16_t>(from.data() + 8);
  hello.newest_version = get<std::uint16_t>(from.data() + 10);
  hello.frame_bytes_max = get<std::uint32_t>(from.data() + 12);
  hello.requests_in_flight_max = get<std::uint32_t>(from.data() + 16);
  hello.bytes_in_flight_max = get<std::uint32_t>(from.data() + 20);
  hello.node_id = static_cast<std::int32_t>(get<std::uint32_t>(from.data() + 24) - 1);
  if (hello.node_id < 0) hello.node_id = -1;
  if (hello.oldest_version > link_version || hello.newest_version < link_version) {
    return error{errc::unsupported_version,
                 fmt::format("the other side speaks versions {} to {} of the link protocol, this "
                             "program version {}: use the same release of Penstock on both sides",
                             hello.oldest_version, hello.newest_version, link_version)};
  }
  return hello;
}

std::array<char, link_header_bytes> encode(const frame_header& header) {
  std::array<char, link_header_bytes> out{};
  put(out.data(), header.payload_bytes);
  put(out.data() + 4, header.kind);
  put(out.data() + 6, static_cast<std::uint8_t>(header.type));
  put(out.data() + 8, header.correlation);
  return out;
}

result<frame_header> decode_frame_header(std::span<const char, link_header_bytes> from,
                                         std::uint32_t payload_max) {
  frame_header header;
  header.payload_bytes = get<std::uint32_t>(from.data());
  header.kind = get<std::uint16_t>(from.data() + 4);
  const auto type = get<std::uint8_t>(from.data() + 6);
  header.correlation = get<std::uint64_t>(from.data() + 8);
  if (type < 1 || type > 4) {
    return error{errc::corrupt, fmt::format("a frame of unknown type {}", type)};
  }
  header.type = static_cast<frame_type>(type);
  if (from[7] != 0) {
    return error{errc::corrupt, "a frame header with a reserved byte that is not 0"};
  }
  if (header.payload_bytes > payload_max) {
    return error{errc::corrupt, fmt::format("a frame of {} bytes; the limit is {}",
                                            header.payload_bytes, payload_max)};
  }
  if (header.payload_bytes % sizeof(capnp::word) != 0) {
    return error{errc::corrupt, fmt::format("a frame of {} bytes, not a whole number of words",
                                            header.payload_bytes)};
  }
  if (header.type == frame_type::alive && header.payload_bytes != 0) {
    return error{errc::corrupt, "a sign of life with content"};
  }
  return header;
}

frame_reader::frame_reader(std::uint32_t payload_max)
    : payload_max_(payload_max), buffer_(std::make_unique<char[]>(buffer_bytes)) {}

std::span<char> frame_reader::space() {
  if (payload_) {
    // What the buffer held of this frame has been moved into it: the rest comes in directly.
    auto* start = reinterpret_cast<char*>(payload_->words());
    return {start + payload_filled_, header_->payload_bytes - payload_filled_};
  }
  if (taken_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + taken_, buffered());
    filled_ -= taken_;
    taken_ = 0;
  }
  PENSTOCK_ASSERT(filled_ < buffer_bytes, filled_);
  return {buffer_.get() + filled_, buffer_bytes - filled_};
}

void frame_reader::received(std::size_t count) {
  if (payload_) {
    payload_filled_ += count;
    PENSTOCK_ASSERT(payload_filled_ <= header_->payload_bytes, payload_filled_);
  } else {
    filled_ += count;
    PENSTOCK_ASSERT(filled_ <= buffer_bytes, filled_);
  }
}

result<std::optional<link_hello>> frame_reader::hello() {
  if (buffered() < link_hello_bytes) return std::optional<link_hello>{};
  PENSTOCK_ASSIGN(auto hello, decode_link_hello(std::span<const char, link_hello_bytes>{
                                  buffer_.get() + taken_, link_hello_bytes}));
  taken_ += link_hello_bytes;
  greeted_ = true;
  return std::optional{hello};
}

result<std::optional<arrived_frame>> frame_reader::next() {
  PENSTOCK_ASSERT(greeted_);
  if (!header_) {
    if (buffered() < link_header_bytes) return std::optional<arrived_frame>{};
    const std::span<const char, link_header_bytes> raw{buffer_.get() + taken_, link_header_bytes};
    PENSTOCK_ASSIGN(header_, decode_frame_header(raw, payload_max_));
    taken_ += link_header_bytes;
    if (header_->payload_bytes > 0) {
      // calloc maps large frames lazily: announcing one costs the peer its bytes, not us memory.
      payload_ = caf::make_counted<frame>(header_->payload_bytes / sizeof(capnp::word));
      const auto there = std::min<std::size_t>(buffered(), header_->payload_bytes);
      std::memcpy(static_cast<void*>(payload_->words()), buffer_.get() + taken_, there);
      taken_ += there;
      payload_filled_ = there;
    }
  }
  if (payload_filled_ < header_->payload_bytes) return std::optional<arrived_frame>{};
  arrived_frame done{*header_, std::move(payload_)};
  header_.reset();
  payload_ = nullptr;
  payload_filled_ = 0;
  return std::optional{std::move(done)};
}

}  // namespace penstock
