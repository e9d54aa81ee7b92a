#include "streams/base/coding.hpp"
#include "streams/base/crc32c.hpp"
#include "streams/log/producers.hpp"
#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;

TEST_CASE("a repeat of one of the last five batches gives the first's offsets", "[log][producer]") {
  log_fixture f;
  f.open();
  for (int i = 0; i < 8; ++i) REQUIRE(f.log->append(f.produced(7, 0, i * 2, 2)));
  for (int round = 0; round < 3; ++round) {
    for (int i = 3; i < 8; ++i) {
      auto again = f.log->append(f.produced(7, 0, i * 2, 2)).value();
      CHECK(again.duplicate);
      CHECK(again.base_offset == i * 2);
      CHECK(again.next_offset == i * 2 + 2);
    }
    CHECK(f.log->append(f.produced(7, 0, 4, 2)).error() == errc::out_of_order_sequence);
    CHECK(f.log->append(f.produced(7, 0, 17)).error() == errc::out_of_order_sequence);
    CHECK(f.log->end_offset() == 16);
    // The five are known after a crash and after a shutdown in order, too.
    round == 0 ? f.kill_and_open() : f.reopen();
  }
}

TEST_CASE("a gap is refused with its numbers", "[log][producer]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.produced(7, 0, 0)));
  auto refused = f.log->append(f.produced(7, 0, 2));
  CHECK(refused.error() == errc::out_of_order_sequence);
  CHECK_THAT(refused.error().message(), test::contains("sequence number 2 after 0"));
}

TEST_CASE("a new epoch starts at zero and fences the old one", "[log][producer]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.produced(7, 1, 5)));  // unknown here: may start anywhere
  CHECK(f.log->append(f.produced(7, 2, 6)).error() == errc::out_of_order_sequence);
  REQUIRE(f.log->append(f.produced(7, 2, 0)));
  CHECK(f.log->append(f.produced(7, 1, 6)).error() == errc::producer_fenced);
  f.kill_and_open();
  CHECK(f.log->append(f.produced(7, 1, 6)).error() == errc::producer_fenced);
  CHECK(f.log->append(f.produced(7, 2, 0)).value().duplicate);
}

TEST_CASE("sequence numbers wrap", "[log][producer]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.produced(7, 0, 2147483646, 3)));
  CHECK(f.log->append(f.produced(7, 0, 2147483646, 3)).value().duplicate);
  REQUIRE(f.log->append(f.produced(7, 0, 1)));
  CHECK(f.log->end_offset() == 4);
}

TEST_CASE("batches of one append go on from each other", "[log][producer]") {
  log_fixture f;
  f.open();
  bytes three = f.produced(7, 0, 0) + f.produced(7, 0, 1) + f.produced(7, 0, 2);
  CHECK(f.log->append(three).value().next_offset == 3);
  CHECK(f.log->append(three).value().duplicate);
  bytes half_known = f.produced(7, 0, 2) + f.produced(7, 0, 3);
  auto rest = f.log->append(half_known).value();
  CHECK_FALSE(rest.duplicate);
  CHECK(rest.base_offset == 3);
  CHECK(rest.next_offset == 4);
  bytes all_new = f.produced(7, 0, 4) + f.produced(7, 0, 5) + f.produced(7, 0, 6);
  CHECK(f.log->append(all_new).value().next_offset == 7);
  CHECK(f.log->append(f.produced(7, 0, 7) + f.produced(7, 0, 9)).error() ==
        errc::out_of_order_sequence);
  CHECK(f.log->end_offset() == 7);
}

TEST_CASE("producer without epoch or sequence number is refused", "[log][producer]") {
  log_fixture f;
  f.open();
  CHECK(f.log->append(f.produced(7, -1, 0)).error() == errc::invalid_argument);
  CHECK(f.log->append(f.produced(7, 0, -1)).error() == errc::invalid_argument);
}

TEST_CASE("producers are forgotten after a day, their records are not", "[log][producer]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.produced(7, 0, 0)));
  f.clock.advance(24h);
  REQUIRE(f.log->apply_retention());
  CHECK_FALSE(f.log->append(f.produced(7, 0, 0)).value().duplicate);
  CHECK(f.log->end_offset() == 2);
}

