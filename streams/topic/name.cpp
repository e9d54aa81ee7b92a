#include "streams/topic/name.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace penstock {
namespace {

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// What the error shows: control characters and bytes outside ASCII as \x.., cut when long.
std::string printable(std::string_view name) {
  constexpr std::size_t shown_max = 80;
  std::string text;
  for (char c : name.substr(0, shown_max)) {
    if (c >= ' ' && c <= '~')
      text += c;
    else
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (name.size() > shown_max) text += "…";
  return text;
}

std::string suggestion(std::string_view name) {
  std::string better{name.substr(0, topic_name_length_max)};
  std::replace_if(
      better.begin(), better.end(), [](char c) { return !is_allowed(c); }, '-');
  return better;
}

}  // namespace

result<void> check_topic_name(std::string_view name) {
  if (name.empty())
    return {errc::invalid_topic, "a topic name is empty: give it at least one character"};
  if (name == "." || name == "..")
    return {errc::invalid_topic,
            fmt::format("topic name \"{}\" means a folder: choose another name", name)};
  auto bad = std::find_if_not(name.begin(), name.end(), is_allowed);
  if (bad != name.end())
    return {errc::invalid_topic,
            fmt::format("topic name \"{}\" has '{}' at position {}; only letters, digits, '.', '_' "
                        "and '-' are allowed: \"{}\" would do",
                        printable(name), printable({&*bad, 1}), bad - name.begin(),
                        printable(suggestion(name)))};
  if (name.size() > topic_name_length_max)
    return {errc::invalid_topic, fmt::format("topic name \"{}\" has {} characters: use at most {}",
                                             printable(name), name.size(), topic_name_length_max)};
  return {};
}

bool is_internal_topic(std::string_view name) {
  return name.starts_with("__");
}

}  // namespace penstock
