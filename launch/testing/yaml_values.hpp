// Values in a YAML file with the place where they stand, so that whatever is wrong with them can be
// said with file, line and column. Under the reader of test files; nothing else sees yaml-cpp.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/time.hpp"

namespace penstock::testing {

/// Counted from 1; 0: nowhere in particular.
struct place {
  int line = 0;
  int column = 0;
};

/// Thrown by everything below, caught where the file is opened.
struct wrong_file : std::runtime_error {
  wrong_file(place where, const std::string& what) : std::runtime_error(what), at(where) {}
  place at;
};

place place_of(const YAML::Node& node);
[[noreturn]] void refuse(const YAML::Node& node, const std::string& what);

/// "there are a, b and c", or "did you mean b?" when one is near.
std::string offer(const std::string& wanted, const std::vector<std::string>& known);

/// A map of which every word must be known and stand there once. `what` is for messages: "a test".
class yaml_map {
 public:
  yaml_map(const YAML::Node& node, std::string what, const std::vector<std::string>& words);

  /// The value behind a word; not defined when the word is not there.
  YAML::Node find(std::string_view word) const;
  YAML::Node need(const std::string& word) const;
  bool has(std::string_view word) const { return find(word).IsDefined(); }
  const YAML::Node& node() const { return node_; }

 private:
  YAML::Node node_;
  std::string what_;
};

/// The text of a scalar.
std::string text_in(const YAML::Node& node, std::string_view what);
std::uint64_t whole_in(const YAML::Node& node, std::string_view what, std::uint64_t least,
                       std::uint64_t most);
/// "2015-05-17T10:05:03Z" and what else `written_time` takes.
timestamp time_in(const YAML::Node& node);
/// "500ms", "30s", "1min", "2h", "1d".
duration duration_in(const YAML::Node& node);
/// The elements of a sequence.
std::vector<YAML::Node> list_in(const YAML::Node& node, std::string_view what);

/// Scalars without quotes are numbers, booleans and null where they look so, strings otherwise.
nlohmann::json json_in(const YAML::Node& node);

/// The decoded bytes of a scalar with the tag !!binary; nothing without the tag.
std::optional<bytes> binary_in(const YAML::Node& node);

}  // namespace penstock::testing
