#include "streams/log/compaction.hpp"

#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;
using strings = std::vector<std::string>;

namespace {

struct compacted_log : log_fixture {
  compacted_log() {
    settings.cleanup_compact = true;
    settings.cleanup_delete = false;
    settings.dirty_ratio_min = 0;
    settings.segment_bytes = 300;
    settings.tombstone_retention = 1h;
  }
  void put(const std::string& key, std::optional<std::string> value) {
    REQUIRE(log->append(keyed(key, std::move(value))));
  }
  /// "offset:key=value" of each record.
  strings content() {
    strings found;
    for (const record& r : records()) {
      found.push_back(std::to_string(r.offset) + ":" + r.key.value_or("?") + "=" +
                      r.value.value_or("-"));
    }
    return found;
  }
  /// Enough distinct keys behind what matters that it lies in closed segments.
  void push_into_closed_segments() {
    for (int i = 0; i < 5; ++i) put("filler" + std::to_string(i), std::string(100, 'f'));
  }
};

}  // namespace

TEST_CASE("compaction keeps the latest value of each key at its offset", "[log][compaction]") {
  compacted_log f;
  f.open();
  f.put("a", "1");
  f.put("b", "1");
  f.put("a", "2");
  f.put("c", "1");
  f.put("b", "2");
  f.push_into_closed_segments();
  const offset_t end = f.log->end_offset();
  CHECK(f.log->compact().value() > 0);
  auto left = f.content();
  left.resize(3);
  CHECK(left == strings{"2:a=2", "3:c=1", "4:b=2"});
  CHECK(f.log->end_offset() == end);
  CHECK(f.log->start_offset() == 0);
  CHECK(f.log->read(0, 1, end).value().next_offset == 3);
  CHECK(f.damages().empty());
  for (int round = 0; round < 2; ++round) {
    round == 0 ? f.kill_and_open() : f.reopen();
    left = f.content();
    left.resize(3);
    CHECK(left == strings{"2:a=2", "3:c=1", "4:b=2"});
  }
  CHECK(f.log->compact().value() == 0);
}

TEST_CASE("batches keep the records that stay, in every codec", "[log][compaction]") {
  for (codec c : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    compacted_log f;
    f.open();
    batch_options options;
    options.compression = c;
    batch_builder builder{options};
    std::vector<header_view> headers{{"h", bytes_view{"x"}}};
    builder.add(from_millis(5), "a", "old", headers);
    builder.add(from_millis(6), "b", "stays", headers);
    builder.add(from_millis(7), "c", "old", headers);
    REQUIRE(f.log->append(builder.finish()));
    f.put("a", "new");
    f.put("c", "new");
    f.push_into_closed_segments();
    CHECK(f.log->compact().value() > 0);
    auto records = f.records();
    REQUIRE(records.size() > 3);
    CHECK(records[0] == record{1, from_millis(6), "b", "stays", {{"h", "x"}}});
    CHECK(records[1].offset == 3);
    auto batch = f.log->read(0, 1, 3).value().batches;
    CHECK(batch_view::parse(batch).value().last_offset() == 2);
    CHECK(batch_view::parse(batch).value().compression() == c);
    CHECK(f.damages().empty());
  }
}

TEST_CASE("a tombstone outlives the value and then goes", "[log][compaction]") {
  compacted_log f;
  f.open();
  f.put("a", "1");
  f.put("a", std::nullopt);
  f.push_into_closed_segments();
  REQUIRE(f.log->compact());
  CHECK(f.content().front() == "1:a=-");
  f.clock.advance(30min);
  f.push_into_closed_segments();
  REQUIRE(f.log->compact());
  CHECK(f.content().front() == "1:a=-");
  f.kill_and_open();
  f.clock.advance(31min);
  f.push_into_closed_segments();
  REQUIRE(f.log->compact());
  CHECK(f.content().front() != "1:a=-");
  CHECK(f.damages().empty());
}

TEST_CASE("small segments are merged", "[log][compaction]") {
  compacted_log f;
  f.settings.segment_bytes = 200;
  f.open();
  for (int i = 0; i < 30; ++i) f.put("key" + std::to_string(i % 3), std::string(50, 'x'));
  f.push_into_closed_segments();
  std::size_t before = f.log->segment_count();
  f.settings.segment_bytes = 5000;
  f.log->change_settings(f.settings);
  REQUIRE(f.log->compact());
  CHECK(f.log->segment_count() < before / 3);
  CHECK(f.damages().empty());
}

