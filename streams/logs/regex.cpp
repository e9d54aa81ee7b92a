#include "streams/logs/regex.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

namespace penstock::logs {
namespace detail {

namespace {

constexpr std::size_t shown_max = 120;

// As much of a text as a message should have.
std::string_view shown(std::string_view text) {
  return text.substr(0, shown_max);
}

// Never null: to RE2 a null text is a group that took no part.
std::string_view without_line_end(std::string_view line) {
  if (line.data() == nullptr) return "";
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

result<group_matcher> group_matcher::make(std::string_view what, std::string_view pattern,
                                          const std::vector<group_field>& renamed) {
  group_matcher made;
  made.called_ = fmt::format("{} \"{}\"", what, shown(pattern));
  PENSTOCK_ASSIGN(made.pattern_, compile_pattern(what, pattern));
  const auto& names = made.pattern_->CapturingGroupNames();
  if (names.empty()) {
    return error{errc::invalid_argument,
                 fmt::format("{} \"{}\" has no named group, such as (?P<status>\\d+)", what,
                             shown(pattern))};
  }
  if (static_cast<std::size_t>(made.pattern_->NumberOfCapturingGroups()) > groups_max) {
    return error{
        errc::invalid_argument,
        fmt::format("{} \"{}\" has {} groups; {} may be: write (?:…) where nothing is "
                    "taken",
                    what, shown(pattern), made.pattern_->NumberOfCapturingGroups(), groups_max)};
  }
  for (const auto& group : names) {
    const int number = group.first;
    const std::string& name = group.second;  // a binding could not be captured by clang 14
    const auto alias = std::find_if(renamed.begin(), renamed.end(),
                                    [&](const group_field& one) { return one.group == name; });
    const std::string& field = alias == renamed.end() ? name : alias->field;
    const auto known = std::find(made.fields_.begin(), made.fields_.end(), field);
    const auto at = static_cast<std::size_t>(known - made.fields_.begin());
    if (known == made.fields_.end()) made.fields_.push_back(field);
    made.places_.push_back({number, at});
    made.captured_ = std::max(made.captured_, number + 1);
  }
  return made;
}

result<void> group_matcher::arrange(const std::vector<std::string_view>& members,
                                    const std::vector<std::string>& spare) {
  for (const std::string_view member : members) {
    if (holds(fields_, member)) continue;
    return error{errc::invalid_argument,
                 fmt::format("{} has no group for the member \"{}\"", called_, member)};
  }
  std::vector<place> kept;
  int captured = 0;
  for (const place& one : places_) {
    const std::string& field = fields_[one.field];
    const auto member = std::find(members.begin(), members.end(), field);
    if (member == members.end()) {
      if (holds(spare, field)) continue;
      return error{
          errc::invalid_argument,
          fmt::format("{} has a group \"{}\", and the struct no such member", called_, field)};
    }
    kept.push_back({one.group, static_cast<std::size_t>(member - members.begin())});
    captured = std::max(captured, one.group + 1);
  }
  places_ = std::move(kept);
  captured_ = captured;
  fields_.assign(members.begin(), members.end());
  return {};
}

bool group_matcher::match(std::string_view line, std::string_view* found) const {
  line = without_line_end(line);
  re2::StringPiece groups[groups_max + 1];
  const bool matches = pattern_->Match(re2::StringPiece{line.data(), line.size()}, 0, line.size(),
                                       re2::RE2::UNANCHORED, groups, captured_);
  if (!matches) return false;
  for (const place& one : places_) {
    const re2::StringPiece& group = groups[one.group];
    if (group.data() == nullptr || found[one.field].data() != nullptr) continue;
    found[one.field] = {group.data(), group.size()};
  }
  return true;
}

error group_matcher::no_match() const {
  return error{errc::bad_record, fmt::format("{} is not found in it", called_)};
}

error wrong_text(std::string_view field, std::string_view text, std::string_view wanted) {
  return error{errc::bad_record,
               fmt::format("\"{}\" is \"{}\", which is no {}", field, shown(text), wanted)};
}

error missing_text(std::string_view field) {
  return error{errc::bad_record,
               fmt::format("\"{}\" is not in it; a std::optional may be empty", field)};
}

}  // namespace detail

result<fields> regex_fields::operator()(std::string_view line) const {
  if (!matcher_) return matcher_.error();
  std::array<std::string_view, detail::groups_max> found;
  if (!matcher_->match(line, found.data())) return matcher_->no_match();
  fields made;
  const std::vector<std::string>& names = matcher_->fields();
  made.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (found[i].data() != nullptr) made.add(names[i], std::string{found[i]});
  }
  return made;
}

}  // namespace penstock::logs
