// How the keys or values of one topic are written: a format chosen at run time for a type known at
// compile time. `format::binary` (the default) is chosen by the type, `format::text` is for people
// and consoles, `format::json` for other programs.
#pragma once

#include <optional>
#include <string>

#include "streams/base/bytes.hpp"
#include "streams/record/serde.hpp"
#include "streams/record/serde_json.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock {

namespace format {
struct binary_t {};
struct text_t {};
struct json_t {};

/// Fixed-width numbers, plain strings, tagged structs: compact, and what Kafka's serializers write.
inline constexpr binary_t binary{};
/// Strings as they are, numbers in decimal. For strings, numbers, booleans and times.
inline constexpr text_t text{};
/// One JSON value per key or value.
inline constexpr json_t json{};
}  // namespace format

/// A value that can be written as JSON.
template <class T>
concept json_encodable = detail::has_json<T>;

template <class T>
class value_format {
 public:
  using inner = typename detail::optional_inner<T>::type;

  explicit value_format(format::binary_t)
      : raw_(string_like<inner>),
        name_("binary:" + serde<inner>::name()),
        encode_([](const inner& value, bytes& to) { serde<inner>::encode(value, to); }),
        decode_([](bytes_view from, inner& into) { return serde<inner>::decode(from, into, 0); }) {}
  explicit value_format(format::text_t) requires textual<inner>
      : raw_(string_like<inner>),
        name_("text"),
        encode_([](const inner& value, bytes& to) { encode_text(value, to); }),
        decode_([](bytes_view from, inner& into) { return decode_text(from, into); }) {}
  explicit value_format(format::json_t) requires json_encodable<inner>
      : name_("json"),
        encode_([](const inner& value, bytes& to) { detail::encode_json(value, to); }),
        decode_([](bytes_view from, inner& into) { return detail::decode_json(from, into); }) {}

  /// "text", "json" or "binary:<type>"; stable, remembered in the topic's metadata.
  const std::string& name() const { return name_; }

  /// The bytes of `value` (in `scratch`, or the value's own when it is a string that is written as
  /// it is); nothing for an empty optional. `Borrowed` is T or what T borrows as.
  template <class Borrowed>
  std::optional<bytes_view> encode(const Borrowed& value, bytes& scratch) const {
    if constexpr (detail::is_optional<Borrowed>::value) {
      if (!value) return std::nullopt;
      return encode_inner(*value, scratch);
    } else {
      return encode_inner(value, scratch);
    }
  }

  /// False when the bytes are not such a value; a null only is an optional's.
  bool decode(std::optional<bytes_view> from, T& into) const {
    if constexpr (detail::is_optional<T>::value) {
      if (!from) {
        into.reset();
        return true;
      }
      if (!into) into.emplace();
      return decode_(*from, *into);
    } else {
      if (!from) return false;
      if constexpr (string_like<T>) {
        if (raw_) {
          into = *from;
          return true;
        }
      }
      return decode_(*from, into);
    }
  }

 private:
  template <class Borrowed>
  bytes_view encode_inner(const Borrowed& value, bytes& scratch) const {
    if constexpr (string_like<Borrowed>) {
      if (raw_) return value;
    }
    scratch.clear();
    if constexpr (std::same_as<Borrowed, inner>) {
      encode_(value, scratch);
    } else {
      encode_(inner(value), scratch);
    }
    return scratch;
  }

  bool raw_ = false;  // a string whose bytes are the value's
  std::string name_;
  void (*encode_)(const inner&, bytes&);
  bool (*decode_)(bytes_view, inner&);
};

/// Nothing is written for `no_key`.
template <>
class value_format<no_key> {
 public:
  template <class Any>
  explicit value_format(Any) {}
  const std::string& name() const {
    static const std::string none;
    return none;
  }
  std::optional<bytes_view> encode(no_key, bytes&) const { return std::nullopt; }
  bool decode(std::optional<bytes_view>, no_key&) const { return true; }
};

}  // namespace penstock
