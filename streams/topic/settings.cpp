#include "streams/topic/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "streams/topic/foreign_settings.hpp"

namespace penstock {
namespace {

constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();

// Milliseconds that still fit the clock when added to a timestamp of today: about 145 million
// years.
constexpr std::int64_t millis_max = int64_max / 2;

struct rule {
  setting_info info;
  std::int64_t min = 0;  // of numbers
  std::int64_t max = 0;
};

using enum setting_type;

constexpr std::array rules{
    rule{{"cleanup.policy", choices, "delete", "compact, delete",
          "What goes when it is old: whole segments (delete), or all but the latest value of each "
          "key (compact)."}},
    rule{{"compression.type", choice, "producer",
          "gzip, lz4, producer, snappy, uncompressed or zstd",
          "How batches are stored; `producer` keeps them as they come."}},
    rule{{"delete.retention.ms", milliseconds, "86400000", "0 or more",
          "How long a tombstone stays in a compacted topic."},
         0,
         millis_max},
    rule{{"flush.ms", milliseconds, "1000", "1 or more",
          "Time between syncs with penstock.flush=interval."},
         1,
         millis_max},
    rule{{"index.interval.bytes", byte_count, "4096", "0 to 2147483647",
          "Bytes of log between two entries of the offset index."},
         0,
         int32_max},
    rule{{"max.message.bytes", byte_count, "1048588", "1024 to 134217728",
          "The largest record batch that is accepted, as it is sent."},
         1024,
         std::int64_t{128} << 20},
    rule{{"message.timestamp.after.max.ms", milliseconds, "9223372036854775807", "0 or more",
          "How far the time of a record may lie ahead of the node's; it is refused beyond."},
         0,
         int64_max},
    rule{{"message.timestamp.before.max.ms", milliseconds, "9223372036854775807", "0 or more",
          "How far the time of a record may lie behind the node's; it is refused beyond."},
         0,
         int64_max},
    rule{{"message.timestamp.type", choice, "CreateTime", "CreateTime or LogAppendTime",
          "Whose time a record carries: the producer's, or that of the append."}},
    rule{{"min.cleanable.dirty.ratio", ratio, "0.5", "0 to 1",
          "Compaction starts when this part of the log has not been compacted yet."}},
    rule{{"min.compaction.lag.ms", milliseconds, "0", "0 or more",
          "How long a record is safe from compaction."},
         0,
         millis_max},
    rule{{"penstock.drop.repeats", boolean, "false", "true or false",
          "Drops batches that a restarted task sends again; set on repartition topics."}},
    rule{{"penstock.flush", choice, "batch", "batch, interval or none",
          "What an acknowledgement means: synced to disk (batch), in the page cache with a sync "
          "every flush.ms (interval), in the page cache (none)."}},
    rule{{"penstock.key.format", text, "", "printable ASCII, at most 512 characters",
          "How keys are encoded; empty until somebody says."}},
    rule{{"penstock.partitioner", choice, "murmur2", "murmur2", "How a key finds its partition."}},
    rule{{"penstock.tail.cache.bytes", byte_count, "1048576", "0 to 1073741824",
          "Memory that keeps the newest batches of each partition."},
         0,
         std::int64_t{1} << 30},
    rule{{"penstock.value.format", text, "", "printable ASCII, at most 512 characters",
          "How values are encoded; empty until somebody says."}},
    rule{{"retention.bytes", byte_count, "-1", "-1 (no limit) or more",
          "Size of a partition above which old segments are deleted."},
         -1,
         int64_max},
    rule{{"retention.ms", milliseconds, "604800000", "-1 (no limit) or more",
          "Age above which segments are deleted."},
         -1,
         millis_max},
    rule{{"segment.bytes", byte_count, "1073741824", "1024 to 2147483647",
          "Size at which a new segment is begun."},
         1024,
         int32_max},
    rule{{"segment.ms", milliseconds, "604800000", "1 or more",
          "Age at which a new segment is begun."},
         1,
         millis_max},
};

// Known to users of Kafka, and of no use here.
constexpr std::array foreign{"compression.gzip.level",
                             "compression.lz4.level",
                             "compression.zstd.level",
                             "file.delete.delay.ms",
                             "flush.messages",
                             "follower.replication.throttled.replicas",
                             "leader.replication.throttled.replicas",
                             "local.retention.bytes",
                             "local.retention.ms",
                             "max.compaction.lag.ms",
                             "message.downconversion.enable",
                             "message.format.version",
                             "message.timestamp.difference.max.ms",
                             "min.insync.replicas",
                             "preallocate",
                             "remote.log.copy.disable",
                             "remote.log.delete.on.disable",
                             "remote.storage.enable",
                             "segment.index.bytes",
                             "segment.jitter.ms",
                             "unclean.leader.election.enable"};

constexpr std::size_t text_length_max = 512;

const rule* find_rule(std::string_view name) {
  auto found = std::lower_bound(rules.begin(), rules.end(), name,
                                [](const rule& r, auto wanted) { return r.info.name < wanted; });
  return found != rules.end() && found->info.name == name ? &*found : nullptr;
}

// Levenshtein's distance: how many characters to add, drop or change.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// What an error shows of a value or name that may be anything.
std::string shown(std::string_view value) {
  constexpr std::size_t length_max = 80;
  std::string text;
  for (char c : value.substr(0, length_max)) text += c >= ' ' && c <= '~' ? c : '?';
  return value.size() > length_max ? text + "…" : text;
}

error unknown(std::string_view name) {
  if (is_foreign_setting(name))
    return error{errc::invalid_setting,
                 fmt::format("setting {} of Kafka does not exist in Penstock: leave it out", name)};
  constexpr std::size_t compared_max = 64;
  const rule* nearest = nullptr;
  std::size_t best = compared_max;
  for (const auto& one : rules) {
    auto so_far = distance(name.substr(0, compared_max), one.info.name);
    if (so_far < best) {
      best = so_far;
      nearest = &one;
    }
  }
  auto text = fmt::format("there is no topic setting \"{}\"", shown(name));
  if (nearest && best <= std::max<std::size_t>(3, name.size() / 3))
    text += fmt::format(": did you mean {}?", nearest->info.name);
  else
    text += ": `penstock topic describe --all-settings` lists those there are";
  return error{errc::invalid_setting, text};
}

error refused(const rule& by, std::string_view value) {
  return error{errc::invalid_setting, fmt::format("setting {} cannot be \"{}\": give it {}",
                                                  by.info.name, shown(value), by.info.allowed)};
}

struct unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array byte_units{unit{"KiB", 1 << 10}, unit{"MiB", 1 << 20}, unit{"GiB", 1 << 30}};
constexpr std::array time_units{unit{"ms", 1}, unit{"s", 1000}, unit{"m", 60'000},
                                unit{"h", 3'600'000}, unit{"d", 86'400'000}};

template <class Number>
bool read_number(std::string_view text, Number& to) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), to);
  return problem == std::errc{} && end == text.data() + text.size();
}

