#include "streams/log/transactions.hpp"

#include "streams/base/coding.hpp"
#include "streams/record/transaction_marker.hpp"
#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;
using strings = std::vector<std::string>;

namespace {

struct transactional_log : log_fixture {
  transactional_log() { settings.flush = flush_policy::none; }

  static bytes data(std::int64_t id, std::int32_t sequence, const std::string& value = "p",
                    std::int16_t epoch = 0, std::optional<std::string> key = {}) {
    batch_options options;
    options.producer_id = id;
    options.producer_epoch = epoch;
    options.base_sequence = sequence;
    options.transactional = true;
    batch_builder builder{options};
    builder.add(from_millis(1000), key ? std::optional<bytes_view>{*key} : std::nullopt, value);
    return bytes{builder.finish()};
  }
  offset_t add(bytes_view batch) {
    auto done = log->append(batch);
    INFO((done ? std::string{} : done.error().to_string()));
    REQUIRE(done);
    return done->base_offset;
  }
  offset_t end(std::int64_t id, bool commit, std::int16_t epoch = 0) {
    return add(encode_marker({commit, 0}, id, epoch, from_millis(1000)));
  }
  offset_t stable() { return log->last_stable_offset(log->end_offset()); }
  /// What a reader of committed records gets.
  strings committed() {
    const auto aborted = log->aborted_between(log->start_offset(), log->end_offset());
    strings found;
    auto got = log->read(log->start_offset(), 1u << 20, stable()).value();
    bytes_view left = got.batches;
    batch_cursor cursor;
    record_view r;
    while (!left.empty()) {
      auto batch = batch_view::parse(left).value();
      left.remove_prefix(batch.size());
      const bool gone = std::any_of(aborted.begin(), aborted.end(),
                                    [&](const auto& each) { return each.covers(batch); });
      if (batch.is_control() || gone) continue;
      REQUIRE(cursor.open(batch));
      while (cursor.next(r).value()) found.emplace_back(r.value.value_or("(none)"));
    }
    return found;
  }
};

}  // namespace

TEST_CASE("the last stable offset stops at the first open transaction", "[log][transactions]") {
  transactional_log f;
  f.open();
  CHECK(f.stable() == 0);
  f.append("plain");
  CHECK(f.stable() == 1);
  f.add(f.data(1, 0));  // 1
  f.add(f.data(2, 0));  // 2
  f.append("plain");    // 3
  CHECK(f.stable() == 1);
  CHECK(f.log->in_transaction(1, 0));
  CHECK_FALSE(f.log->in_transaction(1, 1));
  f.end(1, true);  // 4
  CHECK(f.stable() == 2);
  CHECK_FALSE(f.log->in_transaction(1, 0));
  f.end(2, false);  // 5
  CHECK(f.stable() == 6);
  CHECK(f.log->aborted_between(0, 6) == std::vector<aborted_transaction>{{2, 2, 5, 6}});
  CHECK(f.log->aborted_between(0, 2).empty());
  CHECK(f.log->aborted_between(6, 9).empty());
  CHECK(f.committed() == strings{"plain", "p", "plain"});
  CHECK(f.damages().empty());
}

TEST_CASE("what ended counts when readers may see its marker", "[log][transactions]") {
  transactional_log f;
  f.settings.flush = flush_policy::batch;
  f.open();
  f.add(f.data(1, 0));
  f.end(1, true);
  CHECK(f.log->last_stable_offset(0) == 0);
  CHECK(f.log->last_stable_offset(1) == 0);
  CHECK(f.log->last_stable_offset(2) == 2);
}

TEST_CASE("an abort is noted in Kafka's transaction index", "[log][transactions]") {
  transactional_log f;
  f.open();
  f.append("plain");
  f.add(f.data(7, 0));
  f.add(f.data(8, 0));
  f.end(7, false);
  bytes expected;
  put_be<std::int16_t>(expected, 0);
  for (const std::int64_t each : {7, 1, 3, 2}) put_be(expected, each);
  CHECK(f.disk.content(f.path(0, ".txnindex")) == expected);
  f.end(8, true);
  CHECK(f.disk.content(f.path(0, ".txnindex")) == expected);
  f.reopen();
  CHECK(f.report.clean);
  CHECK(f.log->aborted_between(0, 9) == std::vector<aborted_transaction>{{7, 1, 3, 2}});
}

