#include "kafka/listener/connection.hpp"

#include "kafka/listener/frame_cutter.hpp"
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

bytes batch_of(const std::vector<std::string>& values) {
  batch_builder builder;
  for (const auto& each : values) builder.add(from_millis(1000), std::nullopt, each);
  return bytes{builder.finish()};
}

produce_request produce(const std::string& topic, bytes_view batch, std::int16_t acks = -1) {
  produce_request request;
  request.acks = acks;
  request.timeout_ms = 1000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  auto& part = data.partition_data.emplace_back();
  part.index = 0;
  part.records = batch;
  return request;
}

kafka::fetch_request fetch(const std::string& topic, std::int64_t offset, std::int32_t wait_ms) {
  kafka::fetch_request request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& from = request.topics.emplace_back();
  from.topic = topic;
  auto& part = from.partitions.emplace_back();
  part.partition = 0;
  part.fetch_offset = offset;
  part.partition_max_bytes = 1 << 20;
  return request;
}

std::int16_t produced(kafka_client& client, const std::string& topic, bytes_view batch) {
  return client.call(produce(topic, batch), 9).responses[0].partition_responses[0].error_code;
}

join_group_response join(kafka_client& client, const std::string& member) {
  kafka::join_group_request request;
  request.group_id = "g";
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 10'000;
  request.member_id = member;
  request.protocol_type = "consumer";
  request.protocols.push_back({"range", bytes{"\0opaque\xff", 8}});
  return client.call(request, 5);
}

}  // namespace

TEST_CASE("a version of ApiVersions that nobody knows is answered in version 0",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  client.send_frame(bytes{"\0\x12\0\x63\0\0\0\1\xff\xff\0garbage", 18});
  auto answer = client.receive<api_versions_request>(0);
  CHECK(answer.error_code == code(error_code::unsupported_version));
  CHECK(answer.api_keys.size() > 20);
  kafka_client another{node};
  CHECK(another.call(api_versions_request{"test", "1"}, 3).error_code == 0);
}

TEST_CASE("what is produced is fetched, from the node that metadata names", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  metadata_request ask;
  ask.topics.emplace();
  ask.topics->push_back({{}, "t"});
  // Made on the way, and told when it is asked again.
  auto answer = client.call(ask, 9);
  REQUIRE(answer.topics.size() == 1);
  CHECK(answer.topics[0].error_code == code(error_code::unknown_topic_or_partition));
  CHECK(answer.topics[0].partitions.empty());
  answer = client.call(ask, 9);
  CHECK(answer.cluster_id == "the-cluster");
  REQUIRE(answer.topics.size() == 1);
  CHECK(answer.topics[0].error_code == 0);
  CHECK(answer.topics[0].partitions[0].leader_id == 7);
  CHECK(answer.brokers[0].node_id == 7);

  const auto batch = batch_of({"one", "two"});
  auto written = client.call(produce("t", batch), 7).responses[0].partition_responses[0];
  CHECK(written.error_code == 0);
  CHECK(written.base_offset == 0);
  CHECK(client.call(produce("t", batch), 9).responses[0].partition_responses[0].base_offset == 2);
  auto read = client.call(fetch("t", 0, 0), 11).responses[0].partitions[0];
  CHECK(read.error_code == 0);
  CHECK(read.high_watermark == 4);
  CHECK(read.records->size() == 2 * batch.size());
  CHECK(client.call(fetch("t", 99, 0), 11).responses[0].partitions[0].error_code ==
        code(error_code::offset_out_of_range));
  CHECK(client.call(fetch("none", 0, 0), 4).responses[0].partitions[0].error_code ==
        code(error_code::unknown_topic_or_partition));
}

TEST_CASE("a fetch waits for records and no longer than asked", "[kafka][listener]") {
  virtual_node node;
  kafka_client reader{node};
  kafka_client writer{node};
  REQUIRE_FALSE(node.create("t"));
  reader.send(fetch("t", 0, 5000), 11);
  node.clock.run_until([] { return false; }, std::chrono::milliseconds{1000});
  CHECK(reader.output->answered == 0);
  CHECK(produced(writer, "t", batch_of({"late"})) == 0);
  auto read = reader.receive<kafka::fetch_request>(11);
  CHECK(read.responses[0].partitions[0].records->size() > 0);

  reader.send(fetch("t", 1, 500), 11);
  read = reader.receive<kafka::fetch_request>(11);
  CHECK(read.responses[0].partitions[0].records->empty());
  CHECK(read.responses[0].partitions[0].high_watermark == 1);
}

