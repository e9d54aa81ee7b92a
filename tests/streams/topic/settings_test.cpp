#include "streams/topic/settings.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

using namespace penstock;
using penstock::test::contains;

namespace {

topic_settings of(std::vector<std::string> words) {
  auto parsed = topic_settings::parse_words(words);
  INFO((parsed ? std::string{} : parsed.error().message()));
  REQUIRE(parsed.has_value());
  return *parsed;
}

std::string refusal(std::vector<std::string> words) {
  auto parsed = topic_settings::parse_words(words);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error() == errc::invalid_setting);
  return parsed.error().message();
}

}  // namespace

TEST_CASE("the defaults of the table are those of the log", "[topic][settings]") {
  auto made = topic_settings{}.to_log_settings();
  log_settings log;
  CHECK(made.segment_bytes == log.segment_bytes);
  CHECK(made.segment_age == log.segment_age);
  CHECK(made.index_interval_bytes == log.index_interval_bytes);
  CHECK(made.message_bytes_max == log.message_bytes_max);
  CHECK(made.retention_bytes == log.retention_bytes);
  CHECK(made.retention == log.retention);
  CHECK(made.cleanup_delete == log.cleanup_delete);
  CHECK(made.cleanup_compact == log.cleanup_compact);
  CHECK(made.dirty_ratio_min == log.dirty_ratio_min);
  CHECK(made.tombstone_retention == log.tombstone_retention);
  CHECK(made.compaction_lag_min == log.compaction_lag_min);
  CHECK(made.time_type == log.time_type);
  CHECK(made.flush == log.flush);
  CHECK(made.flush_interval == log.flush_interval);
  CHECK(made.tail_cache_bytes == log.tail_cache_bytes);
  CHECK(made.drop_repeats == log.drop_repeats);
}

TEST_CASE("the table is sorted and accepts its own defaults", "[topic][settings]") {
  std::string_view last;
  for (const auto& one : topic_setting_table()) {
    INFO(one.name);
    CHECK(last < one.name);
    last = one.name;
    topic_settings settings;
    CHECK(settings.set(one.name, one.default_value).has_value());
    CHECK(settings.value_of(one.name).value() == one.default_value);
    CHECK_FALSE(one.doc.empty());
  }
}

TEST_CASE("settings are read from text, with units, and reach the log", "[topic][settings]") {
  auto log = of({"cleanup.policy=delete,compact", "retention.ms=7d", "segment.bytes=64KiB",
                 "min.cleanable.dirty.ratio=0.25", "message.timestamp.type=LogAppendTime",
                 "penstock.flush=interval", "flush.ms=250", "penstock.drop.repeats=true",
                 "retention.bytes=3GiB", "delete.retention.ms=2h", "max.message.bytes=2MiB"})
                 .to_log_settings();
  CHECK(log.cleanup_delete);
  CHECK(log.cleanup_compact);
  CHECK(log.retention == 168h);
  CHECK(log.segment_bytes == 65536);
  CHECK(log.dirty_ratio_min == 0.25);
  CHECK(log.time_type == timestamp_type::log_append_time);
  CHECK(log.flush == flush_policy::interval);
  CHECK(log.flush_interval == 250ms);
  CHECK(log.drop_repeats);
  CHECK(log.retention_bytes == 3221225472);
  CHECK(log.tombstone_retention == 2h);
  CHECK(log.message_bytes_max == 2097152);
  CHECK_FALSE(of({"cleanup.policy=compact"}).to_log_settings().cleanup_delete);
  CHECK(of({"penstock.flush=none"}).to_log_settings().flush == flush_policy::none);
}

TEST_CASE("compression, formats and partitioner have readers", "[topic][settings]") {
  CHECK_FALSE(topic_settings{}.compression().has_value());
  CHECK(of({"compression.type=uncompressed"}).compression() == codec::none);
  CHECK(of({"compression.type=zstd"}).compression() == codec::zstd);
  auto typed = of({"penstock.key.format=text", "penstock.value.format=json"});
  CHECK(typed.key_format() == "text");
  CHECK(typed.value_format() == "json");
  CHECK(topic_settings{}.partitioner() == "murmur2");
}

TEST_CASE("what was set by hand is kept normalised and can be reset", "[topic][settings]") {
  auto settings = of({"cleanup.policy=delete, compact,delete", "retention.ms=60s"});
  CHECK(settings.explicit_values() ==
        topic_settings::values{{"cleanup.policy", "compact,delete"}, {"retention.ms", "60000"}});
  CHECK(topic_settings::parse(settings.explicit_values()).value() == settings);
  REQUIRE(settings.reset("retention.ms").has_value());
  CHECK(settings.value_of("retention.ms").value() == "604800000");
  CHECK(settings.explicit_values().size() == 1);
  CHECK(settings.reset("retention.mss").error() == errc::invalid_setting);
}

TEST_CASE("a refused setting names itself, the value, what is allowed, or the nearest name",
          "[topic][settings]") {
  CHECK_THAT(refusal({"segment.bytes=12"}),
             contains("segment.bytes cannot be \"12\": give it 1024 to 2147483647"));
  CHECK_THAT(refusal({"retention.ms=-2"}), contains("-1 (no limit) or more"));
  CHECK_THAT(refusal({"retension.ms=1"}), contains("did you mean retention.ms?"));
  CHECK_THAT(refusal({"retention=1"}), contains("did you mean retention.ms?"));
  CHECK_THAT(refusal({"no-such-thing-at-all=1"}), contains("topic describe"));
  CHECK_THAT(refusal({"min.insync.replicas=2"}), contains("leave it out"));
  CHECK_THAT(refusal({"retention.ms"}), contains("name=value"));
  CHECK_THAT(refusal({"retention.ms=1", "retention.ms=2"}), contains("given twice"));
  CHECK_THAT(refusal({"penstock.flush=maybe"}), contains("batch, interval or none"));
}

TEST_CASE("numbers that do not fit, have strange units or trail are refused", "[topic][settings]") {
  for (std::string bad :
       {"retention.ms=99999999999999999999", "retention.ms=9223372036854775807",
        "retention.ms=106751991168d", "segment.bytes=1e6", "segment.bytes=64KB", "segment.bytes=",
        "segment.bytes= 2048", "retention.bytes=-1KiB", "min.cleanable.dirty.ratio=nan",
        "min.cleanable.dirty.ratio=1.1", "cleanup.policy=", "cleanup.policy=,", "cleanup.policy=or",
        "compression.type=or", "penstock.drop.repeats=yes", "penstock.key.format=\x01"}) {
    INFO(bad);
    refusal({bad});
  }
  refusal({"penstock.key.format=" + std::string(513, 'x')});
}

TEST_CASE("the operations page has every topic setting as the table has it", "[topic][settings]") {
  std::ifstream page{penstock::test::source_dir() + "/docs/operations/topic-settings.md"};
  std::stringstream text;
  text << page.rdbuf();
  for (const auto& one : topic_setting_table()) {
    auto line =
        fmt::format("| `{}` | {} | {} | {} | {} |", one.name, name_of(one.type),
                    one.default_value.empty() ? "empty" : one.default_value, one.allowed, one.doc);
    CHECK_THAT(text.str(), contains(line));
  }
}
