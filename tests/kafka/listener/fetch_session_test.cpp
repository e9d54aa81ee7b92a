// Fetch sessions (KIP-227): what a client need not repeat, what an answer may leave out, and how
// both sides find each other again after one of them lost its place.
#include "kafka/listener/fetch_session.hpp"

#include "tests/kafka/listener/kafka_client.hpp"

using namespace penstock;
using namespace penstock::kafka;
using penstock::test::kafka_client;
using penstock::test::virtual_node;

namespace {

constexpr int by_name = 12;

kafka::fetch_request fetch(std::int32_t id, std::int32_t epoch,
                           const std::vector<std::pair<std::int32_t, std::int64_t>>& from = {}) {
  kafka::fetch_request request;
  request.min_bytes = 0;
  request.session_id = id;
  request.session_epoch = epoch;
  if (from.empty()) return request;
  auto& topic = request.topics.emplace_back();
  topic.topic = "t";
  for (const auto& [partition, offset] : from) {
    auto& part = topic.partitions.emplace_back();
    part.partition = partition;
    part.fetch_offset = offset;
    part.partition_max_bytes = 1 << 20;
  }
  return request;
}

void produce(kafka_client& client, std::int32_t partition) {
  batch_builder builder;
  builder.add(from_millis(1000), std::nullopt, "a value");
  const bytes batch{builder.finish()};
  produce_request request;
  request.acks = -1;
  auto& data = request.topic_data.emplace_back();
  data.name = "t";
  data.partition_data.push_back({partition, batch});
  const auto answer = client.call(request, 9);
  REQUIRE(answer.responses.at(0).partition_responses.at(0).error_code == 0);
}

std::vector<std::int32_t> partitions_in(const fetch_response& answer) {
  std::vector<std::int32_t> found;
  for (const auto& topic : answer.responses)
    for (const auto& part : topic.partitions) found.push_back(part.partition_index);
  return found;
}

}  // namespace

TEST_CASE("a fetch session answers only what is new", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t", 3));
  produce(client, 1);

  const auto begun = client.call(fetch(0, 0, {{0, 0}, {1, 0}, {2, 0}}), by_name);
  REQUIRE(begun.error_code == 0);
  const auto id = begun.session_id;
  REQUIRE(id > 0);
  CHECK(partitions_in(begun) == std::vector{0, 1, 2});
  CHECK(begun.responses.at(0).partitions.at(1).records->size() > 0);

  // The client goes on behind what it got, and says nothing of the others.
  auto next = client.call(fetch(id, 1, {{1, 1}}), by_name);
  CHECK(next.error_code == 0);
  CHECK(next.session_id == id);
  CHECK(partitions_in(next).empty());

  produce(client, 2);
  next = client.call(fetch(id, 2), by_name);
  CHECK(partitions_in(next) == std::vector{2});
  CHECK(next.responses.at(0).partitions.at(0).high_watermark == 1);

  // What does not exist is told until it is forgotten.
  next = client.call(fetch(id, 3, {{2, 1}, {9, 0}}), by_name);
  CHECK(partitions_in(next) == std::vector{9});
  CHECK(next.responses.at(0).partitions.at(0).error_code ==
        number(error_code::unknown_topic_or_partition));
  CHECK(partitions_in(client.call(fetch(id, 4), by_name)) == std::vector{9});
  auto without = fetch(id, 5);
  without.forgotten_topics_data.push_back({"t", {}, {9, 0}});
  CHECK(partitions_in(client.call(without, by_name)).empty());
  produce(client, 0);
  produce(client, 1);
  CHECK(partitions_in(client.call(fetch(id, 6), by_name)) == std::vector{1});
}

