// What goes over a link between two processes, without sockets: a hello each way, then frames,
// each a header and the bytes of one envelope. `frame_reader` is the state machine that turns
// received bytes into frames and trusts none of them. Bytes: docs/protocol/link.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "actors/messages/envelope.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

inline constexpr std::size_t link_hello_bytes = 32;
inline constexpr std::size_t link_header_bytes = 16;
inline constexpr std::uint16_t link_version = 1;

/// How every link begins. Read as the start of a Kafka request this is a frame of 1.3 GB for an API
/// that does not exist, so one port can serve both.
inline constexpr std::string_view link_magic = "PENSTOCK";

/// Requests of this kind are about the link itself (actors/messages/link.capnp).
inline constexpr std::uint16_t link_claim_kind = 1000;

/// The first thing each side says.
struct link_hello {
  std::uint16_t oldest_version = link_version;
  std::uint16_t newest_version = link_version;
  std::uint32_t frame_bytes_max = static_cast<std::uint32_t>(envelope_bytes_max);
  std::uint32_t requests_in_flight_max = 0;  // of the other side's requests
  std::uint32_t bytes_in_flight_max = 0;
  std::int32_t node_id = -1;  // of a server, as Kafka's clients see it; -1: none

  friend bool operator==(const link_hello&, const link_hello&) = default;
};

std::array<char, link_hello_bytes> encode(const link_hello& hello);

/// `corrupt` when `from` is not the hello of a Penstock link, `unsupported_version` when the two
/// sides have no version in common.
result<link_hello> decode_link_hello(std::span<const char, link_hello_bytes> from);

enum class frame_type : std::uint8_t {
  request = 1,
  reply = 2,
  alive = 3,    // no content: the sender had nothing else to say for a while
  goodbye = 4,  // content: a wire::Failure; the sender closes the link
};

struct frame_header {
  std::uint32_t payload_bytes = 0;  // a whole number of 8-byte words; 0: a message of defaults
  std::uint16_t kind = 0;           // which conversation; 0 for alive and goodbye
  frame_type type = frame_type::request;
  std::uint64_t correlation = 0;  // chosen by the asker, repeated in the reply

  friend bool operator==(const frame_header&, const frame_header&) = default;
};

std::array<char, link_header_bytes> encode(const frame_header& header);

/// `corrupt` for an unknown type, a payload above `payload_max` or not in whole words, a set
/// reserved byte, or content where there may be none.
result<frame_header> decode_frame_header(std::span<const char, link_header_bytes> from,
                                         std::uint32_t payload_max);

/// A frame that arrived. The payload is not validated yet.
struct arrived_frame {
  frame_header header;
  caf::intrusive_ptr<const frame> payload;  // null when it has no bytes
};

/// Received bytes in, hello and frames out. Memory: one buffer and the frame being received, for
/// which nothing is touched before its bytes arrive. After an error it takes no more bytes.
class frame_reader {
 public:
  explicit frame_reader(std::uint32_t payload_max);

  /// Where to put the next bytes: never empty. Valid until `received`.
  std::span<char> space();

  /// `count` bytes were put there.
  void received(std::size_t count);

  /// The peer's hello once it is complete; errors as `decode_link_hello`.
  result<std::optional<link_hello>> hello();

  /// The next complete frame; nothing until more bytes arrive; errors as `decode_frame_header`.
  /// Only after `hello` has given one.
  result<std::optional<arrived_frame>> next();

  /// Bytes that came of a frame that has not come to its end.
  std::size_t unfinished_bytes() const { return payload_ ? payload_filled_ : 0; }

 private:
  static constexpr std::size_t buffer_bytes = std::size_t{64} << 10;

  std::size_t buffered() const { return filled_ - taken_; }

  std::uint32_t payload_max_;
  std::unique_ptr<char[]> buffer_;
  std::size_t taken_ = 0;   // of the buffer, by what was given out
  std::size_t filled_ = 0;  // of the buffer
  bool greeted_ = false;
  std::optional<frame_header> header_;  // of the frame being received
  caf::intrusive_ptr<frame> payload_;
  std::size_t payload_filled_ = 0;
};

}  // namespace penstock
