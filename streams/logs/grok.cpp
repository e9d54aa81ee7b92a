#include "streams/logs/grok.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace penstock::logs {
namespace detail {

namespace {

constexpr std::size_t nesting_max = 32;

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_field(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '@';
  });
}

/// What stands between "%{" and "}".
struct reference {
  std::string_view name;
  std::string_view field;
  std::string_view type;
};

reference take_apart(std::string_view inside) {
  reference one;
  const std::size_t first = inside.find(':');
  one.name = inside.substr(0, first);
  if (first == std::string_view::npos) return one;
  inside.remove_prefix(first + 1);
  const std::size_t second = inside.find(':');
  one.field = inside.substr(0, second);
  if (second != std::string_view::npos) one.type = inside.substr(second + 1);
  return one;
}

std::optional<grok_type> type_of(std::string_view word) {
  if (word.empty() || word == "string") return grok_type::text;
  if (word == "int" || word == "long") return grok_type::integer;
  if (word == "float" || word == "double") return grok_type::floating;
  return std::nullopt;
}

class expander {
 public:
  explicit expander(const grok_patterns& own) : own_(own) {}

  // Appends `text` with every reference replaced. `where` is what people call the text.
  result<void> expand(std::string_view text, const std::string& where) {
    std::size_t at = 0;
    while (true) {
      const std::size_t next = text.find("%{", at);
      out_.pattern += text.substr(at, next == std::string_view::npos ? next : next - at);
      if (out_.pattern.size() > pattern_bytes_max) {
        return error{
            errc::invalid_argument,
            fmt::format("the grok pattern has more than {} bytes when everything is put in",
                        pattern_bytes_max)};
      }
      if (next == std::string_view::npos) return {};
      const std::size_t end = text.find('}', next);
      if (end == std::string_view::npos) {
        return wrong(where, next, "\"%{\" without its \"}\"");
      }
      PENSTOCK_TRY(refer(text.substr(next + 2, end - next - 2), where, next));
      at = end + 1;
    }
  }

  grok_expansion take() {
    for (const grok_field& one : out_.fields) {
      if (std::find(outer_.begin(), outer_.end(), one.name) == outer_.end()) {
        out_.nested.push_back(one.name);
      }
    }
    return std::move(out_);
  }

 private:
  static error wrong(const std::string& where, std::size_t at, std::string_view what) {
    return error{errc::invalid_argument,
                 fmt::format("{} at character {} of {}", what, at + 1, where)};
  }

  const std::string* definition(std::string_view name) const {
    if (const auto mine = own_.find(name); mine != own_.end()) return &mine->second;
    const auto usual = usual_grok_patterns().find(name);
    return usual == usual_grok_patterns().end() ? nullptr : &usual->second;
  }

  result<void> refer(std::string_view inside, const std::string& where, std::size_t at) {
    const reference one = take_apart(inside);
    const std::string* meaning = definition(one.name);
    if (meaning == nullptr) {
      return wrong(where, at, fmt::format("unknown grok pattern \"{}\"", one.name));
    }
    if (std::find(open_.begin(), open_.end(), one.name) != open_.end() ||
        open_.size() >= nesting_max) {
      return wrong(where, at,
                   fmt::format("the grok pattern \"{}\" uses itself ({} > {})", one.name,
                               fmt::join(open_, " > "), one.name));
    }
    PENSTOCK_TRY(begin_group(one, where, at));
    open_.push_back(one.name);
    PENSTOCK_TRY(expand(*meaning, fmt::format("the grok pattern \"{}\"", one.name)));
    open_.pop_back();
    out_.pattern += ')';
    return {};
  }

