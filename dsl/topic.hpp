// A topic as a typed constant: its name, the types of its keys and values, and how they are
// written, said once and shared by producers, topologies and tests.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "streams/record/value_format.hpp"

namespace penstock {

/// `const topic<std::string, order> orders{"orders"};`
/// `const topic<no_key, std::string> lines{"log-lines", format::text};`
///
/// Without a format, bytes are chosen by the type (`format::binary`). With `format::text` or
/// `format::json`, keys that have a text form are text. A key and a value format may be given one
/// by one: `topic<std::string, order> orders{"orders", format::text, format::json};`
template <class K, class V>
class topic {
  static_assert(detail::encodable<K>,
                "this key type has no serde: add PENSTOCK_FIELDS(type, members...)");
  static_assert(detail::encodable<V>,
                "this value type has no serde: add PENSTOCK_FIELDS(type, members...)");
  static_assert(std::is_default_constructible_v<K> && std::is_default_constructible_v<V>,
                "keys and values are decoded into default-constructed objects");

 public:
  using key_type = K;
  using value_type = V;

  explicit topic(std::string name) : topic(std::move(name), format::binary) {}
  topic(std::string name, format::binary_t f) : topic(std::move(name), f, f) {}
  topic(std::string name, format::text_t f) requires textual<typename value_format<V>::inner>
      : topic(std::move(name), f, f) {}
  topic(std::string name, format::json_t f) requires json_encodable<typename value_format<V>::inner>
      : topic(std::move(name), key_beside_json(), f) {}

  template <class KeyFormat, class ValueFormat>
  requires std::constructible_from<value_format<K>, KeyFormat> &&
      std::constructible_from<value_format<V>, ValueFormat>
      topic(std::string name, KeyFormat key, ValueFormat value)
      : name_(std::move(name)), key_(key), value_(value) {}

  const std::string& name() const { return name_; }
  const value_format<K>& key_formatting() const { return key_; }
  const value_format<V>& value_formatting() const { return value_; }

 private:
  static constexpr auto key_beside_json() {
    if constexpr (textual<K> || std::is_same_v<K, no_key>) {
      return format::text;
    } else {
      return format::json;
    }
  }

  std::string name_;
  value_format<K> key_;
  value_format<V> value_;
};

}  // namespace penstock
