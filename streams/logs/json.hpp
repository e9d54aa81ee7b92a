// Lines of JSON, one object each. Steps for `try_map`:
//   t.from(lines).try_map("parse", logs::json)             every member, as `fields`
//   t.from(lines).try_map("parse", logs::json_as<order>)   the members that a struct names
// The parser, simdjson, is out of sight in the source file.
#pragma once

#include <bitset>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/logs/fields.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/fields.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock::logs {

/// What a document may be. Beyond it a line is refused, before it takes memory or stack.
struct json_limits {
  static constexpr std::size_t bytes = std::size_t{16} << 20;
  static constexpr std::size_t depth = 64;
  static constexpr std::size_t fields = 4096;
  static constexpr std::size_t name_bytes = 1024;  // of a name with those of what it is in
};

/// All members of one object, in its order. Objects and arrays inside are laid flat: `a.b`, and by
/// position `a.0`; empty ones are "{}" and "[]". Texts are unescaped, numbers are the shortest
/// digits that read back alike, null is empty.
///
/// Fails on what is not one whole JSON object in UTF-8, on a number beyond 64 bits or a double, on
/// NaN, on a name that stands there twice (laid flat), and beyond `json_limits`.
result<fields> read_json(std::string_view line);

namespace detail {

/// A value in a document that is being read; valid while the reader's function runs.
class json_node {
 public:
  json_node();

  bool is_null() const;
  bool get(bool& into) const;
  bool get(std::int64_t& into) const;   // whole numbers in its range
  bool get(std::uint64_t& into) const;  // the same
  bool get(double& into) const;         // any number
  bool get(std::string_view& into) const;

  /// Calls `f(context, name, value)` or `f(context, value)` until it returns false; then, or when
  /// this is no object or array, returns false.
  bool each_member(void* context, bool (*f)(void*, std::string_view, json_node)) const;
  bool each_element(void* context, bool (*f)(void*, json_node)) const;
  bool is_object() const;
  bool is_array() const;

  /// "a text", "null", "an object" …
  std::string_view kind() const;

 private:
  friend struct json_access;
  alignas(8) unsigned char held_[16];
};

/// What is wrong, and in which member; the path is put together on the way out.
struct json_problem {
  std::string path;
  std::string what;

