// The text format: strings as they are, numbers in decimal, true and false, times in ISO 8601. What
// a person types into a console producer and reads from a console consumer.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "streams/base/bytes.hpp"
#include "streams/base/time.hpp"
#include "streams/record/serde.hpp"

namespace penstock {

namespace detail {

void append_text(std::int64_t value, bytes& to);
void append_text(std::uint64_t value, bytes& to);
void append_text(double value, bytes& to);  // the shortest digits that read back alike
void append_text(float value, bytes& to);
void append_text(timestamp value, bytes& to);  // 2026-03-01T12:00:00.250Z

bool parse_text(bytes_view from, std::int64_t& into);
bool parse_text(bytes_view from, std::uint64_t& into);
bool parse_text(bytes_view from, double& into);

/// ISO 8601 in UTC, with or without a fraction, or milliseconds since the epoch.
bool parse_text(bytes_view from, timestamp& into);

template <class T>
using widest =
    std::conditional_t<std::floating_point<T>, double,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

/// A number that fits in the narrower type.
template <class T, class Wide>
bool narrow(Wide wide, T& into) {
  into = static_cast<T>(wide);
  if constexpr (std::integral<T>) return static_cast<Wide>(into) == wide;
  return true;
}

}  // namespace detail

/// A type with a text form.
template <class T>
concept textual = string_like<T> || std::is_arithmetic_v<T> || std::is_enum_v<T> ||
    std::same_as<T, timestamp> || std::same_as<T, duration>;

template <textual T>
void encode_text(const T& value, bytes& to) {
  if constexpr (string_like<T>) {
    to.append(value);
  } else if constexpr (std::same_as<T, bool>) {
    to.append(value ? "true" : "false");
  } else if constexpr (std::is_enum_v<T>) {
    encode_text(static_cast<std::underlying_type_t<T>>(value), to);
  } else if constexpr (std::same_as<T, duration>) {
    detail::append_text(static_cast<std::int64_t>(value.count()), to);
  } else if constexpr (std::same_as<T, timestamp> || std::same_as<T, float>) {
    detail::append_text(value, to);
  } else {
    detail::append_text(static_cast<detail::widest<T>>(value), to);
  }
}

/// False when `from` is not such a value, or the number does not fit.
template <textual T>
bool decode_text(bytes_view from, T& into) {
  if constexpr (std::same_as<T, std::string>) {
    into.assign(from);
    return true;
  } else if constexpr (std::same_as<T, std::string_view>) {
    into = from;
    return true;
  } else if constexpr (std::same_as<T, bool>) {
    into = from == "true";
    return into || from == "false";
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!decode_text(from, number)) return false;
    into = static_cast<T>(number);
    return true;
  } else if constexpr (std::same_as<T, duration>) {
    std::int64_t count = 0;
    if (!detail::parse_text(from, count)) return false;
    into = duration{count};
    return true;
  } else if constexpr (std::same_as<T, timestamp>) {
    return detail::parse_text(from, into);
  } else {
    detail::widest<T> wide{};
    return detail::parse_text(from, wide) && detail::narrow(wide, into);
  }
}

}  // namespace penstock
