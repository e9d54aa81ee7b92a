// The command lines of Kafka's scripts: `--name value`, `--name=value`, beginnings of names as far
// as they are unique. What a script knows and Penstock does not do is refused by name, with what
// does it instead; nothing is ignored silently.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/result.hpp"

namespace penstock::tool {

struct kafka_flag {
  enum class takes : std::uint8_t { nothing, value, maybe };
  std::string_view name;
  takes what = takes::nothing;
  const char* instead = nullptr;  // set: refused, with these words
  char letter = '\0';             // -t for --topic, where the script has such
};

class kafka_flags {
 public:
  /// `invalid_argument` for a flag that is unknown or refused, or has no value.
  static result<kafka_flags> parse(std::span<const kafka_flag> known,
                                   const std::vector<std::string>& words);

  bool has(std::string_view name) const { return values_.contains(name); }

  /// The last that was given; `otherwise` when there is none.
  std::string value(std::string_view name, std::string otherwise = {}) const;
  const std::vector<std::string>& values(std::string_view name) const;

  /// A whole number within bounds; `invalid_argument` naming the flag.
  result<std::int64_t> number(std::string_view name, std::int64_t otherwise, std::int64_t low,
                              std::int64_t high) const;

  /// Words that belong to no flag.
  const std::vector<std::string>& words() const { return words_; }

  /// Of a flag whose values are NAME=VALUE (`--property`): those names and values. `known` are the
  /// names that are carried out; `invalid_argument` for others.
  result<std::map<std::string, std::string>> properties(
      std::span<const std::string_view> flags, std::span<const std::string_view> known) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> words_;
};

}  // namespace penstock::tool
