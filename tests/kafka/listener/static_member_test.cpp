// Members that keep their place in a group by group.instance.id (KIP-345).
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

join_group_response join(kafka_client& client, const std::string& instance,
                         const std::string& member = "") {
  kafka::join_group_request request;
  request.group_id = "g";
  request.session_timeout_ms = 30'000;
  request.rebalance_timeout_ms = 30'000;
  request.member_id = member;
  request.group_instance_id = instance;
  request.protocol_type = "consumer";
  request.protocols.push_back({"range", "opaque"});
  return client.call(request, 9);
}

sync_group_response sync(kafka_client& client, const join_group_response& joined,
                         const std::string& instance, const std::string& assignment = "") {
  kafka::sync_group_request request;
  request.group_id = "g";
  request.member_id = joined.member_id;
  request.generation_id = joined.generation_id;
  request.group_instance_id = instance;
  request.protocol_type = "consumer";
  request.protocol_name = "range";
  if (!assignment.empty()) request.assignments.push_back({joined.member_id, assignment});
  return client.call(request, 5);
}

std::int16_t beat(kafka_client& client, const join_group_response& joined,
                  const std::string& instance) {
  const kafka::heartbeat_request request{"g", joined.generation_id, joined.member_id, instance};
  return client.call(request, 4).error_code;
}

}  // namespace

TEST_CASE("a static member that comes back has its assignment, and its past self is fenced",
          "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  const auto joined = join(client, "i");
  REQUIRE(joined.error_code == 0);  // no second round for an id
  CHECK(sync(client, joined, "i", "yours").assignment == "yours");

  kafka_client again{node};
  const auto back = join(again, "i");
  REQUIRE(back.error_code == 0);
  CHECK(back.generation_id == joined.generation_id);  // no rebalance
  CHECK(back.member_id != joined.member_id);
  CHECK(sync(again, back, "i").assignment == "yours");
  CHECK(beat(again, back, "i") == 0);

  CHECK(beat(client, joined, "i") == code(error_code::fenced_instance_id));
  CHECK(sync(client, joined, "i").error_code == code(error_code::fenced_instance_id));
  CHECK(join(client, "i", joined.member_id).error_code == code(error_code::fenced_instance_id));
  offset_commit_request commit;
  commit.group_id = "g";
  commit.member_id = joined.member_id;
  commit.generation_id_or_member_epoch = joined.generation_id;
  commit.group_instance_id = "i";
  REQUIRE_FALSE(node.create("t"));
  commit.topics.push_back({"t", {}, {{0, 1, 0, ""}}});
  CHECK(client.call(commit, 9).topics.at(0).partitions.at(0).error_code ==
        code(error_code::fenced_instance_id));
}

TEST_CASE("static members are removed by their instance ids", "[kafka][listener]") {
  virtual_node node;
  kafka_client client{node};
  const auto joined = join(client, "i");
  CHECK(sync(client, joined, "i", "yours").error_code == 0);
  describe_groups_request look;
  look.groups = {"g"};
  CHECK(client.call(look, 5).groups.at(0).members.at(0).group_instance_id == "i");

  kafka::leave_group_request leave;
  leave.group_id = "g";
  leave.members.push_back({"", "i", std::nullopt});
  leave.members.push_back({"", "another", std::nullopt});
  const auto left = client.call(leave, 5);
  CHECK(left.error_code == 0);
  CHECK(left.members.at(0).error_code == 0);
  CHECK(left.members.at(1).error_code == code(error_code::unknown_member_id));
  CHECK(beat(client, joined, "i") == code(error_code::unknown_member_id));
  CHECK(client.call(look, 5).groups.at(0).group_state == "Empty");
}
