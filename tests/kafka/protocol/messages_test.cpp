#include "kafka/protocol/messages.hpp"

#include "kafka/protocol/apis.hpp"
#include "kafka/protocol/cluster_fields.hpp"
#include "kafka/protocol/error_code.hpp"
#include "kafka/protocol/groups_fields.hpp"
#include "kafka/protocol/header.hpp"
#include "kafka/protocol/records_fields.hpp"
#include "kafka/protocol/topics_fields.hpp"
#include "kafka/protocol/transactions_fields.hpp"
#include "streams/base/coding.hpp"
#include "tests/kafka/protocol/random_fields.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hex.hpp"

using namespace penstock;
using namespace penstock::kafka;

namespace {

template <class Message>
Message some(std::uint64_t seed, int version) {
  Message made;
  test::random_fields chance{seed};
  Message::fields(chance, made, version);
  return made;
}

struct for_each_version {
  template <class Visit>
  void operator()(Visit&& visit) const {
    for_each_message([&]<class Message>() {
      for (int v = Message::oldest; v <= Message::newest; ++v)
        visit.template operator()<Message>(v);
    });
  }
};

}  // namespace

TEST_CASE("every message in every version reads back as it was written", "[kafka][protocol]") {
  int messages = 0;
  for_each_version{}([&]<class Message>(int v) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const auto written = some<Message>(seed, v);
      bytes wire;
      encode(written, v, wire);
      auto read = decode<Message>(wire, v);
      INFO(Message::name << " version " << v << " seed " << seed);
      REQUIRE(read.has_value());
      REQUIRE(*read == written);
    }
    ++messages;
  });
  CHECK(messages > 300);
}

TEST_CASE("a message that ends too early is corrupt at every byte", "[kafka][protocol]") {
  for_each_version{}([&]<class Message>(int v) {
    bytes wire;
    encode(some<Message>(3, v), v, wire);
    for (std::size_t length = 0; length < wire.size(); ++length) {
      auto read = decode<Message>(bytes_view{wire}.substr(0, length), v);
      INFO(Message::name << " version " << v << " cut to " << length << " of " << wire.size());
      REQUIRE_FALSE(read.has_value());
      REQUIRE(read.error() == errc::corrupt);
    }
  });
}

TEST_CASE("a count or length that cannot be is refused before memory is taken",
          "[kafka][protocol]") {
  // Metadata version 1: an array of 2^31 - 1 names, in four bytes.
  auto count = decode<metadata_request>(bytes{"\x7f\xff\xff\xff", 4}, 1);
  REQUIRE_FALSE(count.has_value());
  CHECK(count.error().message().find("count") != std::string::npos);
  // Version 9: a compact count of 2^32.
  CHECK_FALSE(decode<metadata_request>(bytes{"\xff\xff\xff\xff\x1f\x00\x00", 7}, 9).has_value());
  // A null array where the version has none, a string of negative length.
  CHECK_FALSE(decode<metadata_request>(bytes{"\xff\xff\xff\xff", 4}, 0).has_value());
  CHECK_FALSE(decode<find_coordinator_request>(bytes{"\xff\xfe", 2}, 0).has_value());
  // Each element takes memory: more than the limit in one message is too many.
  bytes many;
  put_be(many, std::int32_t{8'000'000});
  many.append(16'000'000, '\0');
  auto names = decode<metadata_request>(many, 1);
  REQUIRE_FALSE(names.has_value());
  CHECK(names.error().message().find("too many") != std::string::npos);
}

TEST_CASE("tagged fields that nobody knows are skipped", "[kafka][protocol]") {
  bytes wire;
  encode(heartbeat_request{"g", 1, "m", std::nullopt}, 4, wire);
  wire.back() = '\1';  // one tagged field: number 7, three bytes
  wire.append("\x07\x03xyz", 5);
  auto read = decode<heartbeat_request>(wire, 4);
  REQUIRE(read.has_value());
  CHECK(read->member_id == "m");
}

TEST_CASE("bytes behind a message are left alone, as brokers of Kafka do", "[kafka][protocol]") {
  // librdkafka 2.8 asks for all topics like this: no array of topics, and three bytes too many.
  const auto all = decode<metadata_request>(test::from_hex("00 00 00 00 01 00 00"), 12);
  REQUIRE(all);
  CHECK_FALSE(all->topics);
}

TEST_CASE("bytes are those of Kafka's protocol", "[kafka][protocol]") {
  // By hand from the protocol's public description.
  find_coordinator_request find;
  find.key = "group";
  find.key_type = 1;
  bytes wire;
  encode(find, 1, wire);
  CHECK(test::to_hex(wire) == "000567726f757001");
  wire.clear();
  encode(find, 3, wire);
  CHECK(test::to_hex(wire) == "0667726f75700100");
  wire.clear();
  metadata_request all;
  encode(all, 1, wire);
  CHECK(test::to_hex(wire) == "ffffffff");
  wire.clear();
  encode(all, 9, wire);
  CHECK(test::to_hex(wire) == "0001000000");
}

TEST_CASE("what is announced follows the tables", "[kafka][protocol]") {
  std::int16_t before = -1;
  for (const auto& row : all_apis()) {
    INFO(row.name);
    CHECK(row.key > before);
    before = row.key;
    if (!row.served()) continue;
    CHECK(row.oldest_served >= row.oldest_known);
    CHECK(row.newest_served <= row.newest_known);
    CHECK(row.newest_announced <= row.newest_served);
  }
  // librdkafka compresses only for nodes that announce version 0 of Produce.
  CHECK(find_api(0)->oldest_announced == 0);
  CHECK(find_api(4) == nullptr);
}

TEST_CASE("request headers are read in both forms and refused when they lie", "[kafka][protocol]") {
  bytes frame;
  put_be(frame, std::int16_t{3});
  put_be(frame, std::int16_t{1});
  put_be(frame, std::int32_t{42});
  put_be(frame, std::int16_t{3});
  frame += "me!body";
  auto header = parse_request_header(frame);
  REQUIRE(header.has_value());
  CHECK(header->correlation == 42);
  CHECK(header->client_id == "me!");
  CHECK(header->body == "body");

  frame[3] = 9;  // a flexible version: tagged fields follow the client id
  frame.replace(13, 4, bytes{"\x01\x05\x02zzbody", 9});
  header = parse_request_header(frame);
  REQUIRE(header.has_value());
  CHECK(header->body == "body");
  bytes response;
  put_response_header(response, *header);
  CHECK(test::to_hex(response) == "0000002a00");

  frame[3] = 99;
  CHECK(parse_request_header(frame).error() == errc::unsupported_version);
  frame[1] = 99;
  CHECK(parse_request_header(frame).error() == errc::unsupported_version);
  CHECK(parse_request_header("GET / HTT").error() == errc::corrupt);
  CHECK_FALSE(parse_request_header("GET / HTTP/1.1\r\n\r\n").has_value());
}

TEST_CASE("every reason has a code of Kafka's", "[kafka][protocol]") {
  CHECK(code_of(errc::none) == error_code::none);
  for (int code = 1; code <= 40; ++code)
    CHECK(code_of(static_cast<errc>(code)) != error_code::none);
  CHECK(words_of(error{errc::internal, "caf\xc3\xa9"}) == "caf??");
}