TEST_CASE("a fetch that waits in a session ends with the partition that has more",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client reader{node};
  kafka_client writer{node};
  REQUIRE_FALSE(node.create("t", 2));
  const auto id = reader.call(fetch(0, 0, {{0, 0}, {1, 0}}), by_name).session_id;
  auto waiting = fetch(id, 1);
  waiting.min_bytes = 1;
  waiting.max_wait_ms = 5000;
  reader.send(waiting, by_name);
  node.clock.run_until([] { return false; }, std::chrono::milliseconds{500});
  CHECK(reader.output->answered == 1);
  produce(writer, 1);
  CHECK(partitions_in(reader.receive<kafka::fetch_request>(by_name)) == std::vector{1});
}

TEST_CASE("a fetch of another session or epoch is refused, and a new session begins",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t", 1));
  CHECK(client.call(fetch(77, 1), by_name).error_code ==
        number(error_code::fetch_session_id_not_found));
  const auto id = client.call(fetch(0, 0, {{0, 0}}), by_name).session_id;
  CHECK(client.call(fetch(id, 2), by_name).error_code ==
        number(error_code::invalid_fetch_session_epoch));
  CHECK(client.call(fetch(id, 1), 13).error_code ==
        number(error_code::fetch_session_topic_id_error));
  CHECK(client.call(fetch(id + 1, 1), by_name).error_code ==
        number(error_code::fetch_session_id_not_found));
  const auto next = client.call(fetch(id, 0, {{0, 0}}), by_name);
  CHECK(next.session_id != id);
  CHECK(partitions_in(next) == std::vector{0});
  CHECK(client.call(fetch(id, 1), by_name).error_code ==
        number(error_code::fetch_session_id_not_found));
  // A full fetch leaves the session alone, unless it names it.
  CHECK(client.call(fetch(0, -1, {{0, 0}}), by_name).session_id == 0);
  CHECK(client.call(fetch(next.session_id, 1), by_name).error_code == 0);
  CHECK(client.call(fetch(next.session_id, -1, {{0, 0}}), by_name).session_id == 0);
  CHECK(client.call(fetch(next.session_id, 2), by_name).error_code ==
        number(error_code::fetch_session_id_not_found));
}

TEST_CASE("sessions that find no room are full fetches", "[kafka][listener]") {
  auto room = std::make_shared<session_room>(2000);
  fetch_session one{room};
  fetch_session other{room};
  CHECK(one.on_request(fetch(0, 0, {{0, 0}, {1, 0}}), by_name) == error_code::none);
  CHECK(one.answers());
  std::vector<std::pair<std::int32_t, std::int64_t>> many;
  for (std::int32_t p = 0; p < 100; ++p) many.emplace_back(p, 0);
  CHECK(other.on_request(fetch(0, 0, many), by_name) == error_code::none);
  CHECK_FALSE(other.answers());
  const auto used = room->used();
  // One that grows beyond it ends, and gives everything back.
  const auto id = one.id();
  CHECK(one.on_request(fetch(id, 1, many), by_name) == error_code::fetch_session_id_not_found);
  CHECK_FALSE(one.answers());
  CHECK(used > 0);
  CHECK(room->used() == 0);
}

TEST_CASE("a partition that brought records is read last the next time", "[kafka][listener]") {
  fetch_session session{std::make_shared<session_room>(1 << 20)};
  REQUIRE(session.on_request(fetch(0, 0, {{0, 0}, {1, 0}, {2, 0}}), by_name) == error_code::none);
  CHECK(session.tell({"t", 0}, error_code::none, true, 5, 0));
  CHECK(session.tell({"t", 1}, error_code::none, false, 0, 0));
  std::vector<std::int32_t> order;
  for (const auto& each : session.all()) order.push_back(each.what.partition);
  CHECK(order == std::vector{1, 2, 0});
  REQUIRE(session.on_request(fetch(session.id(), 1), by_name) == error_code::none);
  CHECK_FALSE(session.tell({"t", 1}, error_code::none, false, 0, 0));
  CHECK(session.tell({"t", 1}, error_code::none, false, 1, 0));
}
