// Strings, byte fields and arrays as Kafka's schemas without flexible versions write them: 16-bit
// lengths for strings, 32-bit for bytes and arrays, -1 for null. Used by the record schemas of
// `__consumer_offsets` and by the consumer protocol.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/coding.hpp"
#include "streams/base/error.hpp"

namespace penstock::kafka_coding {

inline void put_string(bytes& to, std::string_view text) {
  PENSTOCK_ASSERT(text.size() <= std::numeric_limits<std::int16_t>::max(), text.size());
  put_be(to, static_cast<std::int16_t>(text.size()));
  to.append(text);
}
inline void put_nullable_string(bytes& to, const std::optional<std::string>& text) {
  if (text)
    put_string(to, *text);
  else
    put_be(to, std::int16_t{-1});
}
inline void put_bytes(bytes& to, bytes_view data) {
  PENSTOCK_ASSERT(data.size() <= std::numeric_limits<std::int32_t>::max(), data.size());
  put_be(to, static_cast<std::int32_t>(data.size()));
  to.append(data);
}
inline void put_nullable_bytes(bytes& to, const std::optional<bytes>& data) {
  if (data)
    put_bytes(to, *data);
  else
    put_be(to, std::int32_t{-1});
}
inline void put_count(bytes& to, std::size_t count) {
  PENSTOCK_ASSERT(count <= std::numeric_limits<std::int32_t>::max(), count);
  put_be(to, static_cast<std::int32_t>(count));
}

/// Takes a length that was read: a negative one fails the reader.
inline bytes_view take_length(byte_reader& from, std::int64_t length) {
  return from.take(length < 0 ? std::numeric_limits<std::uint64_t>::max()
                              : static_cast<std::uint64_t>(length));
}

inline std::string read_string(byte_reader& from) {
  return std::string{take_length(from, from.be<std::int16_t>())};
}
inline std::optional<std::string> read_nullable_string(byte_reader& from) {
  auto length = from.be<std::int16_t>();
  if (length == -1) return std::nullopt;
  return std::string{take_length(from, length)};
}
inline bytes read_bytes(byte_reader& from) {
  return bytes{take_length(from, from.be<std::int32_t>())};
}
inline std::optional<bytes> read_nullable_bytes(byte_reader& from) {
  auto length = from.be<std::int32_t>();
  if (length == -1) return std::nullopt;
  return bytes{take_length(from, length)};
}

/// Elements of an array to be read in a loop that ends when the reader fails. A count that cannot
/// be true, since each element takes at least `element_bytes_min`, fails the reader.
inline std::int32_t read_count(byte_reader& from, std::size_t element_bytes_min) {
  auto count = from.be<std::int32_t>();
  if (count < 0 || static_cast<std::size_t>(count) > from.left() / element_bytes_min) {
    take_length(from, -1);
    return 0;
  }
  return count;
}

/// A record of an internal topic that a newer program wrote.
inline error newer(std::string_view what, std::int16_t version, int highest) {
  return error{errc::unsupported_version,
               fmt::format("{} has version {}, this program reads 0 to {}: use the program that "
                           "wrote it, or a newer one",
                           what, version, highest)};
}

/// A record of an internal topic whose bytes do not make one.
inline error lying(std::string_view what, bytes_view from) {
  return error{errc::corrupt, fmt::format("{} of {} bytes has a length that is not true, or bytes "
                                          "left over: the record is damaged",
                                          what, from.size())};
}

}  // namespace penstock::kafka_coding