TEST_CASE("large and small batches of several partitions come back as they were produced",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t", 3));
  const std::vector<std::size_t> sizes{100'000, 10, 5000};  // one of them is copied
  auto wanted = fetch("t", 0, 0);
  for (std::int32_t p = 0; p < 3; ++p) {
    const auto batch = batch_of({bytes(sizes[p], static_cast<char>('a' + p))});
    auto request = produce("t", batch);
    request.topic_data[0].partition_data[0].index = p;
    const auto done = client.call(request, 9);
    CHECK(done.responses[0].partition_responses[0].error_code == 0);
    if (p > 0) wanted.topics[0].partitions.push_back(wanted.topics[0].partitions[0]);
    wanted.topics[0].partitions[p].partition = p;
  }
  for (const int version : {4, 11, 12}) {
    INFO("version " << version);
    // Two at once, so that answers may be written together.
    client.send(wanted, version);
    client.send(wanted, version);
    for (int twice = 0; twice < 2; ++twice) {
      const auto read = client.receive<kafka::fetch_request>(version);
      REQUIRE(read.responses.size() == 1);
      REQUIRE(read.responses[0].partitions.size() == 3);
      for (const auto& each : read.responses[0].partitions) {
        const auto batch = batch_view::parse(*each.records);
        REQUIRE(batch.has_value());
        CHECK(batch->check_crc().has_value());
        CHECK(batch->size() == each.records->size());
        CHECK(batch->size() > sizes[each.partition_index]);
      }
    }
  }
}

TEST_CASE("produce requests run beside each other and are answered in order", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  const auto batch = batch_of({"x"});
  for (int i = 0; i < 5; ++i) client.send(produce("t", batch), 9);
  client.send(api_versions_request{}, 0);
  for (int i = 0; i < 5; ++i)
    CHECK(client.receive<produce_request>(9).responses[0].partition_responses[0].base_offset == i);
  client.receive<api_versions_request>(0);
}

TEST_CASE("records that are none are refused with Kafka's codes", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  auto damaged = batch_of({"x"});
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  CHECK(produced(client, "t", damaged) == code(error_code::corrupt_message));
  auto old = batch_of({"x"});
  old[16] = 1;
  CHECK(produced(client, "t", old) == code(error_code::invalid_record));
  CHECK(produced(client, "t", "") == code(error_code::invalid_record));
  CHECK(produced(client, "t", batch_of({"x"}) + batch_of({"y"})) ==
        code(error_code::invalid_record));
  CHECK(produced(client, "none", batch_of({"x"})) == code(error_code::unknown_topic_or_partition));
  CHECK(produced(client, "t", batch_of({"x"})) == 0);
}

TEST_CASE("acks=0 gets no answer, and a closed connection when it failed", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  const auto batch = batch_of({"x"});
  client.send(produce("t", batch, 0), 7);
  REQUIRE(node.clock.run_until([&] { return client.output->answered == 1; }));
  CHECK(client.output->all.empty());
  client.send(produce("none", batch, 0), 7);
  REQUIRE(node.clock.run_until([&] { return static_cast<bool>(client.output->closed); }));
}

TEST_CASE("bytes that are no request close the connection", "[kafka][listener]") {
  virtual_node node;
  for (const bytes& frame : {bytes{"GET / HTTP/1.1"}, bytes{"\0\x03\0\x01\0\0\0\1\0\x05me", 12},
                             bytes{"\0\x03\0\x01\0\0\0\1\xff\xff\x7f\xff\xff\xff", 14}}) {
    kafka_client client{node};
    client.send_frame(frame);
    REQUIRE(node.clock.run_until([&] { return static_cast<bool>(client.output->closed); }));
  }
  kafka_client another{node};
  CHECK(another.call(api_versions_request{}, 2).error_code == 0);
}

TEST_CASE("a group carries its members' bytes and assignments", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  auto first = join(client, "");
  CHECK(first.error_code == code(error_code::member_id_required));
  auto joined = join(client, first.member_id);
  REQUIRE(joined.error_code == 0);
  CHECK(joined.leader == joined.member_id);
  REQUIRE(joined.members.size() == 1);
  CHECK(joined.members[0].metadata == bytes{"\0opaque\xff", 8});

  kafka::sync_group_request sync;
  sync.group_id = "g";
  sync.member_id = joined.member_id;
  sync.generation_id = joined.generation_id;
  sync.assignments.push_back({joined.member_id, "yours"});
  CHECK(client.call(sync, 3).assignment == "yours");

  kafka::heartbeat_request beat{"g", joined.generation_id, joined.member_id, std::nullopt};
  CHECK(client.call(beat, 3).error_code == 0);
  beat.generation_id = 99;
  CHECK(client.call(beat, 3).error_code == code(error_code::illegal_generation));

  describe_groups_request look;
  look.groups = {"g", "none"};
  auto groups = client.call(look, 5).groups;
  CHECK(groups[0].group_state == "Stable");
  CHECK(groups[0].members[0].member_assignment == "yours");
  CHECK(groups[1].group_state == "Dead");

  kafka::leave_group_request leave;
  leave.group_id = "g";
  leave.members.push_back({joined.member_id, std::nullopt, std::nullopt});
  leave.members.push_back({"nobody", std::nullopt, std::nullopt});
  auto left = client.call(leave, 4);
  CHECK(left.error_code == 0);
  CHECK(left.members[0].error_code == 0);
  CHECK(left.members[1].error_code == code(error_code::unknown_member_id));
}

TEST_CASE("offsets are committed for partitions that exist and read back", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  offset_commit_request commit;
  commit.group_id = "g";
  commit.topics.push_back({"t", {}, {{0, 42, 0, "note"}, {9, 1, -1, std::nullopt}}});
  auto done = client.call(commit, 8).topics[0].partitions;
  CHECK(done[0].error_code == 0);
  CHECK(done[1].error_code == code(error_code::unknown_topic_or_partition));
  offset_fetch_request ask;
  ask.group_id = "g";
  ask.topics.emplace();
  ask.topics->push_back({"t", {0}});
  auto found = client.call(ask, 5).topics[0].partitions[0];
  CHECK(found.committed_offset == 42);
  CHECK(found.metadata == "note");
  offset_fetch_request all;
  all.groups.push_back({"g", std::nullopt, -1, std::nullopt});
  CHECK(client.call(all, 8).groups[0].topics[0].partitions[0].committed_offset == 42);
}

TEST_CASE("an offset below zero is kept as it is, and -1 is none", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t", 2));
  offset_commit_request commit;
  commit.group_id = "g";
  commit.topics.push_back({"t", {}, {{0, -2, -1, ""}, {1, 5, -1, ""}}});
  const auto done = client.call(commit, 8);
  for (const auto& each : done.topics.at(0).partitions) CHECK(each.error_code == 0);
  commit.topics[0].partitions = {{1, -1, -1, ""}};
  CHECK(client.call(commit, 8).topics.at(0).partitions.at(0).error_code == 0);
  offset_fetch_request ask;
  ask.group_id = "g";
  ask.topics.emplace();
  ask.topics->push_back({"t", {0, 1}});
  const auto found = client.call(ask, 5).topics.at(0).partitions;
  CHECK(found.at(0).committed_offset == -2);
  CHECK(found.at(1).committed_offset == -1);
}

TEST_CASE("topics are created, described, altered and deleted with a code for each",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  create_topics_request create;
  create.topics.resize(4);
  create.topics[0] = {"a", 3, 1, {}, {{"retention.ms", "1000"}, {"file.delete.delay.ms", "1"}}};
  create.topics[1] = {"b", 1, 3, {}, {}};
  create.topics[2] = {"c", 1, 1, {}, {{"no.such.setting", "1"}}};
  create.topics[3] = {"d/", 1, 1, {}, {}};
  auto made = client.call(create, 7).topics;
  CHECK(made[0].error_code == 0);
  CHECK_FALSE(made[0].topic_id.is_zero());
  CHECK(made[0].num_partitions == 3);
  REQUIRE(made[0].configs.has_value());
  const auto value_of = [&](std::string_view name) {
    for (const auto& each : *made[0].configs)
      if (each.name == name) return std::pair{*each.value, static_cast<int>(each.config_source)};
    return std::pair{std::string{"missing"}, 0};
  };
  CHECK(value_of("retention.ms") == std::pair{std::string{"1000"}, 1});
  CHECK(value_of("cleanup.policy") == std::pair{std::string{"delete"}, 5});
  CHECK(made[1].error_code == code(error_code::invalid_replication_factor));
  CHECK(made[2].error_code == code(error_code::invalid_config));
  CHECK(made[3].error_code == code(error_code::invalid_topic_exception));
  create.topics.resize(1);
  CHECK(client.call(create, 4).topics[0].error_code == code(error_code::topic_already_exists));

  incremental_alter_configs_request alter;
  alter.resources.push_back({2,
                             "a",
                             {{"cleanup.policy", 2, "compact"},
                              {"retention.ms", 1, {}},
                              {"min.insync.replicas", 0, "1"}}});
  CHECK(client.call(alter, 1).responses[0].error_code == 0);
  describe_configs_request describe;
  describe.resources.push_back(
      {2, "a", std::vector<std::string>{"cleanup.policy", "retention.ms"}});
  auto configs = client.call(describe, 4).results[0].configs;
  CHECK(configs[0].value == "compact,delete");
  CHECK(configs[0].config_source == 1);
  CHECK(configs[1].value == "604800000");
  CHECK(configs[1].config_source == 5);
  describe.resources[0].configuration_keys->clear();  // all of them, as from Kafka
  describe.include_synonyms = true;
  configs = client.call(describe, 4).results[0].configs;
  CHECK(configs.size() == topic_setting_table().size());
  CHECK(configs[0].synonyms.at(0).name == "cleanup.policy");
  CHECK(configs[0].synonyms.at(1).name == "log.cleanup.policy");

  list_config_resources_request list;
  list.resource_types = {2, 4};
  const auto listed = client.call(list, 1).config_resources;
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].resource_name == "7");
  CHECK(listed[1].resource_name == "a");
  CHECK(client.call(list_config_resources_request{}, 0).config_resources.empty());
  list.resource_types = {1};
  CHECK(client.call(list, 1).error_code == code(error_code::unsupported_version));

  create_partitions_request grow;
  grow.topics.push_back({"a", 2, std::nullopt});
  CHECK(client.call(grow, 2).results[0].error_code == code(error_code::invalid_partitions));
  grow.topics[0].count = 5;
  CHECK(client.call(grow, 2).results[0].error_code == 0);

  delete_topics_request remove;
  remove.topic_names = {"a", "none"};
  auto removed = client.call(remove, 4).responses;
  CHECK(removed[0].error_code == 0);
  CHECK(removed[1].error_code == code(error_code::unknown_topic_or_partition));
}

