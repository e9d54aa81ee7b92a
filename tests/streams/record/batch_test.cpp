#include "streams/record/batch.hpp"

#include "streams/base/random.hpp"
#include "streams/record/batch_layout.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

constexpr std::array all_codecs{codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd};

std::vector<record> records_of(const batch_view& batch) {
  std::vector<record> records;
  batch_cursor cursor;
  REQUIRE(cursor.open(batch));
  record_view r;
  while (cursor.next(r).value()) records.push_back(own(r));
  return records;
}

bytes small_batch(codec c) {
  batch_options options;
  options.compression = c;
  batch_builder builder{options};
  builder.add(from_millis(1000), "key", "value",
              std::vector<header_view>{{"name", bytes_view{"x"}}});
  builder.add(from_millis(2000), "other", std::nullopt);
  builder.add(from_millis(1500), std::nullopt, "value value value value");
  return bytes{builder.finish(7)};
}

}  // namespace

TEST_CASE("every field of a batch comes back", "[record][batch]") {
  for (codec c : all_codecs) {
    CAPTURE(name_of(c));
    batch_options options;
    options.compression = c;
    options.producer_id = 0x1234567890;
    options.producer_epoch = 3;
    options.base_sequence = 2147483646;
    options.transactional = true;
    batch_builder builder{options};
    std::vector<header_view> headers{{"a", bytes_view{"1"}}, {"", std::nullopt}, {"b", ""}};
    builder.add(from_millis(5000), "k1", "v1", headers);
    builder.add(from_millis(4000), std::nullopt, std::nullopt);
    builder.add_at(9, from_millis(6000), "", bytes(100'000, 'x'));
    CHECK(builder.count() == 3);
    bytes batch_bytes{builder.finish(100)};
    assign_offsets(batch_bytes.data(), 500, 12);
    const bytes more = batch_bytes + "trailing";
    auto batch = batch_view::parse(more).value();
    CHECK(batch.size() == batch_bytes.size());
    CHECK(batch.validate());
    CHECK(batch.base_offset() == 500);
    CHECK(batch.last_offset() == 509);
    CHECK(batch.next_offset() == 510);
    CHECK(batch.leader_epoch() == 12);
    CHECK(batch.record_count() == 3);
    CHECK(batch.base_time() == from_millis(5000));
    CHECK(batch.max_time() == from_millis(6000));
    CHECK(batch.producer_id() == 0x1234567890);
    CHECK(batch.producer_epoch() == 3);
    CHECK(batch.base_sequence() == 2147483646);
    CHECK(batch.last_sequence() == 7);  // wrapped behind 2^31 - 1
    CHECK(batch.compression() == c);
    CHECK(batch.is_transactional());
    CHECK_FALSE(batch.is_control());
    CHECK_FALSE(batch.delete_horizon());
    auto facts = batch.inspect().value();
    CHECK(facts.max_time == from_millis(6000));
    CHECK(facts.null_key);
    CHECK_FALSE(facts.contiguous);
    auto records = records_of(batch);
    REQUIRE(records.size() == 3);
    CHECK(records[0] ==
          record{500, from_millis(5000), "k1", "v1", {{"a", "1"}, {"", std::nullopt}, {"b", ""}}});
    CHECK(records[1] == record{501, from_millis(4000), std::nullopt, std::nullopt, {}});
    CHECK(records[2] == record{509, from_millis(6000), "", bytes(100'000, 'x'), {}});
    if (c != codec::none) CHECK(batch.size() < 5000);
  }
}

TEST_CASE("a builder is reusable and starts afresh", "[record][batch]") {
  batch_builder builder;
  builder.add(from_millis(10), "a", "b");
  bytes first{builder.finish()};
  CHECK(builder.empty());
  CHECK(builder.size() == batch_header_bytes);
  builder.set_producer(5, 1, 30);
  builder.add(from_millis(20), "c", "d");
  bytes second{builder.finish()};
  auto batch = batch_view::parse(second).value();
  CHECK(batch.record_count() == 1);
  CHECK(batch.base_time() == from_millis(20));
  CHECK(batch.producer_id() == 5);
  CHECK(records_of(batch).at(0).key == "c");
  CHECK(records_of(batch_view::parse(first).value()).at(0).key == "a");
}

TEST_CASE("times of any size survive", "[record][batch]") {
  batch_builder builder;
  for (timestamp t : {from_millis(0), no_timestamp, min_timestamp, max_timestamp}) {
    builder.add(t, std::nullopt, "v");
  }
  bytes made{builder.finish()};
  auto records = records_of(batch_view::parse(made).value());
  CHECK(records.at(1).time == no_timestamp);
  CHECK(records.at(2).time == min_timestamp);
  CHECK(records.at(3).time == max_timestamp);
}

TEST_CASE("append time replaces every record's time and renews the checksum", "[record][batch]") {
  bytes made = small_batch(codec::lz4);
  stamp_append_time(made.data(), from_millis(99'000));
  auto batch = batch_view::parse(made).value();
  CHECK(batch.validate());
  CHECK(batch.time_type() == timestamp_type::log_append_time);
  for (const record& r : records_of(batch)) CHECK(r.time == from_millis(99'000));
}

TEST_CASE("a delete horizon takes the place of the base time", "[record][batch]") {
  batch_options options;
  options.delete_horizon = from_millis(777);
  batch_builder builder{options};
  builder.add(from_millis(1000), "k", std::nullopt);
  bytes made{builder.finish()};
  auto batch = batch_view::parse(made).value();
  CHECK(batch.delete_horizon() == from_millis(777));
  CHECK(records_of(batch).at(0).time == from_millis(1000));
}

TEST_CASE("a batch cut at any byte is refused", "[record][batch]") {
  for (codec c : all_codecs) {
    bytes made = small_batch(c);
    for (std::size_t cut = 0; cut < made.size(); ++cut) {
      REQUIRE(batch_view::parse(bytes_view{made}.substr(0, cut)).error() == errc::corrupt);
    }
  }
}

TEST_CASE("a flipped bit is detected, or is in what the log assigns", "[record][batch]") {
  for (codec c : all_codecs) {
    const bytes made = small_batch(c);
    for (std::size_t bit = 0; bit < made.size() * 8; ++bit) {
      bytes broken = made;
      broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
      broken.append(64, '\0');  // a longer length must not find the end by luck
      auto batch = batch_view::parse(broken);
      bool refused = !batch || !batch->validate();
      bool assigned =
          bit / 8 < batch_layout::at_length ||
          (bit / 8 >= batch_layout::at_leader_epoch && bit / 8 < batch_layout::at_magic);
      INFO("bit " << bit << " codec " << name_of(c));
      // An offset may not be negative: its sign bit is the 8th of the first byte.
      REQUIRE(refused == (!assigned || bit == 7));
    }
  }
}

TEST_CASE("damage behind a right checksum is still refused or harmless", "[record][batch]") {
  random chance{42};
  for (codec c : all_codecs) {
    const bytes made = small_batch(c);
    for (int i = 0; i < 20'000; ++i) {
      bytes broken = made;
      for (std::uint64_t n = 1 + chance.below(3); n > 0; --n) {
        std::size_t at =
            batch_layout::at_attributes + chance.below(broken.size() - batch_layout::at_attributes);
        broken[at] = static_cast<char>(chance.next());
      }
      batch_layout::renew_crc(broken.data(), broken.size());
      auto batch = batch_view::parse(broken);
      if (!batch || !batch->validate()) continue;
      batch_cursor cursor;
      REQUIRE(cursor.open(*batch));
      record_view r;
      std::int32_t seen = 0;
      while (cursor.next(r).value()) {
        REQUIRE(headers_of(r).size() == static_cast<std::size_t>(r.header_count));
        ++seen;
      }
      REQUIRE(seen == batch->record_count());
    }
  }
}

TEST_CASE("a bomb is refused before it is unpacked", "[record][batch]") {
  for (codec c : all_codecs) {
    if (c == codec::none) continue;
    CAPTURE(name_of(c));
    batch_options options;
    options.compression = c;
    batch_builder builder{options};
    builder.add(from_millis(0), std::nullopt, bytes(10'000'000, '\0'));
    bytes made{builder.finish()};
    CHECK(made.size() < 500'000);
    auto batch = batch_view::parse(made).value();
    CHECK(batch.validate());
    auto refused = batch.validate(9'999'999);
    CHECK(refused.error() == errc::corrupt);
    CHECK_THAT(refused.error().message(), test::contains("9999999"));
    batch_cursor cursor;
    CHECK(cursor.open(batch, 1000).error() == errc::corrupt);
    record_view r;
    CHECK_FALSE(cursor.next(r).value());
  }
}

TEST_CASE("lies in the header are refused with their values", "[record][batch]") {
  auto refuse = [](std::size_t at, auto value) {
    bytes made = small_batch(codec::none);
    store_be(made.data() + at, value);
    return batch_view::parse(made).error();
  };
  // The checksum shows that only the format is wrong: a flipped bit, not another format.
  CHECK(refuse(batch_layout::at_magic, std::int8_t{1}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_magic, std::int8_t{3}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_magic - 4, std::int64_t{0x0000000003000000}) ==
        errc::unsupported_version);
  CHECK(refuse(batch_layout::at_length, std::int32_t{48}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_length, std::int32_t{-1}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_length, std::int32_t{0x7fffffff}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_count, std::int32_t{4}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_count, std::int32_t{-1}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_last_delta, std::int32_t{-1}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_attributes, std::int16_t{5}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_base_offset, std::int64_t{-1}) == errc::corrupt);
  CHECK(refuse(batch_layout::at_base_offset, std::int64_t{0x7fffffffffffffff}) == errc::corrupt);
}

TEST_CASE("codecs have the names of Kafka's settings", "[record][batch]") {
  for (codec c : all_codecs) CHECK(codec_named(name_of(c)).value() == c);
  CHECK(codec_named("brotli").error() == errc::invalid_argument);
}

}  // namespace penstock
