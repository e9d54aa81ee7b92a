#include "streams/log/log.hpp"

#include "streams/base/coding.hpp"
#include "streams/base/crc32c.hpp"
#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;
using strings = std::vector<std::string>;

TEST_CASE("records come back in order with their offsets", "[log]") {
  log_fixture f;
  f.open();
  CHECK(f.log->start_offset() == 0);
  CHECK(f.log->end_offset() == 0);
  CHECK(f.append("a") == 0);
  auto two = f.log->append(f.batch_of({"b", "c"})).value();
  CHECK(two.base_offset == 1);
  CHECK(two.next_offset == 3);
  CHECK_FALSE(two.duplicate);
  CHECK(f.log->end_offset() == 3);
  CHECK(f.values() == strings{"a", "b", "c"});
  CHECK(f.values(2) == strings{"c"});
  f.reopen();
  CHECK(f.report.clean);
  CHECK(f.report.bytes_scanned == 0);
  CHECK(f.values() == strings{"a", "b", "c"});
  CHECK(f.append("d") == 3);
  f.kill_and_open();
  CHECK_FALSE(f.report.clean);
  CHECK(f.report.bytes_scanned > 0);
  CHECK(f.report.bytes_cut == 0);
  CHECK(f.values() == strings{"a", "b", "c", "d"});
  CHECK(f.damages().empty());
}

TEST_CASE("several batches are appended all or not at all", "[log]") {
  log_fixture f;
  f.open();
  bytes good = f.batch_of({"a"}) + f.batch_of({"b", "c"});
  CHECK(f.log->append(good).value().next_offset == 3);
  bytes bad = f.batch_of({"d"}) + f.batch_of({"e"});
  bad.back() ^= 1;
  CHECK(f.log->append(bad).error() == errc::corrupt);
  CHECK(f.log->append(bytes_view{good}.substr(0, good.size() - 1)).error() == errc::corrupt);
  CHECK(f.log->append("").error() == errc::invalid_argument);
  CHECK(f.values() == strings{"a", "b", "c"});
}

TEST_CASE("reading obeys its limits but gives at least one batch", "[log]") {
  for (std::uint32_t cache : {0u, 1u << 20}) {
    log_fixture f;
    f.settings.tail_cache_bytes = cache;
    f.settings.segment_bytes = 1000;
    f.open();
    for (int i = 0; i < 50; ++i) f.append("value " + std::to_string(i));
    CHECK(f.log->segment_count() > 3);
    auto one = f.log->read(7, 0, 50).value();
    CHECK(one.next_offset == 8);
    auto whole = batch_view::parse(one.batches).value();
    CHECK(whole.base_offset() == 7);
    CHECK(whole.size() == one.batches.size());
    auto all = f.log->read(0, 1 << 20, 50).value();
    CHECK(all.next_offset == 50);
    CHECK(all.batches.size() == f.log->size_bytes());
    auto limited = f.log->read(40, 1 << 20, 42).value();
    CHECK(limited.next_offset == 42);
    auto none = f.log->read(42, 1 << 20, 42).value();
    CHECK(none.batches.empty());
    CHECK(none.next_offset == 42);
    CHECK(f.log->read(50, 100, 50).value().batches.empty());
    CHECK(f.log->read(51, 100, 51).error() == errc::offset_out_of_range);
    CHECK(f.log->read(-1, 100, 51).error() == errc::offset_out_of_range);
  }
}

