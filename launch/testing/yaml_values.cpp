#include "launch/testing/yaml_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "streams/base/nearest.hpp"
#include "streams/record/written_time.hpp"

namespace penstock::testing {

namespace {

constexpr int nesting_max = 64;
constexpr std::size_t values_max = 1'000'000;  // aliases of aliases make a small file a huge value

template <class T>
bool whole_number(std::string_view text, T& into) {
  const auto* end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, into);
  return failure == std::errc{} && at == end && !text.empty();
}

nlohmann::json plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  if (std::uint64_t natural = 0; whole_number(text, natural)) return natural;
  if (std::int64_t whole = 0; whole_number(text, whole)) return whole;
  const char first = text.front() == '-' || text.front() == '.' ? '0' : text.front();
  if (double real = 0; first >= '0' && first <= '9' && whole_number(text, real)) {
    if (std::isfinite(real)) return real;
  }
  return text;
}

nlohmann::json json_at(const YAML::Node& node, int depth, std::size_t& left) {
  if (depth > nesting_max) refuse(node, fmt::format("nested deeper than {}", nesting_max));
  if (left == 0) refuse(node, fmt::format("more than {} values in one", values_max));
  --left;
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      if (node.Tag() != "?") return node.Scalar();
      return plain_scalar(node.Scalar());
    case YAML::NodeType::Sequence: {
      auto list = nlohmann::json::array();
      for (const auto& one : node) list.push_back(json_at(one, depth + 1, left));
      return list;
    }
    case YAML::NodeType::Map: {
      auto map = nlohmann::json::object();
      for (const auto& one : node) {
        const auto name = text_in(one.first, "the name of a field");
        if (map.contains(name)) refuse(one.first, fmt::format("\"{}\" stands here twice", name));
        map[name] = json_at(one.second, depth + 1, left);
      }
      return map;
    }
    default:
      return nullptr;
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) all += i + 1 == names.size() ? " and " : ", ";
    all += names[i];
  }
  return all;
}

}  // namespace

place place_of(const YAML::Node& node) {
  const auto mark = node.Mark();
  return mark.is_null() ? place{} : place{mark.line + 1, mark.column + 1};
}

void refuse(const YAML::Node& node, const std::string& what) {
  throw wrong_file{place_of(node), what};
}

std::string offer(const std::string& wanted, const std::vector<std::string>& known) {
  if (known.empty()) return "there are none";
  const auto meant = nearest(wanted, known);
  if (!meant.empty()) return fmt::format("did you mean \"{}\"?", meant);
  return fmt::format("there {} {}", known.size() == 1 ? "is" : "are", joined(known));
}

yaml_map::yaml_map(const YAML::Node& node, std::string what, const std::vector<std::string>& words)
    : node_(node), what_(std::move(what)) {
  if (!node.IsMap()) {
    refuse(node, fmt::format("{} must be a map with the words {}", what_, joined(words)));
  }
  std::set<std::string> seen;
  for (const auto& one : node) {
    const auto word = text_in(one.first, "a word");
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      refuse(one.first, fmt::format("{} has no word \"{}\": {}", what_, word, offer(word, words)));
    }
    if (!seen.insert(word).second) {
      refuse(one.first, fmt::format("\"{}\" stands twice in {}", word, what_));
    }
  }
}

YAML::Node yaml_map::find(std::string_view word) const {
  for (const auto& one : node_) {
    if (one.first.Scalar() == word) return one.second;
  }
  return YAML::Node{YAML::NodeType::Undefined};
}

YAML::Node yaml_map::need(const std::string& word) const {
  auto found = find(word);
  if (!found.IsDefined()) refuse(node_, fmt::format("{} needs \"{}\"", what_, word));
  return found;
}

std::string text_in(const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar()) refuse(node, fmt::format("{} must be text", what));
  return node.Scalar();
}

std::uint64_t whole_in(const YAML::Node& node, std::string_view what, std::uint64_t least,
                       std::uint64_t most) {
  std::uint64_t value = 0;
  if (!node.IsScalar() || !whole_number(node.Scalar(), value) || value < least || value > most) {
    refuse(node, most == UINT64_MAX
                     ? fmt::format("{} must be a whole number, {} or more", what, least)
                     : fmt::format("{} must be a whole number from {} to {}", what, least, most));
  }
  return value;
}

timestamp time_in(const YAML::Node& node) {
  const auto time = node.IsScalar() ? written_time(node.Scalar()) : std::nullopt;
  if (!time) {
    refuse(node, "must be a time: 2026-03-01, 2026-03-01T12:00:00Z or milliseconds since 1970");
  }
  return *time;
}

duration duration_in(const YAML::Node& node) {
  const auto length = node.IsScalar() ? written_duration(node.Scalar()) : std::nullopt;
  if (!length)
    refuse(node, "must be a duration of at most a century, such as 500ms, 30s, 1min, 2h or 1d");
  return *length;
}

std::vector<YAML::Node> list_in(const YAML::Node& node, std::string_view what) {
  if (!node.IsSequence()) refuse(node, fmt::format("{} must be a list", what));
  return {node.begin(), node.end()};
}

nlohmann::json json_in(const YAML::Node& node) {
  std::size_t left = values_max;
  return json_at(node, 0, left);
}

std::optional<bytes> binary_in(const YAML::Node& node) {
  if (!node.IsScalar() || node.Tag() != "tag:yaml.org,2002:binary") return std::nullopt;
  const auto decoded = YAML::DecodeBase64(node.Scalar());
  if (decoded.empty() && !node.Scalar().empty()) refuse(node, "is not base64");
  return bytes{decoded.begin(), decoded.end()};
}

}  // namespace penstock::testing
