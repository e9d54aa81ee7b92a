#include "actors/cluster/frame_codec.hpp"

#include <cstring>

#include "actors/cluster/conversations.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;
using test::contains;

namespace {

bytes frame_of(frame_type type, std::uint16_t kind, std::uint64_t correlation, bytes_view payload) {
  frame_header header;
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  header.kind = kind;
  header.type = type;
  header.correlation = correlation;
  const auto head = encode(header);
  return bytes{head.data(), head.size()} + bytes{payload};
}

bytes hello_bytes() {
  const auto raw = encode(link_hello{});
  return {raw.data(), raw.size()};
}

bytes_view bytes_of(const arrived_frame& arrived) {
  if (!arrived.payload) return {};
  return {reinterpret_cast<const char*>(arrived.payload->words()), arrived.payload->size() * 8};
}

// Feeds `wire` in pieces of the sizes that `piece` gives; returns every frame.
template <class Piece>
result<std::vector<arrived_frame>> read_all(bytes_view wire, Piece piece) {
  frame_reader reader{1u << 20};
  std::vector<arrived_frame> out;
  bool greeted = false;
  while (!wire.empty()) {
    const auto space = reader.space();
    const auto count = std::min<std::size_t>({space.size(), wire.size(), piece()});
    std::memcpy(space.data(), wire.data(), count);
    wire.remove_prefix(count);
    reader.received(count);
    if (!greeted) {
      PENSTOCK_ASSIGN(const auto hello, reader.hello());
      greeted = hello.has_value();
    }
    while (greeted) {
      PENSTOCK_ASSIGN(auto frame, reader.next());
      if (!frame) break;
      out.push_back(*std::move(frame));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("frames arrive as they were sent, however they are cut", "[cluster][link]") {
  const bytes large(200'000, 'a');
  const auto wire = hello_bytes() + frame_of(frame_type::request, 1, 7, "12345678") +
                    frame_of(frame_type::alive, 0, 0, {}) +
                    frame_of(frame_type::reply, 4, 8, large) +
                    frame_of(frame_type::request, 2, 9, "abcdefghijklmnop");
  penstock::random chance{1};
  for (int round = 0; round < 50; ++round) {
    const auto frames = read_all(
        wire, [&] { return 1 + chance.below(round % 2 == 0 ? std::uint64_t{40} : 100'000u); });
    REQUIRE(frames.has_value());
    REQUIRE(frames->size() == 4);
    CHECK((*frames)[0].header.correlation == 7);
    CHECK(bytes_of((*frames)[0]) == "12345678");
    CHECK((*frames)[1].header.type == frame_type::alive);
    CHECK(bytes_of((*frames)[2]) == large);
    CHECK(bytes_of((*frames)[3]) == "abcdefghijklmnop");
  }
}

TEST_CASE("a hello says which versions and limits its side has", "[cluster][link]") {
  link_hello hello;
  hello.requests_in_flight_max = 12;
  hello.bytes_in_flight_max = 34'567;
  const auto raw = encode(hello);
  const auto got = decode_link_hello(std::span<const char, link_hello_bytes>{raw});
  REQUIRE(got.has_value());
  CHECK(*got == hello);
}

TEST_CASE("a side without a version in common is refused with both versions", "[cluster][link]") {
  link_hello hello;
  hello.oldest_version = 7;
  hello.newest_version = 9;
  const auto raw = encode(hello);
  const auto got = decode_link_hello(std::span<const char, link_hello_bytes>{raw});
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code() == errc::unsupported_version);
  CHECK_THAT(got.error().message(), contains("7 to 9"));
}

TEST_CASE("whoever does not begin with a hello is refused", "[cluster][link]") {
  const auto got = read_all("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", [] { return 100u; });
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code() == errc::corrupt);
}

TEST_CASE("frame headers that lie are refused before their payload", "[cluster][link]") {
  const auto refused = [](frame_header header, const char* why) {
    const auto raw = encode(header);
    const auto got = decode_frame_header(std::span<const char, link_header_bytes>{raw}, 1024);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code() == errc::corrupt);
    CHECK_THAT(got.error().message(), contains(why));
  };
  frame_header header;
  header.payload_bytes = 1032;
  refused(header, "the limit is 1024");
  header.payload_bytes = 0xffff'ffff;
  refused(header, "the limit is 1024");
  header.payload_bytes = 12;
  refused(header, "whole number of words");
  header.payload_bytes = 8;
  header.type = frame_type::alive;
  refused(header, "with content");
  header.type = static_cast<frame_type>(9);
  refused(header, "unknown type 9");
  auto raw = encode(frame_header{});
  raw[7] = 1;
  CHECK_FALSE(decode_frame_header(std::span<const char, link_header_bytes>{raw}, 1024).has_value());
}

TEST_CASE("the worked example of the protocol page is what the code writes", "[cluster][link]") {
  frame_header header;
  header.payload_bytes = 32;
  header.kind = 9;
  header.type = frame_type::request;
  header.correlation = 1;
  const auto raw = encode(header);
  const bytes expected{"\x20\0\0\0\x09\0\x01\0\x01\0\0\0\0\0\0\0", 16};
  CHECK(bytes(raw.data(), raw.size()) == expected);

  const auto request = delete_topic_request::make(
      [](wire::DeleteTopicRequest::Builder to) { to.setName("orders"); });
  const bytes payload{
      "\0\0\0\0\x03\0\0\0"
      "\0\0\0\0\0\0\x01\0"
      "\x01\0\0\0\x3a\0\0\0"
      "orders\0\0",
      32};
  CHECK(bytes{request.wire_bytes()} == payload);
}

TEST_CASE("every conversation has a number, a name and a refusal that says why",
          "[cluster][link]") {
  std::uint16_t last = 0;
  for (const auto& row : all_conversations()) {
    INFO(row.name);
    CHECK(row.kind > last);
    last = row.kind;
    CHECK(find_conversation(row.kind) == &row);
    CHECK((row.name.ends_with("Request") || row.name.starts_with("Opaque")));
    const auto refusal = row.refusal(error{errc::overloaded, "try again"});
    CHECK(row.check_reply(refusal.get()).has_value());
    CHECK(row.check_request(nullptr).has_value());
    CHECK(row.patience(nullptr) >= 0ms);
  }
  CHECK(find_conversation(0) == nullptr);
  CHECK(find_conversation(60'000) == nullptr);
}