TEST_CASE("transactions survive a crash and damaged indexes", "[log][transactions]") {
  transactional_log f;
  f.settings.segment_bytes = 300;
  f.settings.flush = flush_policy::batch;
  f.open();
  for (int i = 0; i < 12; ++i) {
    f.add(f.data(i % 3, i / 3, "value " + std::to_string(i)));
    if (i % 2 == 1) f.append("plain " + std::to_string(i));
    if (i % 3 == 2) f.end(i % 3, i % 2 == 0);
    if (i == 7) f.sync();
  }
  REQUIRE(f.log->segment_count() > 3);
  const auto aborted = f.log->aborted_between(0, 1000);
  REQUIRE(aborted.size() >= 2);
  const auto stable = f.stable();
  const auto content = f.committed();
  const auto check = [&] {
    CHECK(f.log->aborted_between(0, 1000) == aborted);
    CHECK(f.stable() == stable);
    CHECK(f.committed() == content);
    CHECK(f.damages().empty());
  };
  SECTION("killed") {
    f.kill_and_open();
  }
  SECTION("stopped in order") {
    f.reopen();
  }
  SECTION("an index lost its end") {
    f.close();
    for (const auto& each : f.disk.files_below("/data"))
      if (each.ends_with(".txnindex")) f.cut(each, 20);
    f.open();
    CHECK(!f.report.messages.empty());
  }
  SECTION("an index is another one's") {
    f.close();
    for (const auto& each : f.disk.files_below("/data"))
      if (each.ends_with(".txnindex"))
        f.disk.set_content(each, encode({aborted_transaction{5, 900, 901, 900}}));
    f.open();
  }
  check();
  f.end(0, true);
  f.end(1, true);
  CHECK(f.stable() == f.log->end_offset());
}

TEST_CASE("a power loss leaves index and log of one mind", "[log][transactions]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    transactional_log f;
    f.settings.flush = flush_policy::batch;
    f.settings.segment_bytes = 400;
    f.open();
    random chance{seed};
    std::map<std::int64_t, std::int32_t> sequences;
    std::map<std::int64_t, bool> open;
    for (int step = 0; step < 40; ++step) {
      const auto id = static_cast<std::int64_t>(chance.below(3));
      if (open[id] && chance.below(2) == 0) {
        f.end(id, chance.below(2) == 0);
        open[id] = false;
      } else {
        f.add(f.data(id, sequences[id]++));
        open[id] = true;
      }
      if (chance.below(4) == 0) f.sync();
    }
    f.log.reset();
    f.disk.crash(chance);
    f.open();
    CHECK(f.damages().empty());
    // By the batches alone.
    producer_table seen;
    std::vector<aborted_transaction> expected;
    auto all = f.log->read(0, 1u << 20, f.log->end_offset()).value();
    bytes_view left = all.batches;
    while (!left.empty()) {
      auto batch = batch_view::parse(left).value();
      left.remove_prefix(batch.size());
      if (auto ended = seen.record(batch, from_millis(0)); ended && !ended->committed)
        expected.push_back({ended->producer_id, ended->first_offset, ended->last_offset,
                            seen.first_open().value_or(ended->last_offset + 1)});
    }
    CHECK(f.log->aborted_between(0, 1000) == expected);
    CHECK(f.stable() == seen.first_open().value_or(f.log->end_offset()));
  }
}

