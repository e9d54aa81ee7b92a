#pragma once
// A small language for tests about logs: open, write, read, damage, crash.

#include <memory>
#include <string>
#include <vector>

#include "streams/base/disk_simulated.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/log.hpp"
#include "tests/support/catch.hpp"

namespace penstock::test {

struct log_fixture {
  simulated_disk disk;
  manual_clock clock;
  log_settings settings;
  std::string folder = "/data/topic-0";
  std::unique_ptr<partition_log> log;
  recovery_report report;

  log_fixture() {
    settings.segment_age = 0ms;
    settings.retention = -1ms;
    REQUIRE(disk.make_folder("/data"));
    REQUIRE(disk.sync_folder("/"));
  }

  result<void> try_open() {
    log.reset();
    report = {};
    auto opened = partition_log::open(disk, clock, folder, settings, &report);
    if (!opened) return std::move(opened).error();
    log = *std::move(opened);
    return {};
  }
  void open() {
    auto opened = try_open();
    INFO((opened ? std::string{} : opened.error().to_string()));
    REQUIRE(opened);
  }
  void close() {
    REQUIRE(log->close());
    log.reset();
  }
  void reopen() {
    close();
    open();
  }
  /// Opens again as after kill -9: nothing is closed, nothing is lost.
  void kill_and_open() { open(); }

  static bytes batch_of(const std::vector<std::string>& values, timestamp time = from_millis(1000),
                        batch_options options = {}) {
    batch_builder builder{options};
    for (const std::string& v : values) builder.add(time, std::nullopt, v);
    return bytes{builder.finish()};
  }
  static bytes keyed(const std::string& key, std::optional<std::string> value,
                     timestamp time = from_millis(1000)) {
    batch_builder builder;
    builder.add(time, key, value ? std::optional<bytes_view>{*value} : std::nullopt);
    return bytes{builder.finish()};
  }
  static bytes produced(std::int64_t id, std::int16_t epoch, std::int32_t sequence,
                        std::size_t count = 1) {
    batch_options options;
    options.producer_id = id;
    options.producer_epoch = epoch;
    options.base_sequence = sequence;
    return batch_of(std::vector<std::string>(count, "p"), from_millis(1000), options);
  }
  static bytes marked(const std::string& task, std::int32_t epoch, std::int64_t sequence) {
    batch_builder builder;
    bytes mark = encode(source_mark{task, epoch, sequence});
    std::vector<header_view> headers{{source_mark_header, mark}};
    builder.add(from_millis(1000), "k", task + std::to_string(sequence), headers);
    return bytes{builder.finish()};
  }

  offset_t append(const std::string& value, timestamp time = from_millis(1000)) {
    auto done = log->append(batch_of({value}, time));
    INFO((done ? std::string{} : done.error().to_string()));
    REQUIRE(done);
    return done->base_offset;
  }
  /// What the writer does.
  void sync() { sync(log->unsynced()); }
  void sync(const partition_log::pending_sync& pending) {
    for (const auto& path : pending.files) {
      auto opened = disk.open(path, open_mode::read_write);
      if (!opened && opened.error() == errc::not_found) continue;
      REQUIRE(opened.value()->sync());
    }
    for (const auto& path : pending.folders) REQUIRE(disk.sync_folder(path));
    log->mark_synced(pending);
  }

  /// Every record from `from` on, read a few bytes at a time.
  std::vector<record> records(offset_t from = -1, std::size_t bytes_max = 100) {
    if (from < 0) from = log->start_offset();
    std::vector<record> found;
    batch_cursor cursor;
    offset_t next = from;
    while (next < log->end_offset()) {
      auto got = log->read(next, bytes_max, log->end_offset());
      INFO((got ? std::string{} : got.error().to_string()));
      REQUIRE(got);
      REQUIRE(got->next_offset > next);
      next = got->next_offset;
      bytes_view left = got->batches;
      while (!left.empty()) {
        auto batch = batch_view::parse(left).value();
        REQUIRE(batch.validate());
        left.remove_prefix(batch.size());
        REQUIRE(cursor.open(batch));
        record_view r;
        while (cursor.next(r).value()) {
          if (r.offset >= from) found.push_back(own(r));
        }
      }
    }
    return found;
  }
  std::vector<std::string> values(offset_t from = -1) {
    std::vector<std::string> found;
    for (const record& r : records(from)) found.push_back(r.value.value_or("(none)"));
    return found;
  }

  std::string path(offset_t base, std::string_view suffix = file_names::log) const {
    return folder + "/" + file_names::of(base, suffix);
  }
  std::uint64_t size_of(const std::string& name) const { return disk.content(name).value().size(); }
  void cut(const std::string& name, std::uint64_t size) {
    auto f = disk.open(name, open_mode::read_write).value();
    REQUIRE(f->truncate(size));
    REQUIRE(f->sync());
  }
  std::vector<damage> damages() { return verify_folder(disk, folder).value(); }
};

}  // namespace penstock::test
