#include "actors/processor/commit_record.hpp"

#include "streams/record/batch.hpp"
#include "streams/record/record.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;

namespace {

task_positions some_positions() {
  task_positions p;
  p.commit = 41;
  p.epoch = 7;
  p.progress = bytes{"pro\0gress", 9};
  p.next[{"lines", 2}] = 1234;
  p.next[{"other", 2}] = 0;
  p.sequences[{1, "count/0/3"}] = 99;
  p.topic_ids["lines"] = "0123456789abcdef";
  return p;
}

bytes batch_of(std::initializer_list<std::pair<bytes_view, bytes_view>> records,
               const source_mark* mark = nullptr) {
  batch_builder builder;
  bool first = true;
  for (const auto& [key, value] : records) {
    if (first && mark != nullptr) {
      const bytes encoded = encode(*mark);
      const header_view header{source_mark_header, bytes_view{encoded}};
      builder.add(from_millis(5), key, value, {&header, 1});
    } else {
      builder.add(from_millis(5), key, value);
    }
    first = false;
  }
  return bytes{builder.finish()};
}

}  // namespace

TEST_CASE("positions come back as they were written", "[processor]") {
  auto read = decode_positions(encode(some_positions()));
  REQUIRE(read.has_value());
  CHECK(*read == some_positions());
}

TEST_CASE("the worked example of the changelog page is what is written", "[processor]") {
  task_positions p;
  p.commit = 0;
  p.epoch = 5;
  p.next[{"in", 2}] = 7;
  p.topic_ids["in"] = "0123456789abcdef";
  const bytes before_ids{"\0\0\0\0\0\0\0\0\0\0\0\x05\0\x01\x02in\0\0\0\x02\0\0\0\0\0\0\0\x07\0",
                         30};
  CHECK(encode(p) == "\x02" + before_ids + "\x01\x02in0123456789abcdef");

  // Version 1 knew no ids.
  auto read = decode_positions("\x01" + before_ids);
  REQUIRE(read.has_value());
  p.topic_ids.clear();
  CHECK(*read == p);
}

TEST_CASE("positions cut anywhere are corrupt, never read past their end", "[processor]") {
  const auto whole = encode(some_positions());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    auto read = decode_positions(bytes_view{whole}.substr(0, length));
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == errc::corrupt);
  }
}

TEST_CASE("positions of a newer program are refused with the remedy", "[processor]") {
  auto newer = encode(some_positions());
  newer[0] = 3;
  auto read = decode_positions(newer);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error() == errc::unsupported_version);
  CHECK_THAT(read.error().message(), test::contains("newer program"));
}

TEST_CASE("an outbox comes back with its batches", "[processor]") {
  const std::vector<outgoing_batch> batches{{{"a", 0}, batch_of({{"k", "v"}})},
                                            {{"b", 3}, batch_of({{"x", "y"}, {"z", ""}})}};
  const auto written = encode_outbox(batches);
  auto read = decode_outbox(written);
  REQUIRE(read.has_value());
  CHECK(*read == batches);
  for (std::size_t length = 0; length < written.size(); ++length)
    CHECK_FALSE(decode_outbox(bytes_view{written}.substr(0, length)).has_value());
}

TEST_CASE("a batch gets another mark and keeps its records", "[processor]") {
  const source_mark old_mark{"t/0/1", 3, 17};
  const source_mark new_mark{"t/0/1", 4, 17};
  auto again = remark(batch_of({{"k1", "v1"}, {"k2", "v2"}}, &old_mark), new_mark);
  REQUIRE(again.has_value());
  auto batch = batch_view::parse(*again);
  REQUIRE(batch.has_value());
  REQUIRE(batch->validate().has_value());
  CHECK(batch->record_count() == 2);
  auto mark = source_mark_of(*batch);
  REQUIRE(mark.has_value());
  REQUIRE(mark->has_value());
  CHECK(**mark == new_mark);
  batch_cursor cursor;
  REQUIRE(cursor.open(*batch).has_value());
  record_view r;
  REQUIRE(*cursor.next(r));
  CHECK(r.key == "k1");
  CHECK(r.header_count == 1);
  REQUIRE(*cursor.next(r));
  CHECK(r.value == "v2");
}
