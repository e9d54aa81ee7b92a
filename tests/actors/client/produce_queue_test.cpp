#include "actors/client/produce_queue.hpp"

#include <string>
#include <vector>

#include "actors/errors.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

const topic_partition there{"t", 0};

bytes batch_of(const std::string& value) {
  batch_builder builder;
  builder.add(from_millis(1), std::nullopt, value);
  return bytes{builder.finish()};
}

/// The values that a request carries, by batch.
std::vector<std::string> values_of(const append_request& request) {
  std::vector<std::string> found;
  auto in = request.open();
  batch_cursor cursor;
  for (auto left = view(in->getBatches()); !left.empty();) {
    const auto batch = batch_view::parse(left).value();
    left.remove_prefix(batch.size());
    REQUIRE(cursor.open(batch));
    record_view r;
    while (cursor.next(r).value()) found.emplace_back(r.value->substr(0, 8));
  }
  return found;
}

append_reply acknowledged_to(offset_t next) {
  return append_reply::make([&](auto out) {
    out.setNextOffset(next);
    out.setCredit(4u << 20);
  });
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("what gathers while a request is in flight goes with the next one", "[client]") {
  produce_queue queue;
  queue.push_raw(there, batch_of("a"), 0);
  const auto first = queue.next(there);
  REQUIRE(first);
  CHECK(values_of(*first) == strings{"a"});
  queue.push_raw(there, batch_of("b"), 1);
  queue.push_raw(there, batch_of("c"), 2);
  CHECK_FALSE(queue.next(there));
  CHECK(queue.ready().empty());
  CHECK(queue.unacknowledged() == 0u);
  CHECK(queue.on_reply(there, acknowledged_to(1)) == produce_queue::outcome::done);
  CHECK(queue.unacknowledged() == 1u);
  const auto second = queue.next(there);
  REQUIRE(second);
  CHECK(values_of(*second) == strings{"b", "c"});
  CHECK(queue.on_silence(there) == produce_queue::outcome::retry);
  CHECK(queue.next(there)->held() == second->held());
  CHECK(queue.on_reply(there, acknowledged_to(3)) == produce_queue::outcome::done);
  CHECK(queue.idle());
  CHECK(queue.acknowledged(there) == 3);
}

TEST_CASE("a large batch is a request by itself, in its turn", "[client]") {
  produce_queue queue;
  const std::string large(std::size_t{1} << 20, '.');
  for (const char* value : {"a", "b", "LARGE_1 ", "LARGE_2 ", "c", "d"})
    queue.push_raw(there, batch_of(value[0] == 'L' ? value + large : value));
  const auto all = queue.pending_bytes();
  CHECK(all > 2 * large.size());
  std::vector<strings> sent;
  for (offset_t next = 1; const auto request = queue.next(there); ++next) {
    sent.push_back(values_of(*request));
    REQUIRE(queue.on_reply(there, acknowledged_to(next)) == produce_queue::outcome::done);
  }
  CHECK(sent == std::vector<strings>{{"a", "b"}, {"LARGE_1 "}, {"LARGE_2 "}, {"c", "d"}});
  CHECK(queue.pending_bytes() == 0);
}

TEST_CASE("what will never be taken drops the queue of its partition alone", "[client]") {
  produce_queue queue;
  const topic_partition other{"t", 1};
  const std::string large(std::size_t{1} << 20, '.');
  queue.push_raw(there, batch_of("a"), 7);
  REQUIRE(queue.next(there));
  queue.push_raw(there, batch_of(large), 8);
  queue.push_raw(other, batch_of("b"), 9);
  const auto refused = failed<append_reply>(error{errc::record_too_large, "too large"});
  CHECK(queue.on_reply(there, refused) == produce_queue::outcome::lost);
  CHECK(queue.reason() == errc::record_too_large);
  CHECK(queue.unacknowledged() == 7u);
  CHECK(queue.pending_bytes() == batch_of("b").size());
  CHECK_FALSE(queue.next(there));
  CHECK(queue.next(other));
}

}  // namespace penstock