// A whole number with a unit; nothing when it is not one or does not fit.
std::optional<std::int64_t> read_quantity(std::string_view text, std::span<const unit> units) {
  std::int64_t factor = 1;
  auto digits_end = text.find_first_not_of("-0123456789");
  if (digits_end != std::string_view::npos) {
    auto found = std::find_if(units.begin(), units.end(),
                              [&](const unit& u) { return u.name == text.substr(digits_end); });
    if (found == units.end()) return std::nullopt;
    factor = found->factor;
    text = text.substr(0, digits_end);
  }
  std::int64_t number = 0;
  if (!read_number(text, number) || __builtin_mul_overflow(number, factor, &number))
    return std::nullopt;
  return number;
}

// The words of `allowed`: separated by commas or "or".
std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    auto end = std::min(list.find_first_of(" ,"), list.size());
    if (auto word = list.substr(0, end); !word.empty() && word != "or") words.push_back(word);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return words;
}

bool is_allowed(const rule& by, std::string_view word) {
  auto words = words_of(by.info.allowed);
  return std::find(words.begin(), words.end(), word) != words.end();
}

result<std::string> normalise_number(const rule& by, std::string_view value) {
  std::span<const unit> units;
  if (by.info.type == byte_count) units = byte_units;
  if (by.info.type == milliseconds) units = time_units;
  auto number = read_quantity(value, units);
  if (!number || *number < by.min || *number > by.max) return refused(by, value);
  return std::to_string(*number);
}

result<std::string> normalise_choices(const rule& by, std::string_view value) {
  std::set<std::string_view> words;
  for (auto word : words_of(value)) {
    if (!is_allowed(by, word)) return refused(by, value);
    words.insert(word);
  }
  if (words.empty()) return refused(by, value);
  std::string text;
  for (auto word : words) text.append(text.empty() ? "" : ",").append(word);
  return text;
}

// The value as it is kept, or why it is refused.
result<std::string> normalise(const rule& by, std::string_view value) {
  switch (by.info.type) {
    case boolean:
    case choice:
      if (!is_allowed(by, value)) return refused(by, value);
      return std::string{value};
    case choices:
      return normalise_choices(by, value);
    case integer:
    case byte_count:
    case milliseconds:
      return normalise_number(by, value);
    case ratio: {
      double number = 0;
      if (!read_number(value, number) || !(number >= 0 && number <= 1)) return refused(by, value);
      return fmt::format("{}", number);
    }
    case text: {
      bool plain =
          std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
      if (!plain || value.size() > text_length_max) return refused(by, value);
      return std::string{value};
    }
  }
  return refused(by, value);
}

const std::map<std::string, std::string, std::less<>>& defaults() {
  static const auto all = [] {
    std::map<std::string, std::string, std::less<>> made;
    for (const auto& one : rules) made.emplace(one.info.name, one.info.default_value);
    return made;
  }();
  return all;
}

}  // namespace

bool is_foreign_setting(std::string_view name) {
  return std::find(foreign.begin(), foreign.end(), name) != foreign.end();
}

std::span<const setting_info> topic_setting_table() {
  static const auto table = [] {
    std::vector<setting_info> made;
    for (const auto& one : rules) made.push_back(one.info);
    return made;
  }();
  return table;
}