  result<void> begin_group(const reference& one, const std::string& where, std::size_t at) {
    if (one.field.empty()) {
      out_.pattern += "(?:";
      return {};
    }
    const auto type = type_of(one.type);
    if (!is_field(one.field) || !type) {
      return wrong(where, at,
                   !type ? fmt::format("unknown type \"{}\" (int, float or string)", one.type)
                         : fmt::format("\"{}\" is no name for a field", one.field));
    }
    const std::string group = fmt::format("penstock_{}", out_.groups.size());
    out_.pattern += "(?P<" + group + ">";
    out_.groups.push_back({group, std::string{one.field}});
    if (open_.empty()) outer_.emplace_back(one.field);
    const auto known =
        std::find_if(out_.fields.begin(), out_.fields.end(),
                     [&](const grok_field& other) { return other.name == one.field; });
    if (known == out_.fields.end()) {
      out_.fields.push_back({std::string{one.field}, *type});
    } else if (known->type == grok_type::text) {
      known->type = *type;
    }
    return {};
  }

  const grok_patterns& own_;
  grok_expansion out_;
  std::vector<std::string> outer_;      // fields that the pattern itself names
  std::vector<std::string_view> open_;  // the definitions that are being put in
};

}  // namespace

result<grok_expansion> expand_grok(std::string_view pattern, const grok_patterns& own) {
  for (const auto& [name, meaning] : own) {
    if (is_name(name)) continue;
    return error{
        errc::invalid_argument,
        fmt::format("the grok pattern's name \"{}\" must be of letters, digits and '_'", name)};
  }
  expander all{own};
  PENSTOCK_TRY(all.expand(pattern, fmt::format("the pattern \"{}\"", pattern)));
  return all.take();
}

result<void> check_types(const grok_expansion& expansion, std::string_view member, bool integral,
                         bool floating) {
  for (const grok_field& one : expansion.fields) {
    if (one.name != member) continue;
    const bool fits = one.type == grok_type::text ||
                      (one.type == grok_type::integer && (integral || floating)) ||
                      (one.type == grok_type::floating && floating);
    if (fits) continue;
    return error{errc::invalid_argument,
                 fmt::format("the field \"{}\" is :{}, and the member of that name is not",
                             one.name, one.type == grok_type::integer ? "int" : "float")};
  }
  return {};
}

result<compiled_grok> compile_grok(std::string_view pattern, const grok_patterns& own) {
  PENSTOCK_ASSIGN(grok_expansion expansion, expand_grok(pattern, own));
  auto matcher = group_matcher::make("the grok pattern", expansion.pattern, expansion.groups);
  if (!matcher) {
    return std::move(matcher).error().with_context(fmt::format("\"{}\"", pattern));
  }
  matcher->call_it(fmt::format("the grok pattern \"{}\"", pattern));
  return compiled_grok{*std::move(matcher), std::move(expansion)};
}

}  // namespace detail

result<fields> grok_fields::operator()(std::string_view line) const {
  if (!held_) return held_.error();
  std::array<std::string_view, detail::groups_max> found;
  const detail::group_matcher& matcher = held_->matcher;
  if (!matcher.match(line, found.data())) return matcher.no_match();
  const std::vector<std::string>& names = matcher.fields();
  fields made;
  made.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (found[i].data() != nullptr) made.add(names[i], std::string{found[i]});
  }
  for (const detail::grok_field& one : held_->expansion.fields) {
    const std::string* text = made.find(one.name);
    if (text == nullptr || one.type == detail::grok_type::text) continue;
    const bool fits = one.type == detail::grok_type::integer
                          ? made.get<std::int64_t>(one.name).has_value()
                          : made.get<double>(one.name).has_value();
    if (!fits) {
      return detail::wrong_text(one.name, *text,
                                one.type == detail::grok_type::integer ? "int" : "float");
    }
  }
  return made;
}

result<grok_patterns> read_grok_patterns(std::string_view text) {
  grok_patterns read;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t name_end = std::min(line.find_first_of(" \t"), line.size());
    const std::size_t meaning = line.find_first_not_of(" \t", name_end);
    const std::string_view name = line.substr(0, name_end);
    if (!detail::is_name(name) || meaning == std::string_view::npos) {
      return error{
          errc::invalid_argument,
          fmt::format("line {} of the grok patterns is not a name and a definition: \"{}\"", number,
                      line)};
    }
    if (!read.emplace(name, line.substr(meaning)).second) {
      return error{errc::invalid_argument,
                   fmt::format("line {} of the grok patterns defines \"{}\" again", number, name)};
    }
  }
  return read;
}

}  // namespace penstock::logs
