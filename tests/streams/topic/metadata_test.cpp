#include "streams/topic/metadata.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "streams/base/coding.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"
#include "tests/support/hex.hpp"

using namespace penstock;
using penstock::test::contains;
using penstock::test::from_hex;
using penstock::test::to_hex;

namespace {

topic_id id_of(std::uint8_t last) {
  topic_id id;
  id.bytes[15] = last;
  return id;
}

const topic_created created{id_of(1), "log-lines", 3, {{"retention.ms", "60000"}}};

std::vector<metadata_record> one_of_each() {
  return {created,
          partitions_added{id_of(1), "log-lines", 6},
          topic_altered{id_of(1), "log-lines", {{"cleanup.policy", "compact"}}},
          topic_deleted{id_of(1), "log-lines"},
          producer_ids_reserved{5000},
          job_state_registered{"word-count", "counts", "u64", 2},
          job_state_dropped{"word-count", "counts"},
          feature_level_set{1}};
}

errc code_of(const result<void>& applied) {
  return applied ? errc::none : applied.error().code();
}

}  // namespace

TEST_CASE("facts of every kind come back from their bytes", "[topic][metadata]") {
  for (const auto& fact : one_of_each()) {
    INFO(metadata_key(fact));
    auto back = decode_metadata(encode(fact));
    REQUIRE(back.has_value());
    CHECK(*back == fact);
  }
}

TEST_CASE("the worked example of the format page is what we write", "[topic][metadata]") {
  CHECK(to_hex(penstock::test::hex_of_page("docs/formats/metadata-log.md")) ==
        to_hex(encode(created)));
}

TEST_CASE("fields and kinds of a later program are skipped", "[topic][metadata]") {
  auto value = encode(created);
  put_be(value, std::uint16_t{77});
  put_be(value, std::uint32_t{3});
  value += "new";
  CHECK(decode_metadata(value).value() == metadata_record{created});
  auto strange = encode(created);
  strange[1] = 99;
  CHECK(decode_metadata(strange).value() == metadata_record{unknown_fact{99}});
  metadata_image image;
  CHECK(image.apply("some/key", strange).has_value());
  CHECK(image == metadata_image{});
}

TEST_CASE("a later major version is refused with the remedy", "[topic][metadata]") {
  auto value = encode(created);
  value[0] = 2;
  auto refused = decode_metadata(value);
  CHECK(refused.error() == errc::unsupported_version);
  CHECK_THAT(refused.error().message(), contains("newer program"));
}

TEST_CASE("facts cut anywhere are refused, or lack only settings", "[topic][metadata]") {
  for (const auto& fact : one_of_each()) {
    auto value = encode(fact);
    for (std::size_t size = 0; size < value.size(); ++size) {
      auto cut = decode_metadata(bytes_view{value}.substr(0, size));
      INFO(metadata_key(fact) << " cut to " << size);
      if (cut) {
        CHECK(metadata_key(*cut) == metadata_key(fact));
      } else {
        CHECK(cut.error() == errc::corrupt);
      }
    }
  }
}

TEST_CASE("fields that are missing, doubled, of a wrong size or range are named",
          "[topic][metadata]") {
  auto why = [](const std::string& hex) {
    auto refused = decode_metadata(from_hex(hex));
    REQUIRE_FALSE(refused.has_value());
    return refused.error().message();
  };
  CHECK_THAT(why("0105"), contains("field next is missing"));
  CHECK_THAT(why("0105 0001 00000004 00000001"), contains("field next has 4 bytes instead of 8"));
  CHECK_THAT(why("0105 0001 00000008 ffffffffffffffff"), contains("field next is -1"));
  CHECK_THAT(why("0108 0001 00000004 00000001 0001 00000004 00000001"), contains("there twice"));
  CHECK_THAT(why("0108 0001 ffffffff 00000001"), contains("ends behind the record"));
  CHECK_THAT(why("0107 0001 00000000 0002 00000001 61"), contains("field topology is empty"));
  auto settings = encode(topic_altered{id_of(1), "t", {}});
  CHECK_THAT(why(to_hex(settings) + "0004 00000002 0005"), contains("a setting has no name"));
  CHECK_THAT(why(to_hex(settings) + "0004 00000003 000161 0004 00000003 000161"),
             contains("a setting is there twice"));
  CHECK(decode_metadata(bytes(metadata_record_bytes_max + 1, '\1')).error() == errc::corrupt);
}