TEST_CASE("a task's batches are written once, whatever it sends again", "[log][marks]") {
  log_fixture f;
  f.settings.drop_repeats = true;
  f.settings.segment_bytes = 400;
  f.open();
  CHECK_FALSE(f.log->last_from("t/0/0"));
  for (int i = 0; i < 10; ++i) REQUIRE(f.log->append(f.marked("t/0/0", 1, i * 10)));
  REQUIRE(f.log->append(f.marked("t/0/1", 1, 5)));
  CHECK(f.log->append(f.marked("t/0/0", 1, 90)).value().duplicate);
  CHECK(f.log->append(f.marked("t/0/0", 2, 85)).value().duplicate);
  CHECK(f.log->end_offset() == 11);
  REQUIRE(f.log->append(f.marked("t/0/0", 2, 91)));
  auto fenced = f.log->append(f.marked("t/0/0", 1, 99));
  CHECK(fenced.error() == errc::producer_fenced);
  CHECK_THAT(fenced.error().message(), test::contains("t/0/0"));
  for (int round = 0; round < 2; ++round) {
    CHECK(f.log->last_from("t/0/0") == source_mark{"t/0/0", 2, 91});
    CHECK(f.log->last_from("t/0/1") == source_mark{"t/0/1", 1, 5});
    round == 0 ? f.kill_and_open() : f.reopen();
  }
  // Even when the records are gone.
  REQUIRE(f.log->delete_before(12));
  f.kill_and_open();
  CHECK(f.log->last_from("t/0/0") == source_mark{"t/0/0", 2, 91});
  CHECK(f.log->append(f.marked("t/0/0", 2, 91)).value().duplicate);
}

TEST_CASE("several marked batches in one append drop the repeats alone", "[log][marks]") {
  log_fixture f;
  f.settings.drop_repeats = true;
  f.open();
  REQUIRE(f.log->append(f.marked("t", 0, 1) + f.marked("t", 0, 2)));
  auto mixed =
      f.log->append(f.marked("t", 0, 1) + f.marked("t", 0, 3) + f.marked("t", 0, 3)).value();
  CHECK(mixed.base_offset == 2);
  CHECK(mixed.next_offset == 3);
}

TEST_CASE("without drop.repeats marks are ordinary headers", "[log][marks]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.marked("t", 0, 1)));
  CHECK_FALSE(f.log->append(f.marked("t", 0, 1)).value().duplicate);
}

TEST_CASE("a producer snapshot has Kafka's bytes", "[log][producer]") {
  producer_table table;
  batch_options options;
  options.producer_id = 0x0102030405060708;
  options.producer_epoch = 9;
  options.base_sequence = 10;
  batch_builder builder{options};
  builder.add(from_millis(1), "k", "v");
  builder.add(from_millis(2), "k", "v");
  bytes made{builder.finish(100)};
  table.record(batch_view::parse(made).value(), from_millis(5));
  bytes text = table.encode_producers();
  CHECK(text.substr(0, 2) == bytes("\0\1", 2));
  CHECK(text.substr(6) == bytes("\0\0\0\1"                           // one producer
                                "\1\2\3\4\5\6\7\10"                  // id
                                "\0\11"                              // epoch
                                "\0\0\0\13"                          // last sequence
                                "\0\0\0\0\0\0\0\x65"                 // last offset
                                "\0\0\0\1"                           // offset delta
                                "\0\0\0\0\0\0\0\5"                   // timestamp
                                "\xff\xff\xff\xff"                   // coordinator epoch
                                "\xff\xff\xff\xff\xff\xff\xff\xff",  // no transaction
                                50));
  auto back = producer_table::decode(text, {}, "x").value();
  CHECK(back.encode_producers() == text);
}

TEST_CASE("a damaged snapshot is refused whatever bit it is", "[log][producer]") {
  producer_table table;
  bytes made = log_fixture::produced(7, 0, 0);
  table.record(batch_view::parse(made).value(), from_millis(5));
  made = log_fixture::produced(7, 0, 1);
  assign_offsets(made.data(), 1, 0);
  table.record(batch_view::parse(made).value(), from_millis(5));
  table.record(source_mark{"task", 1, 2});
  const bytes producers = table.encode_producers(), extras = table.encode_extras();
  REQUIRE(producer_table::decode(producers, extras, "x"));
  auto flipped = [](bytes text, std::size_t bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    return text;
  };
  for (std::size_t bit = 0; bit < producers.size() * 8; ++bit) {
    REQUIRE(producer_table::decode(flipped(producers, bit), extras, "x").error() == errc::corrupt);
  }
  for (std::size_t bit = 0; bit < extras.size() * 8; ++bit) {
    REQUIRE(producer_table::decode(producers, flipped(extras, bit), "x").error() == errc::corrupt);
  }
  for (std::size_t cut = 0; cut < producers.size(); ++cut) {
    REQUIRE_FALSE(producer_table::decode(producers.substr(0, cut), extras, "x"));
  }
  for (char garbage : {'\x7f', '\x01', '\xff'}) {
    const bytes text(200, garbage);
    CHECK(producer_table::decode(text, {}, "x").error() == errc::corrupt);
    CHECK(producer_table::decode(producers, text, "x").error() == errc::corrupt);
  }
}

TEST_CASE("a snapshot of a newer program is refused", "[log][producer]") {
  bytes newer("\0\x02\0\0\0\0of another layout", 23);
  store_be(newer.data() + 2, crc32c(bytes_view{newer}.substr(6)));
  CHECK(producer_table::decode(newer, {}, "x").error() == errc::unsupported_version);
}

}  // namespace penstock
