// Integers to and from bytes, and nothing else: fixed-width big-endian as Kafka's formats have
// them, and zig-zag varints as its records have them. Used by everything that is written to disk
// or wire by hand. Readers never go past their bytes; there are no exceptions.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "streams/base/bytes.hpp"

namespace penstock {

namespace detail {

template <std::size_t Size>
struct wire_word;
template <>
struct wire_word<1> {
  using type = std::uint8_t;
  static type swap(type v) { return v; }
};
template <>
struct wire_word<2> {
  using type = std::uint16_t;
  static type swap(type v) { return __builtin_bswap16(v); }
};
template <>
struct wire_word<4> {
  using type = std::uint32_t;
  static type swap(type v) { return __builtin_bswap32(v); }
};
template <>
struct wire_word<8> {
  using type = std::uint64_t;
  static type swap(type v) { return __builtin_bswap64(v); }
};

}  // namespace detail

/// The big-endian number at `from`, which must have sizeof(T) bytes. Integers, and floating point
/// as its IEEE bits.
template <class T>
requires std::is_arithmetic_v<T> T load_be(const char* from) {
  using wire = detail::wire_word<sizeof(T)>;
  typename wire::type word;
  std::memcpy(&word, from, sizeof word);
  if constexpr (std::endian::native == std::endian::little) word = wire::swap(word);
  return std::bit_cast<T>(word);
}

/// Writes `value` big-endian to the sizeof(T) bytes at `to`.
template <class T>
requires std::is_arithmetic_v<T>
void store_be(char* to, T value) {
  using wire = detail::wire_word<sizeof(T)>;
  auto word = std::bit_cast<typename wire::type>(value);
  if constexpr (std::endian::native == std::endian::little) word = wire::swap(word);
  std::memcpy(to, &word, sizeof word);
}

/// Appends `value` big-endian.
template <class T>
requires std::is_arithmetic_v<T>
void put_be(bytes& to, T value) {
  char raw[sizeof(T)];
  store_be(raw, value);
  to.append(raw, sizeof raw);
}

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// The most bytes a 64-bit varint takes.
inline constexpr std::size_t varint_bytes_max = 10;

/// Bytes that the unsigned varint of `value` takes: 1 to 10.
constexpr std::size_t uvarint_size(std::uint64_t value) {
  return static_cast<std::size_t>((std::bit_width(value | 1) * 9 + 64) /
                                  64);  // = bits / 7, rounded up
}
constexpr std::size_t varint_size(std::int64_t value) {
  return uvarint_size(zigzag(value));
}

/// Writes at `to`, which has room for `uvarint_size(value)`; returns the end.
inline char* write_uvarint(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}
inline char* write_varint(char* to, std::int64_t value) {
  return write_uvarint(to, zigzag(value));
}

inline void put_uvarint(bytes& to, std::uint64_t value) {
  char raw[16];  // more than varint_bytes_max: GCC 12 cannot see the bound
  to.append(raw, static_cast<std::size_t>(write_uvarint(raw, value) - raw));
}
inline void put_varint(bytes& to, std::int64_t value) {
  put_uvarint(to, zigzag(value));
}

namespace detail {
const char* read_uvarint_slow(const char* at, const char* end, std::uint64_t& value);
}

/// Reads an unsigned varint in [at, end). Returns the position behind it, or null when the bytes
/// end too soon or spell more than 64 bits.
inline const char* read_uvarint(const char* at, const char* end, std::uint64_t& value) {
  if (at != end && static_cast<unsigned char>(*at) < 0x80) {
    value = static_cast<unsigned char>(*at);
    return at + 1;
  }
  return detail::read_uvarint_slow(at, end, value);
}

/// The same without an end, for hot loops: the caller knows that `varint_bytes_max` bytes may be
/// read. Null when they spell more than 64 bits.
inline const char* read_uvarint_unbounded(const char* at, std::uint64_t& value) {
  // One to three bytes, which is what lengths and deltas take, without a loop.
  const std::uint32_t b0 = static_cast<unsigned char>(at[0]);
  if (b0 < 0x80) [[likely]] {
    value = b0;
    return at + 1;
  }
  const std::uint32_t b1 = static_cast<unsigned char>(at[1]);
  if (b1 < 0x80) [[likely]] {
    value = (b0 & 0x7f) | b1 << 7;
    return at + 2;
  }
  const std::uint32_t b2 = static_cast<unsigned char>(at[2]);
  if (b2 < 0x80) {
    value = (b0 & 0x7f) | (b1 & 0x7f) << 7 | b2 << 14;
    return at + 3;
  }
  return detail::read_uvarint_slow(at, at + varint_bytes_max, value);
}
inline const char* read_varint(const char* at, const char* end, std::int64_t& value) {
  std::uint64_t raw = 0;
  at = read_uvarint(at, end, raw);
  value = unzigzag(raw);
  return at;
}
inline const char* read_varint_unbounded(const char* at, std::int64_t& value) {
  std::uint64_t raw = 0;
  at = read_uvarint_unbounded(at, raw);
  value = unzigzag(raw);
  return at;
}

/// Walks borrowed bytes. Running past the end is remembered, not thrown: every read after it gives
/// zero or empty, and `ok()` says so once at the end.
class byte_reader {
 public:
  explicit byte_reader(bytes_view from)
      : at_(from.data() != nullptr ? from.data() : ""), end_(at_ + from.size()) {}

  bool ok() const { return at_ != nullptr; }
  std::size_t left() const { return ok() ? static_cast<std::size_t>(end_ - at_) : 0; }

  /// True when everything was read and nothing failed.
  bool at_end() const { return ok() && at_ == end_; }

  /// The next fixed-width big-endian number.
  template <class T>
  T be() {
    if (left() < sizeof(T)) return fail(T{});
    T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  std::uint64_t uvarint() {
    std::uint64_t value = 0;
    if (!ok()) return 0;
    at_ = read_uvarint(at_, end_, value);
    return ok() ? value : 0;
  }
  std::int64_t varint() { return unzigzag(uvarint()); }

  /// A zig-zag varint that must fit 32 bits.
  std::int32_t varint32() {
    std::int64_t value = varint();
    if (value != static_cast<std::int32_t>(value)) return fail(std::int32_t{});
    return static_cast<std::int32_t>(value);
  }

  /// The next `length` bytes, borrowed.
  bytes_view take(std::uint64_t length) {
    if (left() < length) return fail(bytes_view{});
    bytes_view taken{at_, static_cast<std::size_t>(length)};
    at_ += length;
    return taken;
  }
  bytes_view rest() { return take(left()); }

 private:
  template <class T>
  T fail(T nothing) {
    at_ = nullptr;
    return nothing;
  }

  const char* at_;  // null: failed
  const char* end_;
};

}  // namespace penstock
