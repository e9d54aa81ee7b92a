// What a parser found in a line that no struct describes: names and texts in the order of the line.
// Filled by the parsers of this folder (json, logfmt, key_value, csv and others), read by the
// user's functions, and stored and sent like any other value.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/record/serde.hpp"
#include "streams/record/serde_json.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock::logs {

/// A name and its text, in order. Looking a name up takes a walk over all of them, which is the
/// fastest for the few fields that a line has.
class fields {
 public:
  using value_type = std::pair<std::string, std::string>;

  fields() = default;
  fields(std::initializer_list<value_type> all) : all_(all) {}

  /// The text of the field of that name; empty when there is none. Valid until the next change.
  std::string_view operator[](std::string_view name) const {
    const std::string* found = find(name);
    return found == nullptr ? std::string_view{} : std::string_view{*found};
  }

  /// The same, or null when there is none.
  const std::string* find(std::string_view name) const;

  bool contains(std::string_view name) const { return find(name) != nullptr; }

  /// The field as a number, boolean or time (ISO 8601 in UTC or milliseconds; for other forms see
  /// streams/logs/timestamp.hpp). Nothing when there is none or it is something else.
  template <textual T>
  std::optional<T> get(std::string_view name) const {
    const std::string* found = find(name);
    T value{};
    if (found == nullptr || !decode_text(*found, value)) return std::nullopt;
    return value;
  }

  /// Appends a field without looking whether the name is there already.
  void add(std::string name, std::string text) {
    all_.emplace_back(std::move(name), std::move(text));
  }

  /// Replaces the text of the first field of that name, or appends one.
  void set(std::string_view name, std::string text);

  /// Appends a field, or, when there is one of that name, its text behind that field's text and a
  /// comma: how the parsers keep all of `ip=10.0.0.1 ip=10.0.0.2`.
  void join(std::string_view name, std::string_view text);

  /// Takes out every field of that name; false when there was none.
  bool remove(std::string_view name);

  /// A name that stands there twice, the first such; null when all differ.
  const std::string* repeated() const;

  bool empty() const { return all_.empty(); }
  std::size_t size() const { return all_.size(); }
  void reserve(std::size_t count) { all_.reserve(count); }
  void clear() { all_.clear(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

  friend bool operator==(const fields&, const fields&) = default;

 private:
  friend struct serde<fields>;

  std::vector<value_type> all_;
};

}  // namespace penstock::logs

namespace penstock {

/// In binary as a map of strings, in the order of the fields.
template <>
struct serde<logs::fields> {
  static std::string name() { return serde<std::map<std::string, std::string>>::name(); }
  static void encode(const logs::fields& value, bytes& to);
  static bool decode(bytes_view from, logs::fields& into, int depth = 0);
};

namespace detail {

/// In JSON as an object of strings. Read back, numbers and booleans become text and the fields
/// stand in the order of their names; an object or array inside is refused.
template <>
struct json_form<logs::fields> {
  static void put(const logs::fields& value, bytes& to);
  static bool get(json_value from, logs::fields& into);
};

}  // namespace detail
}  // namespace penstock
