// Kafka's messages between bytes and structs. The structs are made of the tables (generate.py) and
// come with `kafka/protocol/messages.hpp`; this is how one is read or written in a version. Pure:
// no sockets, no actors. The listener decodes requests and encodes responses; tests do the other
// half too.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::kafka {

/// 16 bytes; all zero: none.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  bool is_zero() const { return *this == uuid{}; }
  static uuid of(bytes_view from);  // of 16 bytes, else zero
  bytes_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  friend auto operator<=>(const uuid&, const uuid&) = default;
};

/// What a text may have in any version, since it may be sent back in another one.
inline constexpr std::int64_t text_bytes_max = 32'767;

/// What one message may make of memory besides its own bytes.
inline constexpr std::size_t decoded_bytes_max = std::size_t{64} << 20;

/// A message of type `Message` (body only, without header) in `version`, which must be in its
/// range. `corrupt` with the place where lengths or counts lie; `unsupported_version` for another
/// version. Bytes behind it are left alone, as Kafka's brokers do: librdkafka 2.8 sends some.
/// Fields of type `records` borrow from `from`.
template <class Message>
result<Message> decode(bytes_view from, int version);

/// Bytes of a message that lie elsewhere, and before which byte of its own they belong; in order.
struct borrowed_part {
  std::size_t before;
  bytes_view data;
};
using borrowed_parts = std::vector<borrowed_part>;

/// Shorter fields than this are cheaper copied.
inline constexpr std::size_t borrowed_bytes_min = 4096;

/// Appends the message's body in `version`, which must be in its range. A null where the version
/// has none is written as empty; a field that the version does not have is left out. Large fields
/// of type `records` are not copied but named in `borrowed`, if that is given.
template <class Message>
void encode(const Message& message, int version, bytes& to, borrowed_parts* borrowed = nullptr);

}  // namespace penstock::kafka
