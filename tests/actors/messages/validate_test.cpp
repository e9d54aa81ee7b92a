#include "actors/messages/validate.hpp"

#include "actors/messages/messages.hpp"
#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scale.hpp"

using namespace penstock;
using test::contains;

namespace {

join_group_request a_join() {
  return join_group_request::make([](wire::JoinGroupRequest::Builder to) {
    to.setGroup("readers");
    to.setMember("m-1");
    to.setSessionTimeoutMs(45'000);
    auto assignors = to.initAssignors(2);
    assignors.set(0, "range");
    assignors.set(1, "sticky");
    auto subscription = to.initSubscription();
    subscription.initTopics(1).set(0, "orders");
    auto owned = subscription.initOwned(1)[0];
    owned.setTopic("orders");
    auto partitions = owned.initPartitions(3);
    for (unsigned i = 0; i < 3; ++i) partitions.set(i, static_cast<std::int32_t>(i));
  });
}

bytes with_word(bytes wire, std::size_t word, std::uint64_t value) {
  std::memcpy(wire.data() + word * 8, &value, 8);
  return wire;
}

}  // namespace

TEST_CASE("a message that Penstock built passes the border", "[messages][validate]") {
  const auto sent = a_join();
  const auto got = adopt<join_group_request>(sent.wire_bytes());
  REQUIRE(got.has_value());
  const auto message = got->open();
  CHECK(view(message->getGroup()) == "readers");
  CHECK(message->getSubscription().getOwned()[0].getPartitions()[2] == 2);
}

TEST_CASE("no bytes at all are the message of defaults", "[messages][validate]") {
  const auto got = adopt<append_request>({});
  REQUIRE(got.has_value());
  CHECK(got->open()->getPartition() == 0);
}

TEST_CASE("a message that is no whole number of words is refused", "[messages][validate]") {
  const auto wire = a_join().wire_bytes();
  const auto got = adopt<join_group_request>(wire.substr(0, wire.size() - 3));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code() == errc::corrupt);
}

TEST_CASE("words after the end of a message are refused", "[messages][validate]") {
  const auto got = adopt<join_group_request>(bytes{a_join().wire_bytes()} + bytes(8, '\0'));
  REQUIRE_FALSE(got.has_value());
  CHECK_THAT(got.error().message(), contains("1 words too many"));
}

TEST_CASE("a truncated message is refused at every length", "[messages][validate]") {
  const auto sent = a_join();
  const auto wire = sent.wire_bytes();
  for (std::size_t size = 8; size < wire.size(); size += 8) {
    CHECK_FALSE(adopt<join_group_request>(wire.substr(0, size)).has_value());
  }
}

TEST_CASE("a pointer that leaves the message is refused", "[messages][validate]") {
  const bytes wire{a_join().wire_bytes()};
  // Word 1 is the root pointer: move it far away.
  const auto got =
      adopt<join_group_request>(with_word(wire, 1, std::uint64_t{0x00070001'7ffffffc}));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code() == errc::corrupt);
}

TEST_CASE("a text that does not end in NUL is refused", "[messages][validate]") {
  bytes wire{a_join().wire_bytes()};
  const auto at = wire.find("readers");
  REQUIRE(at != bytes::npos);
  wire[at + 7] = '!';
  const auto got = adopt<join_group_request>(wire);
  REQUIRE_FALSE(got.has_value());
  CHECK_THAT(got.error().message(), contains("group"));
}

TEST_CASE("a list whose elements all point to one large text is refused", "[messages][validate]") {
  // 500 list elements that share one text of 4 KiB would read as 2 MB out of 8 KB.
  const auto sent = alter_topic_request::make(8192, [](wire::AlterTopicRequest::Builder to) {
    auto reset = to.initReset(500);
    reset.set(0, std::string(4096, 'x').c_str());
  });
  bytes wire{sent.wire_bytes()};
  const auto text = wire.find("xxxxxxxx");
  REQUIRE(text != bytes::npos);
  const auto first = text / 8 - 500;  // the list's pointers lie right before its only text
  for (std::size_t i = 1; i < 500; ++i) {
    const auto offset = static_cast<std::uint64_t>(499 - i);
    wire = with_word(wire, first + i,
                     (std::uint64_t{4097} << 35) | (std::uint64_t{2} << 32) | (offset << 2) | 1);
  }
  const auto got = adopt<alter_topic_request>(wire);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code() == errc::corrupt);
}

TEST_CASE("flipped bits are refused or harmless, never worse", "[messages][validate]") {
  const auto sent = a_join();
  penstock::random chance{7};
  std::size_t refused = 0;
  const auto rounds = test::scaled(20'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    bytes wire{sent.wire_bytes()};
    for (std::uint64_t flips = 1 + chance.below(4); flips > 0; --flips) {
      const auto at = chance.below(wire.size());
      wire[at] = static_cast<char>(wire[at] ^ (1 << chance.below(8)));
    }
    const auto got = adopt<join_group_request>(wire);
    if (!got) {
      ++refused;
      continue;
    }
    // What passed can be read from end to end without an exception.
    const auto message = got->open();
    std::size_t read = view(message->getGroup()).size() + view(message->getMember()).size() +
                       view(message->getInstance()).size() + view(message->getClient()).size();
    for (auto name : message->getAssignors()) read += name.size();
    for (auto name : message->getSubscription().getTopics()) read += name.size();
    for (auto owned : message->getSubscription().getOwned()) {
      read += owned.getTopic().size();
      for (auto partition : owned.getPartitions()) read += static_cast<std::size_t>(partition != 0);
    }
    CHECK(read < wire.size());
  }
  CHECK(refused > rounds / 20);
}