TEST_CASE("the image follows a topic from creation to deletion", "[topic][metadata]") {
  metadata_image image;
  REQUIRE(image.apply(created).has_value());
  REQUIRE(image.apply(topic_created{id_of(2), "a-first", 1, {}}).has_value());
  const auto* topic = image.find_topic("log-lines");
  REQUIRE(topic != nullptr);
  CHECK(topic->partitions == 3);
  CHECK(topic->settings.to_log_settings().retention == 60s);
  CHECK(image.find_topic(id_of(1)) == topic);
  CHECK(image.topics().begin()->first == "a-first");

  REQUIRE(image.apply(partitions_added{id_of(1), "log-lines", 6}).has_value());
  REQUIRE(image.apply(topic_altered{id_of(1), "log-lines", {}}).has_value());
  CHECK(image.find_topic("log-lines")->partitions == 6);
  CHECK(image.find_topic("log-lines")->settings.explicit_values().empty());

  REQUIRE(image.apply(topic_deleted{id_of(1), "log-lines"}).has_value());
  CHECK(image.find_topic("log-lines") == nullptr);
  CHECK(image.find_topic(id_of(1)) == nullptr);
  CHECK(image.topics().size() == 1);
}

TEST_CASE("facts about an earlier topic of the same name change nothing", "[topic][metadata]") {
  metadata_image image;
  REQUIRE(image.apply(topic_created{id_of(9), "log-lines", 3, {}}).has_value());
  auto before = image;
  for (const auto& stale : {metadata_record{partitions_added{id_of(1), "log-lines", 6}},
                            metadata_record{topic_altered{id_of(1), "log-lines", {{"x", "y"}}}},
                            metadata_record{topic_deleted{id_of(1), "log-lines"}}})
    CHECK(image.apply(stale).has_value());
  CHECK(image == before);
}

TEST_CASE("facts that contradict the image are refused and change nothing", "[topic][metadata]") {
  metadata_image image;
  REQUIRE(image.apply(created).has_value());
  REQUIRE(image.apply(producer_ids_reserved{1000}).has_value());
  auto before = image;
  CHECK(code_of(image.apply(topic_created{id_of(2), "log-lines", 1, {}})) == errc::corrupt);
  CHECK(code_of(image.apply(topic_created{id_of(1), "other", 1, {}})) == errc::corrupt);
  CHECK(code_of(image.apply(topic_created{id_of(3), "a/b", 1, {}})) == errc::corrupt);
  CHECK(code_of(image.apply(topic_created{id_of(3), "c", 0, {}})) == errc::corrupt);
  CHECK(code_of(image.apply(topic_created{id_of(3), "c", 1, {{"new.setting", "1"}}})) ==
        errc::unsupported_version);
  CHECK(code_of(image.apply(topic_altered{id_of(1), "log-lines", {{"segment.bytes", "1"}}})) ==
        errc::unsupported_version);
  CHECK(code_of(image.apply(partitions_added{id_of(1), "log-lines", 2})) == errc::corrupt);
  CHECK(code_of(image.apply(producer_ids_reserved{999})) == errc::corrupt);
  CHECK(code_of(image.apply(feature_level_set{feature_level_max + 1})) ==
        errc::unsupported_version);
  CHECK(code_of(image.apply("topic/other", encode(created))) == errc::corrupt);
  CHECK(image == before);
}

