// Lines taken apart by named patterns, as Logstash users know them: `%{IPORHOST:client}` is the
// pattern IPORHOST, kept as the field `client`. The names are the usual ones; the definitions are
// Penstock's own, for RE2, in grok_patterns.cpp. Used in `try_map`; expanded and compiled when the
// topology is built, and a mistake is a problem of the topology.
//
// In a pattern everything else is a regular expression as streams/logs/regex.hpp takes it, named
// groups included; it is found anywhere in the line unless it says `^` and `$`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/logs/fields.hpp"
#include "streams/logs/regex.hpp"

namespace penstock::logs {

/// Patterns of one's own, or others for the usual names: name -> definition, which may use
/// `%{NAME}` in turn. `{{"QUEUE", "[0-9A-F]{10,11}"}}`
using grok_patterns = std::map<std::string, std::string, std::less<>>;

/// The usual names and what they stand for, sorted.
const grok_patterns& usual_grok_patterns();

/// Reads the form in which pattern files are written: a line has a name, spaces, a definition;
/// empty lines and those that begin with `#` are skipped. Errors (invalid_argument) name the line.
result<grok_patterns> read_grok_patterns(std::string_view text);

namespace detail {

enum class grok_type : std::uint8_t { text, integer, floating };

struct grok_field {
  std::string name;
  grok_type type = grok_type::text;
};

/// A grok pattern with everything put in: what RE2 gets.
struct grok_expansion {
  std::string pattern;
  std::vector<group_field> groups;
  std::vector<grok_field> fields;   // in order, each name once
  std::vector<std::string> nested;  // fields that come from definitions only
};

/// Errors (invalid_argument): an unknown name or type, a definition that uses itself, more text
/// than a pattern may have; they name it and its place.
result<grok_expansion> expand_grok(std::string_view pattern, const grok_patterns& own);

/// What the fields of a pattern may go into: `:int` into integers, `:float` into floating point.
result<void> check_types(const grok_expansion& expansion, std::string_view member, bool integral,
                         bool floating);

struct compiled_grok {
  group_matcher matcher;
  grok_expansion expansion;
};
result<compiled_grok> compile_grok(std::string_view pattern, const grok_patterns& own);

}  // namespace detail

/// `grok<hit>("^%{IPORHOST:client} %{NUMBER:status:int}")`: the struct has PENSTOCK_FIELDS, each
/// member a field of the pattern and each field a member. Of the fields that a usual pattern brings
/// along (COMBINEDAPACHELOG has eleven) those without a member are left out.
template <described T>
class grok {
 public:
  explicit grok(std::string_view pattern, const grok_patterns& own = {})
      : matcher_(make(pattern, own)) {}

  result<T> operator()(std::string_view line) const {
    if (!matcher_) [[unlikely]]
      return matcher_.error();
    return detail::extract<T>(*matcher_, line);
  }

  /// What is wrong with the pattern; empty when it can be used.
  std::string problem() const { return matcher_ ? std::string{} : matcher_.error().message(); }

 private:
  static result<detail::group_matcher> make(std::string_view pattern, const grok_patterns& own) {
    PENSTOCK_ASSIGN(detail::compiled_grok made, detail::compile_grok(pattern, own));
    PENSTOCK_TRY(made.matcher.arrange(detail::member_names<T>(), made.expansion.nested));
    error wrong;
    penstock::detail::each_field<T>([&](const auto& one) {
      using member = typename penstock::detail::optional_inner<
          std::remove_cvref_t<decltype(std::declval<T&>().*one.member)>>::type;
      auto fits = detail::check_types(made.expansion, one.name, std::integral<member>,
                                      std::floating_point<member>);
      if (!fits && !wrong) wrong = std::move(fits).error();
    });
    if (wrong) return wrong;
    return std::move(made.matcher);
  }

  result<detail::group_matcher> matcher_;
};

/// The same without a struct: every field that took part, in the order of the pattern. The text of
/// `:int` and `:float` fields must be such numbers.
class grok_fields {
 public:
  explicit grok_fields(std::string_view pattern, const grok_patterns& own = {})
      : held_(detail::compile_grok(pattern, own)) {}

  result<fields> operator()(std::string_view line) const;
  std::string problem() const { return held_ ? std::string{} : held_.error().message(); }

 private:
  result<detail::compiled_grok> held_;
};

}  // namespace penstock::logs