TEST_CASE("a log that is little dirty, young or not compacted is left alone", "[log][compaction]") {
  compacted_log f;
  f.open();
  for (int i = 0; i < 20; ++i) f.put("a", std::string(100, 'x'));
  f.settings.compaction_lag_min = 1h;
  f.log->change_settings(f.settings);
  // Records of 1970 are older than any lag.
  CHECK(f.log->compact().value() > 0);
  f.put("b", "1");
  f.push_into_closed_segments();
  f.settings.dirty_ratio_min = 1.0;
  f.log->change_settings(f.settings);
  CHECK(f.log->compact().value() == 0);
  f.settings.cleanup_compact = false;
  f.log->change_settings(f.settings);
  CHECK(f.log->compact().value() == 0);
}

TEST_CASE("a record without a key is refused by a compacted log", "[log][compaction]") {
  compacted_log f;
  f.open();
  auto refused = f.log->append(f.batch_of({"no key"}));
  CHECK(refused.error() == errc::invalid_argument);
  CHECK_THAT(refused.error().message(), test::contains("compacted"));
}

TEST_CASE("records below the start offset go with compaction", "[log][compaction]") {
  compacted_log f;
  f.open();
  f.put("a", "1");
  f.put("b", "1");
  f.put("c", "1");
  f.push_into_closed_segments();
  REQUIRE(f.log->delete_before(1));
  REQUIRE(f.log->compact());
  CHECK(f.content().front() == "1:b=1");
  f.kill_and_open();
  CHECK(f.content().front() == "1:b=1");
}

TEST_CASE("a compaction interrupted anywhere leaves the old or the new", "[log][compaction]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    compacted_log f;
    f.settings.segment_bytes = 200;
    f.open();
    for (int i = 0; i < 12; ++i) f.put("k" + std::to_string(i % 4), std::to_string(i));
    f.push_into_closed_segments();
    f.sync();
    random chance{seed};
    switch (seed % 3) {
      case 0:
        f.disk.fail_syncs(0);
        f.disk.set_space_left(chance.below(1200));
        break;
      case 1:
        f.disk.fail_writes(seed % 2);
        f.disk.fail_syncs(seed % 5 == 0);
        break;
      default:
        break;
    }
    bool done = f.log->compact().has_value();
    f.disk.set_space_left(std::nullopt);
    f.disk.crash(chance);
    f.open();
    std::map<std::string, std::string> table;
    for (const record& r : f.records()) table[*r.key] = *r.value;
    CAPTURE(seed, done);
    for (int i = 8; i < 12; ++i) REQUIRE(table["k" + std::to_string(i % 4)] == std::to_string(i));
    REQUIRE(table.size() == 9);
    for (const damage& d : f.damages()) FAIL(d.file << " " << d.position << " " << d.what);
    REQUIRE(f.log->compact());
    REQUIRE(f.records().size() <= 14);
  }
}

TEST_CASE("a planned replacement is carried out once and from any point", "[log][compaction]") {
  simulated_disk disk;
  auto plan = [&] {
    disk.set_content("/d/00000000000000000000.log", "old");
    disk.set_content("/d/00000000000000000005.log", "old too");
    disk.set_content("/d/00000000000000000000.log.cleaned", "new");
    disk.set_content("/d/penstock.compaction", encode(replacement{{0, 5}, false}));
  };
  plan();
  REQUIRE(finish_compaction(disk, "/d"));
  CHECK(disk.list("/d").value() == strings{"00000000000000000000.log"});
  CHECK(disk.content("/d/00000000000000000000.log") == "new");
  plan();
  REQUIRE(disk.rename("/d/00000000000000000000.log.cleaned", "/d/00000000000000000000.log"));
  REQUIRE(finish_compaction(disk, "/d"));
  CHECK(disk.content("/d/00000000000000000000.log") == "new");
  plan();
  disk.flip_bit("/d/penstock.compaction", 30, 0);
  CHECK(finish_compaction(disk, "/d").error() == errc::corrupt);
}

}  // namespace penstock
