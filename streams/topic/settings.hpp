// How one topic behaves, as text and as values. Names, defaults and meanings are those of Kafka's
// topic configuration; what Kafka does not have is called `penstock.…`. One table drives parsing,
// checking, `topic describe` and the page docs/operations/topic-settings.md. Only what was set by
// hand is stored in the metadata log; the rest follows the defaults of the running version.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/log/settings.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

enum class setting_type : std::uint8_t {
  boolean,       // true, false
  integer,       // a whole number
  byte_count,    // a whole number; KiB, MiB and GiB may follow it
  milliseconds,  // a whole number; ms, s, m, h and d may follow it
  ratio,         // a decimal number
  choice,        // one of the words in `allowed`
  choices,       // some of the words in `allowed`, with commas between
  text,          // printable ASCII
};

/// One line of the table.
struct setting_info {
  std::string_view name;
  setting_type type;
  std::string_view default_value;
  std::string_view allowed;  // "1 to 2147483647", "none, interval or batch"
  std::string_view doc;      // one sentence
};

/// Every setting a topic has, sorted by name.
std::span<const setting_info> topic_setting_table();

/// "milliseconds", "byte_count", …, as tables print it.
std::string_view name_of(setting_type type);

/// The settings of one topic. A value type; every instance holds only values that were checked.
class topic_settings {
 public:
  /// Values by name, normalised: "7d" is kept as "604800000".
  using values = std::map<std::string, std::string, std::less<>>;

  topic_settings() = default;

  /// From name and value pairs; `invalid_setting` as `set`, or when a name comes twice.
  static result<topic_settings> parse(
      std::span<const std::pair<std::string, std::string>> assignments);
  static result<topic_settings> parse(const values& assignments);

  /// From "name=value" words of a command line.
  static result<topic_settings> parse_words(std::span<const std::string> words);

  /// Sets one by hand. `invalid_setting` names the setting, the value and what is allowed, for an
  /// unknown name the nearest known one; nothing is changed then.
  result<void> set(std::string_view name, std::string_view value);

  /// Back to the default. `invalid_setting` for an unknown name.
  result<void> reset(std::string_view name);

  /// What was set by hand.
  const values& explicit_values() const { return explicit_; }

  /// The value in force, by hand or default; `invalid_setting` for an unknown name.
  result<std::string> value_of(std::string_view name) const;

  /// The part that the log of each partition needs.
  log_settings to_log_settings() const;

  /// compression.type: the codec the broker re-encodes to, nothing for `producer` (as it comes).
  std::optional<codec> compression() const;

  /// penstock.key.format and penstock.value.format: how keys and values are encoded ("text",
  /// "json", …); empty as long as nobody said.
  const std::string& key_format() const;
  const std::string& value_format() const;

  /// penstock.partitioner: how keys find their partition.
  const std::string& partitioner() const;

  friend bool operator==(const topic_settings&, const topic_settings&) = default;

 private:
  const std::string& text_of(std::string_view name) const;

  values explicit_;
};

}  // namespace penstock
