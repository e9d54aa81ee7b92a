// What clients ask about who has which partition, and want to change about it.
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

}  // namespace

TEST_CASE("topics are described page by page, in the order of their names", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("b", 5));
  REQUIRE_FALSE(node.create("a", 2));
  describe_topic_partitions_request ask;
  ask.topics = {{"none"}, {"b"}, {"a"}};
  ask.response_partition_limit = 3;
  auto first = client.call(ask, 0);
  REQUIRE(first.topics.size() == 2);
  CHECK(first.topics[0].name == "a");
  CHECK(first.topics[0].partitions.size() == 2);
  CHECK_FALSE(first.topics[0].topic_id.is_zero());
  CHECK(first.topics[1].partitions.size() == 1);
  CHECK(first.topics[1].partitions[0].leader_id == 7);
  REQUIRE(first.next_cursor);
  CHECK(first.next_cursor->topic_name == "b");
  CHECK(first.next_cursor->partition_index == 1);
  ask.cursor.emplace();
  ask.cursor->topic_name = first.next_cursor->topic_name;
  ask.cursor->partition_index = first.next_cursor->partition_index;
  ask.response_partition_limit = 2000;
  auto rest = client.call(ask, 0);
  REQUIRE(rest.topics.size() == 2);
  CHECK(rest.topics[0].partitions.size() == 4);
  CHECK(rest.topics[1].error_code == code(error_code::unknown_topic_or_partition));
  CHECK_FALSE(rest.next_cursor);
  CHECK(client.call(describe_topic_partitions_request{}, 0).topics.size() == 2);  // all
}

TEST_CASE("the quorum is the node alone, as far as the metadata log goes", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  REQUIRE_FALSE(node.create("t"));
  describe_quorum_request ask;
  ask.topics.push_back({"__cluster_metadata", {{0}}});
  ask.topics.push_back({"t", {{0}}});
  const auto answer = client.call(ask, 2);
  const auto& part = answer.topics.at(0).partitions.at(0);
  CHECK(part.error_code == 0);
  CHECK(part.leader_id == 7);
  CHECK(part.high_watermark > 0);
  REQUIRE(part.current_voters.size() == 1);
  CHECK(part.current_voters[0].replica_id == 7);
  CHECK(answer.nodes.at(0).node_id == 7);
  CHECK(answer.topics.at(1).partitions.at(0).error_code ==
        code(error_code::unknown_topic_or_partition));
}

TEST_CASE("elections, moves and other folders change nothing, with the codes that say so",
          "[kafka][listener]") {
  virtual_node node;
  edge_settings settings;
  settings.directory = "/data";
  kafka_client client{node, settings};
  REQUIRE_FALSE(node.create("t", 2));
  elect_leaders_request elect;
  elect.topic_partitions.emplace();
  elect.topic_partitions->push_back({"t", {0, 9}});
  auto elected = client.call(elect, 2).replica_election_results.at(0).partition_result;
  CHECK(elected.at(0).error_code == code(error_code::election_not_needed));
  CHECK(elected.at(1).error_code == code(error_code::unknown_topic_or_partition));
  elect.topic_partitions.reset();
  CHECK(client.call(elect, 2).replica_election_results.empty());
  elect.election_type = 9;
  CHECK(client.call(elect, 2).error_code == code(error_code::invalid_request));

  CHECK(client.call(list_partition_reassignments_request{}, 0).topics.empty());
  alter_partition_reassignments_request move;
  move.topics.push_back({"t",
                         {{0, std::vector<std::int32_t>{7}},
                          {1, std::vector<std::int32_t>{7, 8}},
                          {1, std::nullopt},
                          {9, std::nullopt}}});
  auto moved = client.call(move, 1).responses.at(0).partitions;
  CHECK(moved.at(0).error_code == 0);
  CHECK(moved.at(1).error_code == code(error_code::invalid_replica_assignment));
  CHECK(moved.at(2).error_code == code(error_code::no_reassignment_in_progress));
  CHECK(moved.at(3).error_code == code(error_code::unknown_topic_or_partition));

  alter_replica_log_dirs_request folders;
  folders.dirs.push_back({"/data", {{"t", {0, 9}}}});
  folders.dirs.push_back({"/else", {{"t", {0}}}});
  auto placed = client.call(folders, 2).results;
  CHECK(placed.at(0).partitions.at(0).error_code == 0);
  CHECK(placed.at(0).partitions.at(1).error_code == code(error_code::unknown_topic_or_partition));
  CHECK(placed.at(1).partitions.at(0).error_code == code(error_code::log_dir_not_found));
}
