// The JSON format: structs as objects by the names in PENSTOCK_FIELDS, lists as arrays, absent
// values as null, times in ISO 8601. A reader ignores members it does not know and takes the
// default for those that are missing. The parser itself is out of sight in the source file.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/record/fields.hpp"
#include "streams/record/serde.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock::detail {

/// Appends `text` in quotes, escaped; bytes that are not UTF-8 become U+FFFD.
void append_json(std::string_view text, bytes& to);

/// Appends the number, or null when it is not finite.
void append_json(double value, bytes& to);

/// A value inside a parsed document. Cheap to copy; valid as long as the document.
class json_value {
 public:
  json_value() = default;
  explicit json_value(const void* node) : node_(node) {}

  bool is_null() const;
  bool is_array() const;
  bool is_object() const;

  /// False when it is something else or does not fit.
  bool get(bool& into) const;
  bool get(std::int64_t& into) const;
  bool get(std::uint64_t& into) const;
  bool get(double& into) const;
  bool get(std::string_view& into) const;

  /// Elements of an array or members of an object; 0 for anything else.
  std::size_t size() const;
  json_value at(std::size_t index) const;

  /// The member of that name; nothing when there is none or this is not an object.
  std::optional<json_value> find(std::string_view name) const;

  /// Calls `f(context, name, value)` for each member of an object, until it returns false; then
  /// returns false too.
  bool each_member(void* context, bool (*f)(void*, std::string_view, json_value)) const;

 private:
  const void* node_ = nullptr;
};

class json_document {
 public:
  /// Nothing when `text` is not one JSON value.
  static std::optional<json_document> parse(bytes_view text);

  json_document(json_document&&) noexcept;
  json_document& operator=(json_document&&) noexcept;
  ~json_document();

  json_value root() const;

 private:
  struct held;
  explicit json_document(std::unique_ptr<held> h);
  std::unique_ptr<held> held_;
};

/// How one type is written and read. `get` leaves `into` unspecified when it returns false.
template <class T>
struct json_form;

template <class T>
concept has_json = requires(const T& value, T& into, bytes& to, json_value from) {
  json_form<T>::put(value, to);
  { json_form<T>::get(from, into) } -> std::convertible_to<bool>;
};

template <class T>
requires(std::is_arithmetic_v<T> || std::is_enum_v<T> ||
         std::same_as<T, duration>) struct json_form<T> {
  static void put(T value, bytes& to) {
    if constexpr (std::floating_point<T>) {
      append_json(static_cast<double>(value), to);
    } else {
      encode_text(value, to);
    }
  }
  static bool get(json_value from, T& into) {
    if constexpr (std::same_as<T, bool>) {
      return from.get(into);
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      if (!json_form<std::underlying_type_t<T>>::get(from, number)) return false;
      into = static_cast<T>(number);
      return true;
    } else if constexpr (std::same_as<T, duration>) {
      std::int64_t count = 0;
      if (!from.get(count)) return false;
      into = duration{count};
      return true;
    } else {
      widest<T> wide{};
      return from.get(wide) && narrow(wide, into);
    }
  }
};

/// In strings: text, and times.
template <class T>
requires(string_like<T> || std::same_as<T, timestamp>) struct json_form<T> {
  static void put(const T& value, bytes& to) {
    if constexpr (string_like<T>) {
      append_json(value, to);
    } else {
      bytes text;
      encode_text(value, text);
      append_json(std::string_view{text}, to);
    }
  }
  static bool get(json_value from, T& into) {
    std::int64_t millis = 0;
    if constexpr (std::same_as<T, timestamp>) {
      if (from.get(millis)) {
        into = from_millis(millis);
        return true;
      }
    }
    std::string_view text;
    return from.get(text) && decode_text(text, into);
  }
};

template <has_json T>
struct json_form<std::optional<T>> {
  static void put(const std::optional<T>& value, bytes& to) {
    if (value) {
      json_form<T>::put(*value, to);
    } else {
      to += "null";
    }
  }
  static bool get(json_value from, std::optional<T>& into) {
    if (from.is_null()) {
      into.reset();
      return true;
    }
    if (!into) into.emplace();
    return json_form<T>::get(from, *into);
  }
};