TEST_CASE("frames are cut however their bytes arrive, and refused by their length",
          "[kafka][listener]") {
  // Up to a size frames are put together in place, beyond it as they come.
  const std::vector<bytes> whole{"the first one", "and another", bytes(3000, 'x'),
                                 bytes((2u << 20) + 9, 'y'), "a frame at the end"};
  bytes stream;
  for (const auto& each : whole) {
    put_be(stream, static_cast<std::int32_t>(each.size()));
    stream += each;
  }
  for (const std::size_t step : {1u, 2u, 3u, 4u, 5u, 16u, 17u, 18u, 1000u, 70'000u, 4u << 20}) {
    for (const bool in_place : {false, true}) {
      frame_cutter cutter{3u << 20};
      std::vector<bytes> got;
      std::size_t at = 0;
      while (at < stream.size()) {
        const auto room = in_place ? cutter.room() : std::span<char>{};
        const auto piece =
            bytes_view{stream}.substr(at, room.empty() ? step : std::min(step, room.size()));
        if (room.empty()) {
          cutter.received(piece);
        } else {
          std::copy(piece.begin(), piece.end(), room.begin());
          cutter.filled(piece.size());
        }
        at += piece.size();
        while (auto frame = cutter.next().value())
          got.emplace_back(view(frame->open()->getContent()));
      }
      REQUIRE(got == whole);
      CHECK(cutter.kept_bytes() == 0);
    }
  }
  for (const std::int32_t length : {-1, 0, 9, 101, 0x7fffffff}) {
    frame_cutter cutter{100};
    bytes head;
    put_be(head, length);
    cutter.received(head);
    CHECK_FALSE(cutter.next().has_value());
  }
}