TEST_CASE("batches in memory that is kept for the log are read there until they are old", "[log]") {
  log_fixture f;
  f.settings.tail_cache_bytes = 100'000;
  f.settings.segment_bytes = 100'000;
  f.open();
  f.append("small");
  const std::string large(40'000, 'x');
  std::vector<std::weak_ptr<const bytes>> held;
  const auto append = [&](const bytes& batches, std::size_t bytes_around = 0) {
    const auto kept = std::make_shared<const bytes>(batches);
    held.push_back(kept);
    return f.log->append(*kept, 0, {kept, kept->size() + bytes_around}).value();
  };
  const bytes one = f.batch_of({large + "1", "a"});
  CHECK(append(one).base_offset == 1);
  CHECK_FALSE(held[0].expired());
  const auto got = f.log->read(0, 1 << 20, 3).value();
  CHECK(got.next_offset == 3);
  CHECK(f.values(1) == strings{large + "1", "a"});
  CHECK(f.log->append(f.batch_of({"between"})).value().base_offset == 3);
  const bytes two = f.batch_of({large + "2"}) + f.batch_of({large + "3", "b"});
  CHECK(append(two).next_offset == 7);
  CHECK(held[0].expired());
  CHECK_FALSE(held[1].expired());
  SECTION("what is small, or the least of what would be kept, is copied") {
    append(f.batch_of({"tiny"}));
    append(f.batch_of({large}) + f.batch_of({"tiny"}));
    append(one, 3 * one.size());
    for (std::size_t i = 2; i < held.size(); ++i) CHECK(held[i].expired());
  }
  SECTION("what is stamped is copied") {
    f.settings.time_type = timestamp_type::log_append_time;
    f.log->change_settings(f.settings);
    append(one);
    CHECK(held.back().expired());
  }
  const auto all = f.values();
  CHECK(all.size() == static_cast<std::size_t>(f.log->end_offset()));
  CHECK(all[3] == "between");
  CHECK(all[5] == large + "3");
  CHECK(f.damages().empty());
  f.kill_and_open();
  CHECK(f.values() == all);
}

TEST_CASE("a batch that stays where it is is written whole or not at all", "[log]") {
  log_fixture f;
  f.open();
  f.append("before");
  const auto kept = std::make_shared<const bytes>(f.batch_of({std::string(40'000, 'x')}));
  for (const std::uint64_t room : {10u, 61u, 62u, 30'000u}) {
    f.disk.set_space_left(room);
    CHECK(f.log->append(*kept, 0, {kept, kept->size()}).error() == errc::disk_full);
    CHECK(f.values() == strings{"before"});
    CHECK(f.damages().empty());
  }
  f.disk.set_space_left(std::nullopt);
  f.reopen();
  f.disk.set_space_left(10);
  CHECK(f.log->append(f.batch_of({"refused"})).error() == errc::disk_full);
  f.disk.set_space_left(std::nullopt);
  REQUIRE(f.log->append(*kept, 0, {kept, kept->size()}));
  CHECK(f.values() == strings{"before", std::string(40'000, 'x')});
}

TEST_CASE("a batch larger than the limit is refused with both sizes", "[log]") {
  log_fixture f;
  f.settings.message_bytes_max = 200;
  f.open();
  auto refused = f.log->append(f.batch_of({std::string(200, 'x')}));
  CHECK(refused.error() == errc::record_too_large);
  CHECK_THAT(refused.error().message(), test::contains("200"));
  CHECK(f.log->end_offset() == 0);
}

TEST_CASE("a record whose time is too far ahead is refused", "[log]") {
  log_fixture f;
  f.settings.time_ahead_max = 1000ms;
  f.open();
  const auto now = f.clock.now();
  CHECK(f.append("on time", now + 1000ms) == 0);
  const auto refused = f.log->append(f.batch_of({"early"}, now + 1001ms));
  CHECK(refused.error() == errc::bad_record);
  CHECK_THAT(refused.error().message(), test::contains("1001 ms ahead"));
  CHECK(f.log->append(f.batch_of({"never"}, from_millis(1LL << 62))).error() == errc::bad_record);
  CHECK(f.append("long ago", from_millis(-5)) == 1);
  f.settings.time_type = timestamp_type::log_append_time;
  f.log->change_settings(f.settings);
  CHECK(f.append("stamped", now + 5000ms) == 2);
}

TEST_CASE("a record whose time is too far behind is refused", "[log]") {
  log_fixture f;
  f.settings.time_behind_max = 1000ms;
  f.open();
  const auto now = f.clock.now();
  CHECK(f.append("on time", now - 1000ms) == 0);
  CHECK(f.append("early", now + 5000ms) == 1);
  const auto refused = f.log->append(f.batch_of({"late"}, now - 1001ms));
  CHECK(refused.error() == errc::bad_record);
  CHECK_THAT(refused.error().message(),
             test::contains("1001 ms behind") && test::contains("message.timestamp.before.max.ms"));
  CHECK(f.log->append(f.batch_of({"never"}, min_timestamp)).error() == errc::bad_record);
  CHECK(f.append("without a time", no_timestamp) == 2);
  f.settings.time_type = timestamp_type::log_append_time;
  f.log->change_settings(f.settings);
  CHECK(f.append("stamped", from_millis(5)) == 3);
}

TEST_CASE("segments roll by size and by age", "[log]") {
  log_fixture f;
  f.settings.segment_bytes = 300;
  f.settings.segment_age = 10s;
  f.open();
  for (int i = 0; i < 4; ++i) f.append(std::string(100, 'x'), from_millis(1000));
  CHECK(f.log->segment_count() == 4);
  f.append("young", from_millis(11'000));
  CHECK(f.log->segment_count() == 4);
  f.append("old", from_millis(11'001));
  CHECK(f.log->segment_count() == 5);
  f.append("past", from_millis(5));
  CHECK(f.log->segment_count() == 5);
  CHECK(f.damages().empty());
  f.reopen();
  CHECK(f.log->segment_count() == 5);
  CHECK(f.records().size() == 7);
}

TEST_CASE("append time is stamped on the batch and told", "[log]") {
  log_fixture f;
  f.settings.time_type = timestamp_type::log_append_time;
  f.open();
  f.clock.advance(5s);
  auto done = f.log->append(f.batch_of({"a"}, from_millis(1))).value();
  CHECK(done.append_time == f.clock.now());
  CHECK(f.records().at(0).time == f.clock.now());
}

TEST_CASE("a largest time that lies is corrected", "[log]") {
  log_fixture f;
  f.open();
  bytes lie = f.batch_of({"a"}, from_millis(1000));
  store_be<std::int64_t>(lie.data() + 35, 999'999);
  store_be<std::uint32_t>(lie.data() + 17, crc32c(bytes_view{lie}.substr(21)));
  CHECK(f.log->append(lie));
  CHECK_FALSE(f.log->find_time(from_millis(1001)).value());
  CHECK(f.damages().empty());
}

TEST_CASE("times are found through index, scan and batch", "[log]") {
  log_fixture f;
  f.settings.segment_bytes = 2000;
  f.settings.index_interval_bytes = 200;
  f.open();
  for (int i = 0; i < 100; ++i) f.append("v", from_millis(1000 + i * 10));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) {
      auto hit = f.log->find_time(from_millis(1000 + i * 10 - 3)).value();
      REQUIRE(hit);
      CHECK(hit->offset == i);
      CHECK(hit->time == from_millis(1000 + i * 10));
    }
    CHECK_FALSE(f.log->find_time(from_millis(1991)).value());
    CHECK(f.log->find_time(min_timestamp).value()->offset == 0);
    f.reopen();
  }
  REQUIRE(f.log->delete_before(50));
  CHECK(f.log->find_time(from_millis(1000)).value()->offset == 50);
}

TEST_CASE("the first of several records with the time is found inside a batch", "[log]") {
  log_fixture f;
  f.open();
  batch_builder builder;
  for (int t : {5, 30, 20, 40}) builder.add(from_millis(t), std::nullopt, "v");
  REQUIRE(f.log->append(builder.finish()));
  CHECK(f.log->find_time(from_millis(20)).value()->offset == 1);
  CHECK(f.log->find_time(from_millis(31)).value()->offset == 3);
}

TEST_CASE("unsynced names what the writer must sync", "[log]") {
  log_fixture f;
  f.open();
  auto fresh = f.log->unsynced();
  CHECK(fresh.files.empty());
  CHECK(fresh.folders == strings{"/data", "/data/topic-0"});
  f.append("a");
  f.append("b");
  CHECK(f.log->synced_offset() == 0);
  auto pending = f.log->unsynced();
  CHECK(pending.files == strings{f.path(0)});
  CHECK(pending.up_to == 2);
  CHECK(pending.bytes == f.size_of(f.path(0)));
  f.append("c");
  f.log->mark_synced(pending);
  CHECK(f.log->synced_offset() == 2);
  CHECK(f.log->unsynced().bytes == f.size_of(f.path(0)) - pending.bytes);
  CHECK(f.log->unsynced().folders.empty());
  f.sync();
  CHECK(f.log->unsynced().files.empty());
  CHECK(f.log->synced_offset() == 3);
}

TEST_CASE("after a failed sync nothing is appended any more", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.log->mark_sync_failed(error{errc::sync_failed, "cannot sync the file"});
  auto refused = f.log->append(f.batch_of({"b"}));
  CHECK(refused.error() == errc::sync_failed);
  CHECK_THAT(refused.error().message(), test::contains("cannot sync the file"));
  CHECK(f.values() == strings{"a"});
  CHECK(f.log->close().error() == errc::sync_failed);
  CHECK(f.log->append(f.batch_of({"b"})).error() == errc::closed);
}

TEST_CASE("a sync that succeeds behind one that failed is not believed", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.sync();
  f.append("b");
  const auto in_flight = f.log->unsynced();
  // The append that is refused takes "b" with it: undoing it needs a sync.
  f.disk.set_space_left(10);
  f.disk.fail_syncs(1);
  REQUIRE_FALSE(f.log->append(f.batch_of({"c"})));
  CHECK(f.log->failure() == errc::partition_offline);
  f.disk.set_space_left(std::nullopt);
  for (const auto& path : in_flight.files)
    REQUIRE(f.disk.open(path, open_mode::read_write).value()->sync());
  f.log->mark_synced(in_flight);
  CHECK(f.log->synced_offset() == 1);

  // The next opening writes what it believes again, and then it is on the disk.
  f.kill_and_open();
  CHECK(f.values() == strings{"a", "b"});
  random chance{3};
  f.disk.crash(chance);
  f.open();
  CHECK(f.values() == strings{"a", "b"});
}

TEST_CASE("a closed log takes no calls", "[log]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->close());
  CHECK(f.log->append(f.batch_of({"a"})).error() == errc::closed);
  CHECK(f.log->read(0, 1, 1).error() == errc::closed);
  CHECK(f.log->close().error() == errc::closed);
}

TEST_CASE("a full disk refuses the append and harms nothing", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.disk.set_space_left(10);
  auto refused = f.log->append(f.batch_of({"b"}));
  CHECK(refused.error() == errc::disk_full);
  CHECK(f.log->end_offset() == 1);
  CHECK(f.damages().empty());
  f.disk.set_space_left(std::nullopt);
  CHECK(f.append("c") == 1);
  f.kill_and_open();
  CHECK(f.values() == strings{"a", "c"});
}

TEST_CASE("a failed write is undone", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.disk.fail_writes(1);
  CHECK(f.log->append(f.batch_of({"b"})).error() == errc::io_error);
  CHECK(f.append("c") == 1);
  f.kill_and_open();
  CHECK(f.values() == strings{"a", "c"});
}

TEST_CASE("a read-only folder can be read when it was closed in order", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.close();
  f.disk.set_read_only(true);
  f.open();
  CHECK(f.values() == strings{"a"});
  CHECK(f.log->append(f.batch_of({"b"})).error() == errc::read_only);
}

TEST_CASE("leader epochs are kept and asked for", "[log]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.batch_of({"a", "b"}), 0));
  REQUIRE(f.log->append(f.batch_of({"c"}), 2));
  REQUIRE(f.log->append(f.batch_of({"d"}), 2));
  REQUIRE(f.log->append(f.batch_of({"e"}), 5));
  CHECK(f.log->append(f.batch_of({"f"}), 4).error() == errc::invalid_argument);
  for (int round = 0; round < 3; ++round) {
    CHECK(f.log->latest_epoch() == 5);
    CHECK(f.log->end_of_epoch(0) == std::pair<epoch_t, offset_t>{0, 2});
    CHECK(f.log->end_of_epoch(1) == std::pair<epoch_t, offset_t>{0, 2});
    CHECK(f.log->end_of_epoch(3) == std::pair<epoch_t, offset_t>{2, 4});
    CHECK(f.log->end_of_epoch(5) == std::pair<epoch_t, offset_t>{5, 5});
    CHECK(f.log->end_of_epoch(9) == std::pair<epoch_t, offset_t>{5, 5});
    round == 0 ? f.kill_and_open() : f.reopen();
  }
  CHECK(f.disk.content(f.folder + "/leader-epoch-checkpoint") == "0\n3\n0 0\n2 2\n5 4\n");
  REQUIRE(f.log->truncate_to(3));
  CHECK(f.log->latest_epoch() == 2);
  CHECK(f.damages().empty());
}

TEST_CASE("truncation removes everything from an offset on", "[log]") {
  for (offset_t at = 0; at <= 20; ++at) {
    log_fixture f;
    f.settings.segment_bytes = 250;
    f.open();
    for (int i = 0; i < 20; ++i) f.append(std::to_string(i));
    REQUIRE(f.log->truncate_to(at));
    CHECK(f.log->end_offset() == at);
    CHECK(f.values().size() == static_cast<std::size_t>(at));
    CHECK(f.append("new") == at);
    CHECK(f.damages().empty());
    at % 2 == 0 ? f.reopen() : f.kill_and_open();
    CHECK(f.values().size() == static_cast<std::size_t>(at) + 1);
    CHECK(f.values().back() == "new");
  }
}

TEST_CASE("truncation inside a batch removes the whole batch", "[log]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.batch_of({"a", "b"})));
  REQUIRE(f.log->append(f.batch_of({"c", "d"})));
  REQUIRE(f.log->truncate_to(3));
  CHECK(f.log->end_offset() == 2);
  CHECK(f.values() == strings{"a", "b"});
}

TEST_CASE("a sync taken before a truncation does not count after it", "[log]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.append("b");
  auto pending = f.log->unsynced();
  REQUIRE(f.log->truncate_to(1));
  f.append("c");
  f.log->mark_synced(pending);
  CHECK(f.log->synced_offset() < 2);
  f.sync();
  CHECK(f.log->synced_offset() == 2);
}

TEST_CASE("batches are stored in the compression that the topic asks for", "[log]") {
  log_fixture f;
  const auto stored = [&] {
    auto read = f.log->read(0, 1 << 20, f.log->end_offset());
    REQUIRE(read);
    std::vector<std::pair<codec, std::string>> out;
    for (bytes_view left = read->batches; !left.empty();) {
      auto batch = batch_view::parse(left);
      REQUIRE(batch);
      REQUIRE(batch->validate());
      batch_cursor cursor;
      REQUIRE(cursor.open(*batch));
      record_view each;
      REQUIRE(*cursor.next(each));
      out.emplace_back(batch->compression(), std::string{*each.value});
      left.remove_prefix(batch->size());
    }
    return out;
  };
  const auto store_as = [&](codec with) {
    f.settings.compression = with;
    f.log->change_settings(f.settings);
  };
  const std::string value(1000, 'v');
  batch_options gzip;
  gzip.compression = codec::gzip;
  const bytes compressed = f.batch_of({value}, from_millis(1), gzip);
  f.open();
  REQUIRE(f.log->append(compressed));
  store_as(codec::zstd);
  REQUIRE(f.log->append(f.batch_of({"plain"}) + compressed));
  store_as(codec::none);
  REQUIRE(f.log->append(compressed));
  CHECK(stored() == std::vector<std::pair<codec, std::string>>{{codec::gzip, value},
                                                               {codec::zstd, "plain"},
                                                               {codec::zstd, value},
                                                               {codec::none, value}});
}

}  // namespace penstock
