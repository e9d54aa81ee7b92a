// A line taken apart by a regular expression: its named groups fill a struct, member by member, or
// `logs::fields`. Used in `try_map`; compiled when the topology is built, and a mistake in the
// pattern is a problem of the topology.
//
// Patterns are RE2's: linear time, no look-around, no back-references. They are found anywhere in
// the line unless they say `^` and `$`, and one that begins with `^` is much the fastest. A newline
// and a carriage return at the end of the line are not seen. In an event of several lines `.` stops
// at a newline; `(?s)` in front of the pattern lets it go on.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/logs/fields.hpp"
#include "streams/logs/pattern.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/fields.hpp"
#include "streams/record/serde.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock::logs {

namespace detail {

/// A pattern may have this many groups.
inline constexpr std::size_t groups_max = 64;

/// A named group of a pattern and the field that it fills. The number is of its parenthesis.
struct group_field {
  std::string group;
  std::string field;
};

/// A compiled pattern whose named groups have places in a list of fields. Immutable.
class group_matcher {
 public:
  /// Fields are the names of the groups, in their order; for the groups that `renamed` lists, the
  /// field given there. Several groups may fill one field: the first that took part does.
  /// Errors (invalid_argument): the pattern's, none or too many groups.
  static result<group_matcher> make(std::string_view what, std::string_view pattern,
                                    const std::vector<group_field>& renamed = {});

  /// Puts the fields into the order of `members`. Errors (invalid_argument): a member without a
  /// group; a field without a member, unless `spare` lists it, which then is not taken.
  result<void> arrange(const std::vector<std::string_view>& members,
                       const std::vector<std::string>& spare = {});

  const std::vector<std::string>& fields() const { return fields_; }

  /// Finds the pattern. `found` has a null text for each of `fields()` and gets those that took
  /// part, pointing into `line`.
  bool match(std::string_view line, std::string_view* found) const;

  /// What messages call it from now on, instead of "the pattern "…"".
  void call_it(std::string name) { called_ = std::move(name); }

  /// What to say of a line in which the pattern is not found.
  error no_match() const;

 private:
  struct place {
    int group = 0;
    std::size_t field = 0;
  };

  std::string called_;
  compiled_pattern pattern_;
  std::vector<std::string> fields_;
  std::vector<place> places_;
  int captured_ = 0;  // groups up to the last that has a place, the whole match included
};

error wrong_text(std::string_view field, std::string_view text, std::string_view wanted);
error missing_text(std::string_view field);

/// What a group's text can become: numbers, strings, bool, times, and optionals of them.
template <class M>
concept group_member = textual<typename penstock::detail::optional_inner<M>::type>;

/// The text of a group as a member's value. A group that took no part leaves an optional empty and
/// a string "", and is an error for everything else.
template <group_member M>
error take_text(std::string_view field, std::string_view text, M& into) {
  if constexpr (penstock::detail::is_optional<M>::value) {
    if (text.data() == nullptr) return {};
    return take_text(field, text, into.emplace());
  } else if constexpr (string_like<M>) {
    into = M{text};
    return {};
  } else {
    if (text.data() == nullptr) return missing_text(field);
    if constexpr (std::same_as<M, timestamp>) {
      auto time = parse_time(text);
      if (!time) return std::move(time).error().with_context("\"" + std::string{field} + "\"");
      into = *time;
      return {};
    } else {
      if (!decode_text(text, into)) return wrong_text(field, text, serde<M>::name());
      return {};
    }
  }
}

template <described T>
std::vector<std::string_view> member_names() {
  std::vector<std::string_view> names;
  penstock::detail::each_field<T>([&](const auto& one) { names.push_back(one.name); });
  return names;
}

template <described T>
inline constexpr std::size_t member_count =
    std::tuple_size_v<std::remove_cvref_t<decltype(penstock::detail::fields_of<T>)>>;

/// The fields of a line as a T; `matcher` is arranged for T.
template <described T>
result<T> extract(const group_matcher& matcher, std::string_view line) {
  std::array<std::string_view, member_count<T>> found;
  if (!matcher.match(line, found.data())) return matcher.no_match();
  T made{};
  error bad;
  std::size_t next = 0;
  penstock::detail::each_field<T>([&](const auto& one) {
    using member = std::remove_reference_t<decltype(made.*one.member)>;
    static_assert(group_member<member>,
                  "a member of this struct cannot be filled from text: use numbers, strings, bool, "
                  "timestamp, duration, enumerations, or optionals of them");
    const std::string_view text = found[next++];
    if (!bad) bad = take_text(one.name, text, made.*one.member);
  });
  if (bad) return bad;
  return made;
}

}  // namespace detail

/// `regex<hit>("^(?P<client>\\S+) (?P<status>\\d+)")`: the struct has PENSTOCK_FIELDS, each member
/// a group of its name and each named group a member. `(?<name>…)` is understood too. Numbers that
/// do not fit, times in no known form (streams/logs/timestamp.hpp) and lines without the pattern
/// are bad records. Members of type std::string_view borrow from the line.
template <described T>
class regex {
 public:
  explicit regex(std::string_view pattern)
      : matcher_(detail::group_matcher::make("the pattern", pattern)) {
    if (!matcher_) return;
    if (auto fits = matcher_->arrange(detail::member_names<T>()); !fits) {
      matcher_ = std::move(fits).error();
    }
  }

  result<T> operator()(std::string_view line) const {
    if (!matcher_) [[unlikely]]
      return matcher_.error();
    return detail::extract<T>(*matcher_, line);
  }

  /// What is wrong with the pattern; empty when it can be used.
  std::string problem() const { return matcher_ ? std::string{} : matcher_.error().message(); }

 private:
  result<detail::group_matcher> matcher_;
};

/// The same without a struct: every named group that took part, in the order of the pattern.
class regex_fields {
 public:
  explicit regex_fields(std::string_view pattern)
      : matcher_(detail::group_matcher::make("the pattern", pattern)) {}

  result<fields> operator()(std::string_view line) const;
  std::string problem() const { return matcher_ ? std::string{} : matcher_.error().message(); }

 private:
  result<detail::group_matcher> matcher_;
};

}  // namespace penstock::logs
