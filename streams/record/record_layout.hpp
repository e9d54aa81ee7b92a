// One record inside a batch, as bytes: the hot loops of cursor, validation and builder share this.
// docs/formats/record-batch.md explains the fields.
#pragma once

#include <cstddef>
#include <cstdint>

#include "streams/base/coding.hpp"

namespace penstock::record_layout {

/// Length, attributes, two deltas, key length, value length, header count: one byte each.
inline constexpr std::size_t bytes_min = 7;

struct fields {
  std::int64_t time_delta = 0;
  std::int64_t offset_delta = 0;
  const char* key = nullptr;    // null: no key
  const char* value = nullptr;  // null: no value
  std::size_t key_length = 0;
  std::size_t value_length = 0;
  const char* headers = nullptr;
  std::int32_t header_count = 0;
};

/// Times come from outside: wrap, never overflow.
inline std::int64_t add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

inline std::int64_t subtract(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

/// Reads a length-prefixed string; -1 means absent. Null at the end of its luck.
inline const char* parse_string(const char* at, const char* end, const char*& data,
                                std::size_t& length) {
  std::int64_t wanted = 0;
  at = read_varint(at, end, wanted);
  if (at == nullptr) return nullptr;
  if (wanted < 0) {
    data = nullptr;
    length = 0;
    return wanted == -1 ? at : nullptr;
  }
  if (wanted > end - at) return nullptr;
  data = at;
  length = static_cast<std::size_t>(wanted);
  return at + wanted;
}

/// `parse` for a record with room behind it; null also when it should be looked at with more care.
[[gnu::always_inline]] inline const char* parse_quickly(const char* at, const char* end,
                                                        fields& to) {
  // Five varints and the attributes come before the key, whatever the record's length says.
  if (end - at < static_cast<std::ptrdiff_t>(5 * varint_bytes_max)) return nullptr;
  std::int64_t length = 0, time_delta = 0, offset_delta = 0, key_length = 0;
  if ((at = read_varint_unbounded(at, length)) == nullptr) return nullptr;
  if (length < 0 || length > end - at) return nullptr;
  const char* const behind = at + length;
  ++at;  // attributes
  if ((at = read_varint_unbounded(at, time_delta)) == nullptr) return nullptr;
  if ((at = read_varint_unbounded(at, offset_delta)) == nullptr) return nullptr;
  if ((at = read_varint_unbounded(at, key_length)) == nullptr) return nullptr;
  if (key_length < -1 || key_length > behind - at) return nullptr;
  to.time_delta = time_delta;
  to.offset_delta = offset_delta;
  to.key = key_length < 0 ? nullptr : at;
  to.key_length = key_length < 0 ? 0 : static_cast<std::size_t>(key_length);
  at += to.key_length;
  if (end - at < static_cast<std::ptrdiff_t>(varint_bytes_max)) return nullptr;
  std::int64_t value_length = 0;
  if ((at = read_varint_unbounded(at, value_length)) == nullptr) return nullptr;
  if (value_length < -1 || value_length > behind - at) return nullptr;
  to.value = value_length < 0 ? nullptr : at;
  to.value_length = value_length < 0 ? 0 : static_cast<std::size_t>(value_length);
  at += to.value_length;
  // No headers: the record ends with one zero.
  if (behind - at != 1 || *at != 0) return nullptr;
  to.headers = behind;
  to.header_count = 0;
  return behind;
}

/// `parse` for every record.
[[gnu::noinline]] inline const char* parse_carefully(const char* at, const char* end, fields& to) {
  std::int64_t length = 0;
  at = read_varint(at, end, length);
  if (at == nullptr || length < static_cast<std::int64_t>(bytes_min - 1) || length > end - at) {
    return nullptr;
  }
  const char* const behind = at + length;
  ++at;  // attributes: none are defined
  std::int64_t count = 0;
  if ((at = read_varint(at, behind, to.time_delta)) == nullptr) return nullptr;
  if ((at = read_varint(at, behind, to.offset_delta)) == nullptr) return nullptr;
  if ((at = parse_string(at, behind, to.key, to.key_length)) == nullptr) return nullptr;
  if ((at = parse_string(at, behind, to.value, to.value_length)) == nullptr) return nullptr;
  if ((at = read_varint(at, behind, count)) == nullptr) return nullptr;
  // A header has two bytes at least.
  if (count < 0 || count > (behind - at) / 2) return nullptr;
  if (count == 0 && at != behind) return nullptr;
  to.headers = at;
  to.header_count = static_cast<std::int32_t>(count);
  return behind;
}

/// Reads the record at `at`; returns the position behind it, or null when its lengths lie. Headers
/// are bounded by the record but not looked into.
[[gnu::always_inline]] inline const char* parse(const char* at, const char* end, fields& to) {
  if (const char* behind = parse_quickly(at, end, to)) [[likely]]
    return behind;
  fields careful;
  const char* behind = parse_carefully(at, end, careful);
  to = careful;
  return behind;
}

/// Reads one header; null when its lengths lie.
inline const char* parse_header(const char* at, const char* end, const char*& name,
                                std::size_t& name_length, const char*& value,
                                std::size_t& value_length) {
  at = parse_string(at, end, name, name_length);
  if (at == nullptr || name == nullptr) return nullptr;
  return parse_string(at, end, value, value_length);
}

/// Whether the headers fill the record exactly. `fields` does not know the record's end: it is
/// given.
inline bool headers_in_bounds(const fields& r, const char* behind) {
  const char* at = r.headers;
  for (std::int32_t i = 0; i < r.header_count; ++i) {
    const char *name = nullptr, *value = nullptr;
    std::size_t name_length = 0, value_length = 0;
    at = parse_header(at, behind, name, name_length, value, value_length);
    if (at == nullptr) return false;
  }
  return at == behind;
}

}  // namespace penstock::record_layout