std::string_view name_of(setting_type type) {
  switch (type) {
    case boolean:
      return "boolean";
    case integer:
      return "integer";
    case byte_count:
      return "bytes";
    case milliseconds:
      return "milliseconds";
    case ratio:
      return "ratio";
    case choice:
      return "choice";
    case choices:
      return "choices";
    case text:
      return "text";
  }
  return "unknown";
}

result<topic_settings> topic_settings::parse(
    std::span<const std::pair<std::string, std::string>> assignments) {
  topic_settings settings;
  for (const auto& [name, value] : assignments) {
    if (settings.explicit_.contains(name))
      return {errc::invalid_setting, fmt::format("setting {} is given twice: keep one", name)};
    PENSTOCK_TRY(settings.set(name, value));
  }
  return settings;
}

result<topic_settings> topic_settings::parse(const values& assignments) {
  topic_settings settings;
  for (const auto& [name, value] : assignments) PENSTOCK_TRY(settings.set(name, value));
  return settings;
}

result<topic_settings> topic_settings::parse_words(std::span<const std::string> words) {
  std::vector<std::pair<std::string, std::string>> assignments;
  for (const auto& word : words) {
    auto equals = word.find('=');
    if (equals == std::string::npos)
      return {errc::invalid_setting,
              fmt::format("\"{}\" is not a setting: write name=value", shown(word))};
    assignments.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return parse(assignments);
}

result<void> topic_settings::set(std::string_view name, std::string_view value) {
  const auto* by = find_rule(name);
  if (!by) return unknown(name);
  PENSTOCK_ASSIGN(auto kept, normalise(*by, value));
  explicit_.insert_or_assign(std::string{name}, std::move(kept));
  return {};
}

result<void> topic_settings::reset(std::string_view name) {
  if (!find_rule(name)) return unknown(name);
  if (auto found = explicit_.find(name); found != explicit_.end()) explicit_.erase(found);
  return {};
}

result<std::string> topic_settings::value_of(std::string_view name) const {
  if (!find_rule(name)) return unknown(name);
  return text_of(name);
}

const std::string& topic_settings::text_of(std::string_view name) const {
  if (auto found = explicit_.find(name); found != explicit_.end()) return found->second;
  auto found = defaults().find(name);
  PENSTOCK_ASSERT(found != defaults().end(), name);
  return found->second;
}

log_settings topic_settings::to_log_settings() const {
  // What is kept was checked, so it reads and fits.
  auto number = [this](std::string_view name) {
    std::int64_t value = 0;
    bool fine = read_number(std::string_view{text_of(name)}, value);
    PENSTOCK_ASSERT(fine, name, text_of(name));
    return value;
  };
  auto has = [this](std::string_view name, std::string_view word) {
    auto words = words_of(text_of(name));
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  log_settings to;
  to.segment_bytes = static_cast<std::uint64_t>(number("segment.bytes"));
  to.segment_age = duration{number("segment.ms")};
  to.index_interval_bytes = static_cast<std::uint32_t>(number("index.interval.bytes"));
  to.message_bytes_max = static_cast<std::uint32_t>(number("max.message.bytes"));
  to.retention_bytes = number("retention.bytes");
  to.retention = duration{number("retention.ms")};
  to.cleanup_delete = has("cleanup.policy", "delete");
  to.cleanup_compact = has("cleanup.policy", "compact");
  bool fine =
      read_number(std::string_view{text_of("min.cleanable.dirty.ratio")}, to.dirty_ratio_min);
  PENSTOCK_ASSERT(fine);
  to.tombstone_retention = duration{number("delete.retention.ms")};
  to.compaction_lag_min = duration{number("min.compaction.lag.ms")};
  to.time_type = has("message.timestamp.type", "LogAppendTime") ? timestamp_type::log_append_time
                                                                : timestamp_type::create_time;
  to.time_ahead_max = duration{number("message.timestamp.after.max.ms")};
  to.time_behind_max = duration{number("message.timestamp.before.max.ms")};
  to.compression = compression();
  to.flush = has("penstock.flush", "none")       ? flush_policy::none
             : has("penstock.flush", "interval") ? flush_policy::interval
                                                 : flush_policy::batch;
  to.flush_interval = duration{number("flush.ms")};
  to.tail_cache_bytes = static_cast<std::uint32_t>(number("penstock.tail.cache.bytes"));
  to.drop_repeats = has("penstock.drop.repeats", "true");
  return to;
}

std::optional<codec> topic_settings::compression() const {
  const auto& name = text_of("compression.type");
  if (name == "uncompressed") return codec::none;
  if (name == "gzip") return codec::gzip;
  if (name == "snappy") return codec::snappy;
  if (name == "lz4") return codec::lz4;
  if (name == "zstd") return codec::zstd;
  return std::nullopt;
}

const std::string& topic_settings::key_format() const {
  return text_of("penstock.key.format");
}
const std::string& topic_settings::value_format() const {
  return text_of("penstock.value.format");
}
const std::string& topic_settings::partitioner() const {
  return text_of("penstock.partitioner");
}

}  // namespace penstock