TEST_CASE("a topology's stores are listed by step until they are dropped", "[topic][metadata]") {
  metadata_image image;
  job_state_registered counts{"word-count", "counts", "u64", 1};
  job_state_registered all{"word-count", "all", "u64", 1};
  REQUIRE(image.apply(counts).has_value());
  REQUIRE(image.apply(all).has_value());
  REQUIRE(image.apply(job_state_registered{"word", "x", "y", 1}).has_value());
  CHECK(image.job_states("word-count") == std::vector<job_state_registered>{all, counts});
  counts.fingerprint = "string";
  REQUIRE(image.apply(counts).has_value());
  CHECK(image.job_states("word-count").back().fingerprint == "string");
  REQUIRE(image.apply(job_state_dropped{"word-count", "counts"}).has_value());
  CHECK(image.job_states("word-count").size() == 1);
  CHECK(image.job_states("none").empty());
}

TEST_CASE("names with slashes do not share keys", "[topic][metadata]") {
  CHECK(metadata_key(job_state_dropped{"a", "b/c"}) != metadata_key(job_state_dropped{"a/b", "c"}));
}

TEST_CASE("topic ids are printed as Kafka prints them and differ", "[topic][metadata]") {
  topic_id id;
  for (std::size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(i * 17);
  CHECK(id.to_string() == "ABEiM0RVZneImaq7zN3u_w");
  penstock::random chance{1};
  std::set<topic_id> seen;
  for (int i = 0; i < 100; ++i) {
    auto made = topic_id::make(chance);
    CHECK((made.bytes[6] >> 4) == 4);
    CHECK((made.bytes[8] >> 6) == 2);
    seen.insert(made);
  }
  CHECK(seen.size() == 100);
}

namespace {

struct log_record {
  bytes key;
  std::optional<bytes> value;
};

// A history that a controller could have written.
std::vector<log_record> history(penstock::random& chance, metadata_image& image) {
  std::vector<log_record> log;
  std::int64_t producer_ids = 0;
  auto write = [&](const metadata_record& fact) {
    log.push_back({metadata_key(fact), encode(fact)});
    REQUIRE(image.apply(log.back().key, log.back().value).has_value());
    for (auto& key : obsolete_keys(fact)) log.push_back({key, std::nullopt});
  };
  for (int step = 0; step < 60; ++step) {
    auto name = "t" + std::to_string(chance.below(4));
    auto job = "j" + std::to_string(chance.below(3));
    const auto* topic = image.find_topic(name);
    topic_settings::values settings;
    if (chance.chance(1, 2)) settings["retention.ms"] = std::to_string(chance.below(9999));
    switch (chance.below(topic ? 6 : 3)) {
      case 0:
        write(producer_ids_reserved{producer_ids += 1000});
        break;
      case 1:
        if (chance.chance(1, 2))
          write(job_state_registered{job, "s", "f" + std::to_string(step), 1});
        else
          write(job_state_dropped{job, "s"});
        break;
      case 2:
        if (!topic) write(topic_created{topic_id::make(chance), name, 2, settings});
        break;
      case 3:
        write(partitions_added{topic->id, name, topic->partitions + 1});
        break;
      case 4:
        write(topic_altered{topic->id, name, settings});
        break;
      case 5:
        write(topic_deleted{topic->id, name});
        break;
    }
  }
  return log;
}

}  // namespace

TEST_CASE("a compacted metadata log, and a snapshot, give the same image", "[topic][metadata]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    penstock::random chance{seed};
    metadata_image image;
    auto log = history(chance, image);
    // Compacted up to a point: of each key there only the last record stays; old tombstones go.
    auto up_to = chance.below(log.size() + 1);
    bool drop_tombstones = chance.chance(1, 2);
    metadata_image again;
    for (std::size_t i = 0; i < log.size(); ++i) {
      bool superseded = false;
      for (auto later = i + 1; later < up_to; ++later) superseded |= log[later].key == log[i].key;
      if (i < up_to && (superseded || (drop_tombstones && !log[i].value))) continue;
      REQUIRE(again.apply(log[i].key, log[i].value).has_value());
    }
    REQUIRE(again == image);
    metadata_image from_snapshot;
    for (const auto& fact : image.facts()) REQUIRE(from_snapshot.apply(fact).has_value());
    REQUIRE(from_snapshot == image);
  }
}
