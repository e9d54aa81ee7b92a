#include "streams/topic/offsets.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"
#include "tests/support/hex.hpp"

using namespace penstock;
using penstock::test::from_hex;
using penstock::test::to_hex;

namespace {

// Written by Kafka 4.3.1's group coordinator classes for the values below.
const std::string commit_key_1 = "0001000a776f72642d636f756e7400096c6f672d6c696e657300000002";
const std::string commit_value_3 = "000300000000000004d20000000700016d00000174876e807b";
const std::string commit_value_1 = "000100000000000004d200016d00000174876e807b00000174876e83e8";
const std::string commit_value_0 = "000000000000000004d200016d00000174876e807b";
const std::string group_key_2 = "0002000a776f72642d636f756e74";
const std::string group_value_3 =
    "00030008636f6e73756d657200000003000572616e67650003632d3100000174876e807b000000020003632d310003"
    "692d31000163000a2f3132372e302e302e310000ea6000002710000000030102030000000204050003632d32ffff00"
    "016300016800000001000000020000000000000000";
const std::string group_value_2 =
    "00020008636f6e73756d657200000003000572616e67650003632d3100000174876e807b000000020003632d310001"
    "63000a2f3132372e302e302e310000ea6000002710000000030102030000000204050003632d320001630001680000"
    "0001000000020000000000000000";
const std::string group_value_1 =
    "00010008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f3132372e"
    "302e302e310000ea6000002710000000030102030000000204050003632d3200016300016800000001000000020000"
    "000000000000";
const std::string group_value_0 =
    "00000008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f3132372e"
    "302e302e3100002710000000030102030000000204050003632d320001630001680000000200000000000000"
    "00";
const std::string group_value_empty =
    "00030008636f6e73756d657200000003ffffffff00000174876e807b00000000";

const timestamp then = from_millis(1600000000123);

const offset_commit_key commit_key{"word-count", {"log-lines", 2}};
const committed_offset commit_value{1234, 7, "m", then};

group_metadata_value group_value() {
  group_metadata_value value;
  value.protocol_type = "consumer";
  value.generation = 3;
  value.protocol = "range";
  value.leader = "c-1";
  value.state_since = then;
  value.members.push_back({"c-1", "i-1", "c", "/127.0.0.1", 60s, 10s, "\x01\x02\x03", "\x04\x05"});
  value.members.push_back({"c-2", std::nullopt, "c", "h", 1ms, 2ms, "", ""});
  return value;
}

bool nobody(const std::string&) {
  return false;
}

}  // namespace

TEST_CASE("offset records are the bytes that Kafka writes", "[topic][offsets]") {
  CHECK(to_hex(encode(commit_key)) == commit_key_1);
  CHECK(to_hex(encode(commit_value)) == commit_value_3);
  CHECK(to_hex(encode(group_metadata_key{"word-count"})) == group_key_2);
  CHECK(to_hex(encode(group_value())) == group_value_3);
  group_metadata_value empty;
  empty.protocol_type = "consumer";
  empty.generation = 3;
  empty.state_since = then;
  CHECK(to_hex(encode(empty)) == group_value_empty);
}

TEST_CASE("the worked example of the format page is the offset record that we write",
          "[topic][offsets]") {
  CHECK(to_hex(penstock::test::hex_of_page("docs/formats/consumer-offsets.md")) ==
        to_hex(encode(commit_key) + encode(commit_value)));
}

TEST_CASE("offset records of every version that Kafka wrote are read", "[topic][offsets]") {
  CHECK(std::get<offset_commit_key>(decode_offsets_key(from_hex(commit_key_1)).value()) ==
        commit_key);
  auto old_key = from_hex(commit_key_1);
  old_key[1] = 0;
  CHECK(std::get<offset_commit_key>(decode_offsets_key(old_key).value()) == commit_key);
  CHECK(std::get<group_metadata_key>(decode_offsets_key(from_hex(group_key_2)).value()).group ==
        "word-count");
  CHECK(decode_committed_offset(from_hex(commit_value_3)).value() == commit_value);
  auto without_epoch = commit_value;
  without_epoch.leader_epoch = -1;
  CHECK(decode_committed_offset(from_hex(commit_value_1)).value() == without_epoch);
  CHECK(decode_committed_offset(from_hex(commit_value_0)).value() == without_epoch);

  auto value = group_value();
  CHECK(decode_group_metadata(from_hex(group_value_3)).value() == value);
  value.members[0].instance_id.reset();
  CHECK(decode_group_metadata(from_hex(group_value_2)).value() == value);
  value.state_since = no_timestamp;
  CHECK(decode_group_metadata(from_hex(group_value_1)).value() == value);
  value.members[0].rebalance_timeout = 10s;
  value.members[1].rebalance_timeout = 2ms;
  CHECK(decode_group_metadata(from_hex(group_value_0)).value() == value);
  CHECK_FALSE(decode_group_metadata(from_hex(group_value_empty)).value().protocol.has_value());
}