  void inside(std::string_view name);
  bool wanted(std::string_view what_is_wanted, const json_node& found);  // false, always
};

/// Lays `from` flat behind `prefix` into `into`.
bool flatten(json_node from, std::string& prefix, fields& into, json_problem& problem);

/// Parses, calls `f(context, root)`, and gives the problem that it reports by false.
result<void> with_json(std::string_view line, void* context,
                       bool (*f)(void*, json_node, json_problem&));

template <class T>
struct json_member;  // no definition: json_as cannot read a member of this type

template <class T>
requires(std::is_arithmetic_v<T> || std::is_enum_v<T> ||
         std::same_as<T, duration>) struct json_member<T> {
  static bool read(json_node from, T& into, json_problem& problem) {
    if constexpr (std::same_as<T, bool>) {
      return from.get(into) || problem.wanted("true or false", from);
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      if (!json_member<std::underlying_type_t<T>>::read(from, number, problem)) return false;
      into = static_cast<T>(number);
      return true;
    } else if constexpr (std::same_as<T, duration>) {
      std::int64_t count = 0;
      if (!from.get(count)) return problem.wanted("a whole number of milliseconds", from);
      into = duration{count};
      return true;
    } else if constexpr (std::floating_point<T>) {
      double wide = 0;
      if (!from.get(wide)) return problem.wanted("a number", from);
      into = static_cast<T>(wide);
      return true;
    } else {
      penstock::detail::widest<T> wide{};
      if (from.get(wide) && penstock::detail::narrow(wide, into)) return true;
      return problem.wanted("a whole number from " + std::to_string(std::numeric_limits<T>::min()) +
                                " to " + std::to_string(std::numeric_limits<T>::max()),
                            from);
    }
  }
};

template <>
struct json_member<std::string> {
  static bool read(json_node from, std::string& into, json_problem& problem) {
    std::string_view text;
    if (!from.get(text)) return problem.wanted("a text", from);
    into = text;
    return true;
  }
};

/// A text as `parse_time` reads it, or a number as `epoch_time` does.
template <>
struct json_member<timestamp> {
  static bool read(json_node from, timestamp& into, json_problem& problem);
};

template <>
struct json_member<fields> {
  static bool read(json_node from, fields& into, json_problem& problem);
};

template <class T>
struct json_member<std::optional<T>> {
  static bool read(json_node from, std::optional<T>& into, json_problem& problem) {
    into.reset();
    return from.is_null() || json_member<T>::read(from, into.emplace(), problem);
  }
};

template <class T>
struct json_member<std::vector<T>> {
  static bool read(json_node from, std::vector<T>& into, json_problem& problem) {
    if (!from.is_array()) return problem.wanted("a list", from);
    into.clear();
    struct {
      std::vector<T>& into;
      json_problem& problem;
    } state{into, problem};
    return from.each_element(&state, [](void* context, json_node value) {
      auto& s = *static_cast<decltype(state)*>(context);
      T one{};
      if (!json_member<T>::read(value, one, s.problem)) {
        s.problem.inside(std::to_string(s.into.size()));
        return false;
      }
      s.into.push_back(std::move(one));
      return true;
    });
  }
};

template <textual K, class V>
struct json_member<std::map<K, V>> {
  static bool read(json_node from, std::map<K, V>& into, json_problem& problem) {
    if (!from.is_object()) return problem.wanted("an object", from);
    into.clear();
    struct {
      std::map<K, V>& into;
      json_problem& problem;
    } state{into, problem};
    return from.each_member(&state, [](void* context, std::string_view name, json_node value) {
      auto& s = *static_cast<decltype(state)*>(context);
      std::pair<K, V> one{};
      if (!decode_text(name, one.first)) {
        s.problem.what = "its name cannot be the key";
      } else if (json_member<V>::read(value, one.second, s.problem)) {
        if (s.into.insert(std::move(one)).second) return true;
        s.problem.what = "stands there twice";
      }
      s.problem.inside(name);
      return false;
    });
  }
};

template <described T>
struct json_member<T> {
  static bool read(json_node from, T& into, json_problem& problem) {
    if (!from.is_object()) return problem.wanted("an object", from);
    into = T{};
    state all{into, problem, {}};
    return from.each_member(&all, &member);
  }

 private:
  static constexpr std::size_t count =
      std::tuple_size_v<std::remove_cvref_t<decltype(penstock::detail::fields_of<T>)>>;
  struct state {
    T& into;
    json_problem& problem;
    std::bitset<count> seen;
  };

  static bool member(void* context, std::string_view name, json_node value) {
    auto& s = *static_cast<state*>(context);
    bool fine = true;
    std::size_t index = 0;
    penstock::detail::each_field<T>([&](const auto& f) {
      const std::size_t here = index++;
      if (f.name != name) return;
      auto& m = s.into.*f.member;
      if (s.seen.test(here)) {
        s.problem.what = "stands there twice";
        fine = false;
      } else {
        s.seen.set(here);
        fine = json_member<std::remove_cvref_t<decltype(m)>>::read(value, m, s.problem);
      }
      if (!fine) s.problem.inside(name);
    });
    return fine;
  }
};

struct json_parser {
  result<fields> operator()(std::string_view line) const { return read_json(line); }
};

template <described T>
struct json_struct_parser {
  result<T> operator()(std::string_view line) const {
    T made{};
    PENSTOCK_TRY(with_json(line, &made, [](void* into, json_node root, json_problem& problem) {
      return json_member<T>::read(root, *static_cast<T*>(into), problem);
    }));
    return made;
  }
};

}  // namespace detail

/// The steps. `json_as<T>` reads the members that PENSTOCK_FIELDS names into a T: numbers,
/// booleans, texts, times (in any form of `parse_time`, or since the epoch), optional, lists, maps,
/// structs and `fields`. It ignores members that it does not know, leaves those that are missing as
/// T has them, and refuses a member of a wrong type or out of its range with its path: "member
/// 'customer.id' is a text, wanted a whole number from 0 to 4294967295".
inline constexpr detail::json_parser json{};
template <described T>
inline constexpr detail::json_struct_parser<T> json_as{};

}  // namespace penstock::logs