template <has_json T>
struct json_form<std::vector<T>> {
  static void put(const std::vector<T>& value, bytes& to) {
    to += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i != 0) to += ',';
      json_form<T>::put(value[i], to);
    }
    to += ']';
  }
  static bool get(json_value from, std::vector<T>& into) {
    if (!from.is_array()) return false;
    into.clear();
    for (std::size_t i = 0; i < from.size(); ++i) {
      T one{};
      if (!json_form<T>::get(from.at(i), one)) return false;
      into.push_back(std::move(one));
    }
    return true;
  }
};

/// An object when the keys have a text form.
template <textual K, has_json V>
struct json_form<std::map<K, V>> {
  static void put(const std::map<K, V>& value, bytes& to) {
    to += '{';
    bool first = true;
    bytes text;
    for (const auto& [k, v] : value) {
      if (!std::exchange(first, false)) to += ',';
      text.clear();
      encode_text(k, text);
      append_json(std::string_view{text}, to);
      to += ':';
      json_form<V>::put(v, to);
    }
    to += '}';
  }
  static bool get(json_value from, std::map<K, V>& into) {
    into.clear();
    return from.is_object() &&
           from.each_member(&into, [](void* context, std::string_view name, json_value value) {
             std::pair<K, V> one{};
             if (!decode_text(name, one.first)) return false;
             if (!json_form<V>::get(value, one.second)) return false;
             static_cast<std::map<K, V>*>(context)->insert(std::move(one));
             return true;
           });
  }
};

/// Pairs and tuples are arrays of a fixed length.
template <has_json... Ts>
struct json_form<std::tuple<Ts...>> {
  static void put(const std::tuple<Ts...>& value, bytes& to) {
    to += '[';
    bool first = true;
    const auto one = [&]<class T>(const T& element) {
      if (!std::exchange(first, false)) to += ',';
      json_form<T>::put(element, to);
    };
    std::apply([&](const Ts&... element) { (one(element), ...); }, value);
    to += ']';
  }
  static bool get(json_value from, std::tuple<Ts...>& into) {
    std::size_t index = 0;
    return from.is_array() && from.size() == sizeof...(Ts) &&
           std::apply(
               [&](Ts&... element) {
                 return (json_form<Ts>::get(from.at(index++), element) && ...);
               },
               into);
  }
};

template <has_json A, has_json B>
struct json_form<std::pair<A, B>> {
  static void put(const std::pair<A, B>& value, bytes& to) {
    to += '[';
    json_form<A>::put(value.first, to);
    to += ',';
    json_form<B>::put(value.second, to);
    to += ']';
  }
  static bool get(json_value from, std::pair<A, B>& into) {
    return from.is_array() && from.size() == 2 && json_form<A>::get(from.at(0), into.first) &&
           json_form<B>::get(from.at(1), into.second);
  }
};

template <described T>
struct json_form<T> {
  static void put(const T& value, bytes& to) {
    to += '{';
    bool first = true;
    each_field<T>([&](const auto& f) {
      if (!std::exchange(first, false)) to += ',';
      append_json(f.name, to);
      to += ':';
      const auto& m = value.*f.member;
      json_form<std::remove_cvref_t<decltype(m)>>::put(m, to);
    });
    to += '}';
  }
  static bool get(json_value from, T& into) {
    if (!from.is_object()) return false;
    into = T{};
    bool fine = true;
    each_field<T>([&](const auto& f) {
      if (!fine) return;
      auto& m = into.*f.member;
      if (const auto found = from.find(f.name)) {
        fine = json_form<std::remove_cvref_t<decltype(m)>>::get(*found, m);
      }
    });
    return fine;
  }
};

template <has_json T>
void encode_json(const T& value, bytes& to) {
  json_form<T>::put(value, to);
}

/// `into` may not borrow: strings are unescaped in the document, which is gone afterwards.
template <has_json T>
bool decode_json(bytes_view from, T& into) {
  const auto document = json_document::parse(from);
  return document && json_form<T>::get(document->root(), into);
}

}  // namespace penstock::detail