TEST_CASE("truncation and deletion take transactions with them", "[log][transactions]") {
  transactional_log f;
  f.settings.segment_bytes = 200;
  f.open();
  f.add(f.data(1, 0));  // 0
  f.end(1, false);      // 1
  f.add(f.data(2, 0));  // 2
  f.end(2, false);      // 3
  f.add(f.data(3, 0));  // 4
  f.end(3, false);      // 5
  REQUIRE(f.log->truncate_to(5));
  CHECK(f.stable() == 4);
  CHECK(f.log->in_transaction(3, 0));
  CHECK(f.log->aborted_between(0, 99).size() == 2);
  CHECK(f.damages().empty());
  f.end(3, true);
  CHECK(f.stable() == 6);
  REQUIRE(f.log->delete_before(4));
  CHECK(f.log->aborted_between(0, 99).empty());
  f.reopen();
  CHECK(f.log->aborted_between(0, 99).empty());
  for (const auto& each : f.disk.files_below("/data"))
    if (each.ends_with(".txnindex")) CHECK(f.size_of(each) == 0);
}

TEST_CASE("the marker of an older epoch or coordinator is refused", "[log][transactions]") {
  transactional_log f;
  f.open();
  f.add(f.data(1, 0, "p", 3));
  const auto refused = [&](std::int16_t epoch, std::int32_t coordinator) {
    auto done = f.log->append(encode_marker({true, coordinator}, 1, epoch, from_millis(1)));
    return done ? errc::none : done.error().code();
  };
  CHECK(refused(2, 0) == errc::producer_fenced);
  CHECK(f.stable() == 0);
  CHECK(refused(4, 5) == errc::none);
  CHECK(refused(4, 4) == errc::coordinator_fenced);
  // The producer of before the marker is fenced.
  auto late = f.log->append(f.data(1, 1, "p", 3));
  REQUIRE(!late);
  CHECK(late.error() == errc::producer_fenced);
}

TEST_CASE("compaction drops what was aborted, and markers that nobody needs",
          "[log][transactions][compaction]") {
  transactional_log f;
  f.settings.cleanup_compact = true;
  f.settings.cleanup_delete = false;
  f.settings.dirty_ratio_min = 0;
  f.settings.segment_bytes = 300;
  f.settings.tombstone_retention = 1h;
  f.open();
  const auto keyed_data = [&](std::int64_t id, std::int32_t sequence, const std::string& key,
                              const std::string& value) {
    f.add(f.data(id, sequence, value, 0, key));
  };
  keyed_data(1, 0, "a", "committed");
  f.end(1, true);
  keyed_data(2, 0, "a", "aborted");
  keyed_data(2, 1, "b", "aborted too");
  f.end(2, false);
  keyed_data(1, 1, "c", "old");
  f.end(1, true);
  keyed_data(1, 2, "c", "new");
  f.end(1, true);
  for (int i = 0; i < 5; ++i)
    REQUIRE(f.log->append(f.keyed("filler" + std::to_string(i), std::string(100, 'f'))));
  keyed_data(3, 0, "open", "undecided");
  for (int i = 0; i < 5; ++i)
    REQUIRE(f.log->append(f.keyed("more" + std::to_string(i), std::string(100, 'f'))));
  CHECK(f.log->compact().value() > 0);
  const auto head = [&] {
    auto all = f.committed();
    all.resize(2);
    return all;
  };
  CHECK(head() == strings{"committed", "new"});
  CHECK(f.stable() < f.log->end_offset());
  CHECK(f.damages().empty());
  const auto markers = [&] {
    std::size_t count = 0;
    bytes all = f.log->read(0, 1u << 20, f.log->end_offset()).value().batches;
    for (bytes_view left = all; !left.empty();) {
      auto batch = batch_view::parse(left).value();
      left.remove_prefix(batch.size());
      count += batch.is_control();
    }
    return count;
  };
  CHECK(markers() == 4);
  f.kill_and_open();
  CHECK(head() == strings{"committed", "new"});

  f.end(3, true);
  f.clock.advance(2h);
  for (int i = 0; i < 5; ++i)
    REQUIRE(f.log->append(f.keyed("again" + std::to_string(i), std::string(100, 'f'))));
  CHECK(f.log->compact().value() > 0);
  CHECK(head() == strings{"committed", "new"});
  CHECK(markers() == 3);  // of a, of c, and the last one
  CHECK(f.damages().empty());
  f.kill_and_open();
  CHECK(f.stable() == f.log->end_offset());
  CHECK(head() == strings{"committed", "new"});
}

}  // namespace penstock
