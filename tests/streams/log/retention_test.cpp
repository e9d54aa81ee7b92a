#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;
using strings = std::vector<std::string>;

TEST_CASE("old segments go by time, the newest records stay", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 100;
  f.settings.retention = 60s;
  f.open();
  for (int i = 0; i < 5; ++i) {
    f.append("v" + std::to_string(i), f.clock.now());
    f.clock.advance(20s);
  }
  CHECK(f.log->segment_count() == 5);
  CHECK(f.log->apply_retention().value() > 0);
  CHECK(f.log->start_offset() == 2);
  CHECK(f.values() == strings{"v2", "v3", "v4"});
  CHECK(f.log->read(1, 100, 5).error() == errc::offset_out_of_range);
  f.kill_and_open();
  CHECK(f.log->start_offset() == 2);
  f.clock.advance(1h);
  REQUIRE(f.log->apply_retention());
  CHECK(f.log->start_offset() == 5);  // the active one rolled and went, too
  CHECK(f.values().empty());
  CHECK(f.append("next") == 5);
  f.reopen();
  CHECK(f.values() == strings{"next"});
}

TEST_CASE("segments go by size, oldest first", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 100;
  f.open();
  for (int i = 0; i < 10; ++i) f.append("v" + std::to_string(i));
  std::uint64_t each = f.log->size_bytes() / 10;
  f.settings.retention_bytes = static_cast<std::int64_t>(each * 3);
  f.log->change_settings(f.settings);
  CHECK(f.log->apply_retention().value() == each * 7);
  CHECK(f.values() == strings{"v7", "v8", "v9"});
  CHECK(f.log->apply_retention().value() == 0);
}

TEST_CASE("without cleanup.policy=delete nothing goes by itself", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 100;
  f.settings.retention = 1ms;
  f.settings.retention_bytes = 0;
  f.settings.cleanup_delete = false;
  f.open();
  for (int i = 0; i < 3; ++i) f.append("v");
  CHECK(f.log->apply_retention().value() == 0);
  CHECK(f.values().size() == 3);
}

TEST_CASE("records without a time are not old", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 100;
  f.settings.retention = 1ms;
  f.open();
  for (int i = 0; i < 3; ++i) f.append("v", no_timestamp);
  CHECK(f.log->apply_retention().value() == 0);
}

TEST_CASE("delete_before moves the start and is remembered", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 160;
  f.open();
  for (int i = 0; i < 10; ++i) f.append("v" + std::to_string(i));
  CHECK(f.log->delete_before(3).value() == 3);
  CHECK(f.log->delete_before(2).value() == 3);
  CHECK(f.values().front() == "v3");
  CHECK(f.log->read(2, 100, 10).error() == errc::offset_out_of_range);
  CHECK(f.log->delete_before(11).error() == errc::offset_out_of_range);
  f.kill_and_open();
  CHECK(f.log->start_offset() == 3);
  CHECK(f.log->delete_before(10).value() == 10);
  CHECK(f.log->segment_count() == 1);
  CHECK(f.log->size_bytes() == 0);
  f.kill_and_open();
  CHECK(f.log->start_offset() == 10);
  CHECK(f.log->end_offset() == 10);
  CHECK(f.append("next") == 10);
  CHECK(f.damages().empty());
}

TEST_CASE("files that a crash brought back are removed again", "[log][retention]") {
  log_fixture f;
  f.settings.segment_bytes = 100;
  f.open();
  for (int i = 0; i < 5; ++i) f.append("v" + std::to_string(i));
  bytes first = f.disk.content(f.path(0)).value();
  REQUIRE(f.log->delete_before(2));
  f.close();
  f.disk.set_content(f.path(0), first);
  f.open();
  CHECK(f.log->start_offset() == 2);
  CHECK_FALSE(f.disk.content(f.path(0)));
  CHECK(f.values() == strings{"v2", "v3", "v4"});
}

TEST_CASE("an idle log gives its cache back and reads from the file", "[log][retention]") {
  log_fixture f;
  f.open();
  f.append("a");
  f.clock.advance(2min);
  REQUIRE(f.log->apply_retention());
  f.disk.fail_reads(1);
  CHECK_FALSE(f.log->read(0, 100, 1));  // not from memory any more
  CHECK(f.values() == strings{"a"});
  CHECK(f.append("b") == 1);
}

}  // namespace penstock
