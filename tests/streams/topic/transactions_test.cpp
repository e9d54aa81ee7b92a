#include "streams/topic/transactions.hpp"

#include "streams/base/coding.hpp"
#include "streams/log/transactions.hpp"
#include "streams/record/transaction_marker.hpp"
#include "streams/topic/pending_offsets.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"

namespace penstock {

TEST_CASE("the state of a transaction is in Kafka's schema", "[topic][transactions]") {
  transaction_value value;
  value.producer_id = 4000;
  value.epoch = 3;
  value.timeout = 60s;
  value.state = transaction_state::ongoing;
  value.partitions = {{"orders", 0}, {"orders", 2}, {"__consumer_offsets", 0}};
  value.last_update = from_millis(1'600'000'000'500);
  value.start = from_millis(1'600'000'000'000);
  CHECK(decode_transaction_value(encode(value)).value() == value);
  CHECK(decode_transaction_key(encode_transaction_key("payments")).value() == "payments");

  value.state = transaction_state::empty;
  value.partitions.clear();
  CHECK(decode_transaction_value(encode(value)).value() == value);
}

TEST_CASE("the page about transactions has the bytes that are written", "[topic][transactions]") {
  const bytes marker = encode_marker({true, 3}, 7, 0, from_millis(0));
  const auto batch = batch_view::parse(marker).value();
  CHECK(batch.is_control());
  CHECK(batch.is_transactional());
  CHECK(marker_of(batch) == transaction_marker{true, 3});
  batch_cursor cursor;
  record_view record;
  REQUIRE(cursor.open(batch));
  REQUIRE(cursor.next(record).value());
  bytes all{*record.key};
  all += *record.value;
  all += encode({aborted_transaction{7, 1, 3, 2}});
  all += encode_transaction_key("payments");
  transaction_value value;
  value.producer_id = 4000;
  value.epoch = 3;
  value.timeout = 60s;
  value.state = transaction_state::ongoing;
  value.partitions = {{"orders", 2}};
  value.last_update = from_millis(1'600'000'000'500);
  value.start = from_millis(1'600'000'000'000);
  all += encode(value);
  CHECK(test::to_hex(test::hex_of_page("docs/formats/transactions.md")) == test::to_hex(all));
}

TEST_CASE("the flexible version that newer Kafkas write is read", "[topic][transactions]") {
  bytes raw;
  put_be<std::int16_t>(raw, 1);
  put_be<std::int64_t>(raw, 9);
  put_be<std::int16_t>(raw, 5);
  put_be<std::int32_t>(raw, 1000);
  put_be<std::int8_t>(raw, 4);
  raw += '\2';  // one topic
  raw += '\2';
  raw += 't';
  raw += '\3';  // two partitions
  put_be<std::int32_t>(raw, 0);
  put_be<std::int32_t>(raw, 7);
  raw += '\0';
  put_be<std::int64_t>(raw, 20);
  put_be<std::int64_t>(raw, 10);
  raw += '\1';  // one tagged field, which is passed over
  raw += '\2';
  raw += '\2';
  put_be<std::int16_t>(raw, 2);
  const auto value = decode_transaction_value(raw).value();
  CHECK(value.producer_id == 9);
  CHECK(value.state == transaction_state::complete_commit);
  CHECK(value.partitions == std::set<topic_partition>{{"t", 0}, {"t", 7}});
  CHECK(value.start == from_millis(10));
}

TEST_CASE("damaged states of transactions are refused", "[topic][transactions]") {
  transaction_value value;
  value.state = transaction_state::ongoing;
  value.partitions = {{"orders", 0}};
  const bytes sound = encode(value);
  for (std::size_t size = 0; size < sound.size(); ++size)
    CHECK_FALSE(decode_transaction_value(bytes_view{sound}.substr(0, size)).has_value());
  CHECK_FALSE(decode_transaction_value(sound + "x").has_value());
  bytes newer = sound;
  store_be<std::int16_t>(newer.data(), 2);
  CHECK(decode_transaction_value(newer).error() == errc::unsupported_version);
  bytes huge = sound;
  store_be<std::int32_t>(huge.data() + 17, 0x7fffffff);  // topics
  CHECK(decode_transaction_value(huge).error() == errc::corrupt);
}

TEST_CASE("pending offsets count in the order of the topic", "[topic][transactions]") {
  offsets_image image;
  pending_offsets pending;
  const offset_commit_key key{"g", {"t", 0}};
  const auto at = [](offset_t offset) {
    committed_offset value;
    value.offset = offset;
    return value;
  };
  const auto add = [&](std::int64_t producer, offset_t offset) {
    REQUIRE(pending.add(producer, encode(key), encode(at(offset))));
  };
  const auto plain = [&](offset_t offset) {
    image.commit(key, at(offset));
    pending.overwritten(encode(key));
  };
  const auto now = [&] {
    const auto* found = image.find("g", {"t", 0});
    return found == nullptr ? -1 : found->offset;
  };
  SECTION("committed") {
    add(1, 10);
    CHECK(now() == -1);
    CHECK(pending.has("g", {"t", 0}));
    CHECK_FALSE(pending.has("g", {"t", 1}));
    pending.end(1, true, image);
    CHECK(now() == 10);
    CHECK(pending.empty());
  }
  SECTION("aborted") {
    plain(5);
    add(1, 10);
    pending.end(1, false, image);
    CHECK(now() == 5);
  }
  SECTION("a plain commit behind it stays") {
    add(1, 10);
    plain(12);
    pending.end(1, true, image);
    CHECK(now() == 12);
  }
  SECTION("the later of two transactions wins, whichever ends first") {
    add(1, 10);
    add(2, 20);
    pending.end(2, true, image);
    pending.end(1, true, image);
    CHECK(now() == 20);
  }
  SECTION("the earlier may commit first") {
    add(1, 10);
    add(2, 20);
    pending.end(1, true, image);
    CHECK(now() == 10);
    CHECK(pending.has("g", {"t", 0}));
    pending.end(2, true, image);
    CHECK(now() == 20);
  }
}

}  // namespace penstock
