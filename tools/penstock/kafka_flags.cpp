#include "tools/penstock/kafka_flags.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "streams/base/nearest.hpp"

namespace penstock::tool {

namespace {

error wrong(std::string message) {
  return error{errc::invalid_argument, std::move(message)};
}

result<const kafka_flag*> find(std::span<const kafka_flag> known, std::string_view name) {
  const kafka_flag* begins = nullptr;
  for (const auto& each : known) {
    if (each.name == name) return &each;
    if (!each.name.starts_with(name)) continue;
    if (begins != nullptr)
      return wrong(
          fmt::format("--{} is the beginning of --{} and of --{}", name, begins->name, each.name));
    begins = &each;
  }
  if (begins != nullptr) return begins;
  std::vector<std::string> names;
  for (const auto& each : known)
    if (each.instead == nullptr) names.emplace_back(each.name);
  const auto meant = nearest(std::string{name}, names);
  return wrong(fmt::format("--{} is not known here{}", name,
                           meant.empty() ? "" : fmt::format(": did you mean --{}?", meant)));
}

}  // namespace

result<kafka_flags> kafka_flags::parse(std::span<const kafka_flag> known,
                                       const std::vector<std::string>& words) {
  kafka_flags out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const kafka_flag* flag = nullptr;
    std::optional<std::string> value;
    if (word.size() > 2 && word.starts_with("--")) {
      const auto equals = word.find('=');
      if (equals != word.npos) value = std::string{word.substr(equals + 1)};
      PENSTOCK_ASSIGN(flag, find(known, word.substr(2, equals == word.npos ? equals : equals - 2)));
    } else if (word.size() == 2 && word[0] == '-') {
      const auto at = std::find_if(known.begin(), known.end(),
                                   [&](const auto& each) { return each.letter == word[1]; });
      if (at == known.end()) return wrong(fmt::format("{} is not known here", word));
      flag = &*at;
    } else {
      out.words_.emplace_back(word);
      continue;
    }
    if (flag->instead != nullptr)
      return wrong(fmt::format("--{} is not supported: {}", flag->name, flag->instead));
    const bool more = i + 1 < words.size();
    if (!value && more &&
        (flag->what == kafka_flag::takes::value ||
         (flag->what == kafka_flag::takes::maybe && !words[i + 1].starts_with('-')))) {
      value = words[++i];
    }
    if (!value && flag->what == kafka_flag::takes::value)
      return wrong(fmt::format("--{} needs a value", flag->name));
    if (value && flag->what == kafka_flag::takes::nothing)
      return wrong(fmt::format("--{} takes no value", flag->name));
    auto& values = out.values_[std::string{flag->name}];
    if (value) values.push_back(*std::move(value));
  }
  return out;
}

std::string kafka_flags::value(std::string_view name, std::string otherwise) const {
  const auto at = values_.find(name);
  return at == values_.end() || at->second.empty() ? std::move(otherwise) : at->second.back();
}

const std::vector<std::string>& kafka_flags::values(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto at = values_.find(name);
  return at == values_.end() ? none : at->second;
}

result<std::int64_t> kafka_flags::number(std::string_view name, std::int64_t otherwise,
                                         std::int64_t low, std::int64_t high) const {
  const auto text = value(name);
  if (text.empty()) return otherwise;
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || at != end || number < low || number > high)
    return wrong(fmt::format("--{} {}: give a whole number from {} to {}", name, text, low, high));
  return number;
}

result<std::map<std::string, std::string>> kafka_flags::properties(
    std::span<const std::string_view> flags, std::span<const std::string_view> known) const {
  std::map<std::string, std::string> out;
  for (const auto flag : flags) {
    for (const auto& each : values(flag)) {
      const auto equals = each.find('=');
      const auto name = each.substr(0, equals);
      if (equals == each.npos) return wrong(fmt::format("--{} {}: write NAME=VALUE", flag, each));
      if (std::find(known.begin(), known.end(), name) == known.end())
        return wrong(fmt::format("--{} {}: {} is not supported; known are {}", flag, each, name,
                                 fmt::join(known, ", ")));
      out[name] = each.substr(equals + 1);
    }
  }
  return out;
}

}  // namespace penstock::tool