TEST_CASE("offset records that are cut, too long or of a later version are refused",
          "[topic][offsets]") {
  auto check = [](const std::string& hex, auto decode) {
    auto whole = from_hex(hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      auto cut = decode(bytes_view{whole}.substr(0, size));
      INFO(hex << " cut to " << size);
      REQUIRE_FALSE(cut.has_value());
      CHECK(cut.error() == errc::corrupt);
    }
    CHECK(decode(whole + "x").error() == errc::corrupt);
    whole[1] = 9;
    CHECK(decode(whole).error() == errc::unsupported_version);
    whole[0] = '\xff';
    CHECK(decode(whole).error() == errc::corrupt);
  };
  check(commit_key_1, decode_offsets_key);
  check(group_key_2, decode_offsets_key);
  check(commit_value_3, decode_committed_offset);
  check(commit_value_1, decode_committed_offset);
  check(group_value_3, decode_group_metadata);
  check(group_value_0, decode_group_metadata);
}

TEST_CASE("a group lives in the partition that Kafka computes", "[topic][offsets]") {
  CHECK(partition_of_group("foobar", 50) == 13);
  CHECK(partition_of_group("21", 50) == 49);
  CHECK(partition_of_group("a-little-bit-longer-string", 50) == 20);
  CHECK(partition_of_group("\xc3\xa9t\xc3\xa9", 50) == 42);
  CHECK(partition_of_group("", 50) == 0);
  // Four bytes in UTF-8, two units in UTF-16; and bytes that are not UTF-8 at all.
  CHECK(partition_of_group("\xf0\x9f\x8e\x89", 50) == 11);
  CHECK(partition_of_group("\xff\xfe\xc3", 50) >= 0);
}

TEST_CASE("the image is what the records say, the later over the earlier", "[topic][offsets]") {
  offsets_image image;
  CHECK(image.find("word-count", {"log-lines", 2}) == nullptr);
  auto key = from_hex(commit_key_1);
  REQUIRE(image.apply(key, from_hex(commit_value_0)).has_value());
  REQUIRE(image.apply(key, from_hex(commit_value_3)).has_value());
  REQUIRE(image.apply(from_hex(group_key_2), from_hex(group_value_3)).has_value());
  REQUIRE(image.find("word-count", {"log-lines", 2}) != nullptr);
  CHECK(*image.find("word-count", {"log-lines", 2}) == commit_value);
  CHECK(image.offsets_of("word-count").size() == 1);
  CHECK(image.offsets_of("other").empty());
  CHECK(*image.metadata_of("word-count") == group_value());
  CHECK(image.groups() == std::vector<std::string>{"word-count"});
  CHECK(image.keys_of("word-count") == std::vector<bytes>{key, from_hex(group_key_2)});
  CHECK(image.keys_of_topic("log-lines") == std::vector<offset_commit_key>{commit_key});
  CHECK(image.keys_of_topic("log").empty());

  REQUIRE(image.apply(key, std::nullopt).has_value());
  REQUIRE(image.apply(key, std::nullopt).has_value());
  CHECK(image.find("word-count", {"log-lines", 2}) == nullptr);
  REQUIRE(image.apply(from_hex(group_key_2), std::nullopt).has_value());
  CHECK(image == offsets_image{});
  CHECK(image.apply("?", std::nullopt).error() == errc::corrupt);
  CHECK(image.apply(key, "?").error() == errc::corrupt);
}

TEST_CASE("offsets expire when their group has been without members for long enough",
          "[topic][offsets]") {
  offsets_image image;
  image.commit({"busy", {"t", 0}}, {1, -1, "", then});
  image.commit({"left", {"t", 0}}, {1, -1, "", then});
  image.commit({"tool", {"t", 0}}, {1, -1, "", then});
  image.commit({"tool", {"t", 1}}, {1, -1, "", then + 1h});
  group_metadata_value empty_now;
  empty_now.state_since = then + 2h;
  image.store("left", empty_now);
  auto busy = [](const std::string& group) { return group == "busy"; };
  CHECK(image.expired(then + 24h - 1ms, 24h, busy).empty());
  CHECK(image.expired(then + 24h, 24h, busy) == std::vector<offset_commit_key>{{"tool", {"t", 0}}});
  CHECK(image.expired(then + 26h, 24h, busy).size() == 3);
  image.commit({"odd", {"t", 0}}, {1, -1, "", min_timestamp});
  CHECK(image.expired(max_timestamp, 24h, nobody).size() == 5);
}
