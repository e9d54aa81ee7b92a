// Requests that name topics by their ids: what an id means after its topic was deleted and made
// again under the same name.
#include "kafka/protocol/error_code.hpp"
#include "tests/kafka/listener/kafka_client.hpp"

using namespace penstock;
using namespace penstock::kafka;
using penstock::test::kafka_client;
using penstock::test::virtual_node;

namespace {

std::int16_t code(error_code which) {
  return number(which);
}

metadata_response::metadata_response_topic metadata_of(kafka_client& client,
                                                       std::optional<std::string> name,
                                                       const uuid& id = {}) {
  metadata_request ask;
  ask.allow_auto_topic_creation = false;
  ask.topics.emplace();
  ask.topics->push_back({id, std::move(name)});
  return client.call(ask, 13).topics.at(0);
}

std::int16_t produced(kafka_client& client, const uuid& id, std::int32_t partition = 0) {
  batch_builder builder;
  builder.add(from_millis(1000), std::nullopt, "a value");
  const bytes batch{builder.finish()};
  produce_request request;
  request.acks = -1;
  auto& data = request.topic_data.emplace_back();
  data.topic_id = id;
  data.partition_data.push_back({partition, batch});
  auto answer = client.call(request, 13).responses.at(0);
  CHECK(answer.topic_id == id);
  return answer.partition_responses.at(0).error_code;
}

kafka::fetch_request fetch(const uuid& id, std::int64_t offset, std::int32_t wait_ms = 0) {
  kafka::fetch_request request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  auto& from = request.topics.emplace_back();
  from.topic_id = id;
  auto& part = from.partitions.emplace_back();
  part.fetch_offset = offset;
  part.partition_max_bytes = 1 << 20;
  return request;
}

std::int16_t committed(kafka_client& client, const uuid& id) {
  offset_commit_request commit;
  commit.group_id = "g";
  commit.topics.push_back({"", id, {{0, 42, 0, "note"}}});
  return client.call(commit, 10).topics.at(0).partitions.at(0).error_code;
}

offset_fetch_response::offset_fetch_response_topics offset_of(kafka_client& client,
                                                              const uuid& id) {
  offset_fetch_request ask;
  auto& group = ask.groups.emplace_back();
  group.group_id = "g";
  group.topics.emplace();
  group.topics->push_back({"", id, {0}});
  return client.call(ask, 10).groups.at(0).topics.at(0);
}

}  // namespace

TEST_CASE("an id from metadata is what produce, fetch and offsets know the topic by",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  const auto id = metadata_of(client, "t").topic_id;
  REQUIRE_FALSE(id.is_zero());
  CHECK(metadata_of(client, std::nullopt, id).name == "t");

  CHECK(produced(client, id) == 0);
  CHECK(produced(client, id, 99) == code(error_code::unknown_topic_or_partition));
  for (const int version : {13, 14, 15, 16, 17, 18}) {
    auto read = client.call(fetch(id, 0), version).responses.at(0);
    CHECK(read.topic_id == id);
    CHECK(read.partitions.at(0).error_code == 0);
    CHECK(read.partitions.at(0).records->size() > 0);
  }
  CHECK(committed(client, id) == 0);
  const auto found = offset_of(client, id);
  CHECK(found.topic_id == id);
  CHECK(found.partitions.at(0).committed_offset == 42);
  offset_fetch_request all;
  all.groups.push_back({"g", std::nullopt, -1, std::nullopt});
  CHECK(client.call(all, 10).groups.at(0).topics.at(0).topic_id == id);
}

TEST_CASE("a fetch by id waits for records", "[kafka][listener]") {
  virtual_node node;
  kafka_client reader{node};
  kafka_client writer{node};
  REQUIRE_FALSE(node.create("t"));
  const auto id = metadata_of(reader, "t").topic_id;
  reader.send(fetch(id, 0, 5000), 13);
  node.clock.run_until([] { return false; }, std::chrono::milliseconds{1000});
  CHECK(reader.output->answered == 1);  // the metadata alone
  CHECK(produced(writer, id) == 0);
  auto read = reader.receive<kafka::fetch_request>(13);
  CHECK(read.responses.at(0).partitions.at(0).records->size() > 0);
}

TEST_CASE("the id of a topic that was deleted is not that of the next one of its name",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  const auto old = metadata_of(client, "t").topic_id;
  CHECK(produced(client, old) == 0);
  delete_topics_request remove;
  remove.topics.push_back({std::nullopt, old});
  CHECK(client.call(remove, 6).responses.at(0).error_code == 0);
  const auto gone = code(error_code::unknown_topic_id);
  CHECK(produced(client, old) == gone);
  REQUIRE_FALSE(node.create("t"));
  REQUIRE(node.clock.run_until([&] { return metadata_of(client, "t").error_code == 0; }));
  const auto fresh = metadata_of(client, "t").topic_id;
  CHECK(fresh != old);

  CHECK(produced(client, old) == gone);
  CHECK(client.call(fetch(old, 0), 13).responses.at(0).partitions.at(0).error_code == gone);
  CHECK(metadata_of(client, std::nullopt, old).error_code == gone);
  CHECK(committed(client, old) == gone);
  CHECK(offset_of(client, old).partitions.at(0).error_code == gone);
  CHECK(client.call(remove, 6).responses.at(0).error_code == gone);
  CHECK(produced(client, fresh) == 0);
  CHECK(committed(client, fresh) == 0);
}
