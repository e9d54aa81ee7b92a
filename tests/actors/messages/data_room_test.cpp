#include "actors/messages/data_room.hpp"

#include "actors/messages/messages.hpp"
#include "actors/messages/validate.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

constexpr unsigned many = 5000;  // more than fits before the data

fetch_reply reply_around(std::size_t room_bytes, bytes_view content, unsigned aborted = 0) {
  data_room room;
  content.copy(room.make(room_bytes), content.size());
  return std::move(room).build<fetch_reply>(
      content.size(), [&](wire::FetchReply::Builder out, capnp::Orphan<capnp::Data> d) {
        out.setNextOffset(42);
        out.adoptBatches(std::move(d));
        auto list = out.initAborted(aborted);
        for (unsigned i = 0; i < aborted; ++i) list[i].setProducerId(i);
      });
}

void check(const fetch_reply& reply, bytes_view content, unsigned aborted) {
  auto in = reply.open();
  CHECK(in->getNextOffset() == 42);
  CHECK(view(in->getBatches()) == content);
  const auto list = in->getAborted();
  REQUIRE(list.size() == aborted);
  for (unsigned i = 0; i < aborted; ++i) REQUIRE(list[i].getProducerId() == i);
}

}  // namespace

TEST_CASE("a message built around its data reads like any other, on both sides of a border",
          "[data_room]") {
  for (const std::size_t size : {1u, 7u, 8u, 9u, 1000u, 100'000u})
    for (const unsigned aborted : {0u, 3u, many}) {
      INFO(size << " bytes, " << aborted << " aborted");
      const bytes content(size, 'x');
      for (const std::size_t room : {size, size + 1, size * 2}) {
        const auto made = reply_around(room, content, aborted);
        check(made, content, aborted);
        const auto travelled = adopt<fetch_reply>(made.wire_bytes());
        REQUIRE(travelled.has_value());
        check(*travelled, content, aborted);
      }
    }
}

TEST_CASE("a message built around nothing has no data", "[data_room]") {
  check(reply_around(100, ""), "", 0);
  check(data_room{}.build<fetch_reply>(
            0,
            [](wire::FetchReply::Builder out, capnp::Orphan<capnp::Data> d) {
              out.setNextOffset(42);
              out.adoptBatches(std::move(d));
            }),
        "", 0);
}

TEST_CASE("a message of little data does not hold the room that was made for much", "[data_room]") {
  data_room room;
  const char* const made = room.make(std::size_t{1} << 20);
  const auto reply = std::move(room).build<fetch_reply>(
      6, [](wire::FetchReply::Builder out, capnp::Orphan<capnp::Data> d) {
        out.adoptBatches(std::move(d));
      });
  auto in = reply.open();
  CHECK(in->getBatches().size() == 6);
  CHECK(view(in->getBatches()).data() != made);
}

}  // namespace penstock
