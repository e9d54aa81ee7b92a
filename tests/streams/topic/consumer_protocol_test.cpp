#include "streams/topic/consumer_protocol.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/hex.hpp"

using namespace penstock;
using penstock::test::from_hex;
using penstock::test::to_hex;

namespace {

consumer_subscription example() {
  consumer_subscription one;
  one.topics = {"b", "a"};
  one.user_data = "ud";
  one.owned = {{"a", 0}, {"b", 3}, {"a", 1}};
  one.generation = 5;
  one.rack = "rack-1";
  return one;
}

// Written by kafka-clients 4.3.1 (ConsumerProtocol) for the example.
const std::string kafka_subscription[] = {"000000000002000161000162000000027564",
                                          "00010000000200016100016200000002756400000002000161000000"
                                          "0200000000000000010001620000000100000003",
                                          "00020000000200016100016200000002756400000002000161000000"
                                          "020000000000000001000162000000010000000300000005",
                                          "00030000000200016100016200000002756400000002000161000000"
                                          "02000000000000000100016200000001000000030000"
                                          "000500067261636b2d31"};
const std::string kafka_assignment =
    "0001000000020001610000000200000000000000010001620000000100000003ffffffff";

}  // namespace

TEST_CASE("subscriptions are the bytes that Kafka's consumer writes", "[topic][group]") {
  for (std::int16_t version = 0; version <= 3; ++version)
    CHECK(to_hex(encode(example(), version)) == kafka_subscription[version]);
}

TEST_CASE("subscriptions of every version are read, as far as they go", "[topic][group]") {
  auto sorted = example();
  sorted.topics = {"a", "b"};
  sorted.owned = {{"a", 0}, {"a", 1}, {"b", 3}};
  CHECK(decode_subscription(from_hex(kafka_subscription[3])).value() == sorted);
  sorted.rack.reset();
  CHECK(decode_subscription(from_hex(kafka_subscription[2])).value() == sorted);
  sorted.generation = -1;
  CHECK(decode_subscription(from_hex(kafka_subscription[1])).value() == sorted);
  sorted.owned.clear();
  CHECK(decode_subscription(from_hex(kafka_subscription[0])).value() == sorted);
}

TEST_CASE("a subscription of a version to come is read without what is new in it",
          "[topic][group]") {
  auto future = from_hex(kafka_subscription[3]) + "more";
  future[1] = 9;
  CHECK(decode_subscription(future).value().topics.size() == 2);
}

TEST_CASE("assignments are the bytes that Kafka's consumer writes", "[topic][group]") {
  consumer_assignment one;
  one.partitions = {{"a", 0}, {"b", 3}, {"a", 1}};
  CHECK(to_hex(encode(one)) == kafka_assignment);
  one.partitions = {{"a", 0}, {"a", 1}, {"b", 3}};
  CHECK(decode_assignment(from_hex(kafka_assignment)).value() == one);
}

TEST_CASE("no bytes at all mean nothing subscribed and nothing assigned", "[topic][group]") {
  CHECK(decode_subscription("").value() == consumer_subscription{});
  CHECK(decode_assignment("").value() == consumer_assignment{});
}

TEST_CASE("subscriptions and assignments that end too soon are refused", "[topic][group]") {
  auto whole = from_hex(kafka_subscription[3]);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    INFO(size);
    auto cut = decode_subscription(bytes_view{whole}.substr(0, size));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error() == errc::corrupt);
  }
  auto assigned = from_hex(kafka_assignment);
  for (std::size_t size = 1; size < assigned.size(); ++size)
    CHECK_FALSE(decode_assignment(bytes_view{assigned}.substr(0, size)).has_value());
  CHECK_FALSE(decode_subscription(from_hex("00007fffffff")).has_value());
  CHECK_FALSE(decode_assignment(from_hex("0000ffffffff")).has_value());
  CHECK_FALSE(decode_subscription(from_hex("ffff00000000ffffffff")).has_value());
}
