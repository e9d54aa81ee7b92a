#include "streams/topic/assignor.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;
using penstock::test::contains;

namespace {

assignor_member member(std::string id, std::vector<std::string> topics) {
  assignor_member one;
  one.id = std::move(id);
  one.topics = std::move(topics);
  return one;
}

// "t0p0 t0p2", as Kafka's documentation writes it.
std::string text_of(const std::vector<topic_partition>& partitions) {
  std::string text;
  for (const auto& one : partitions)
    text += (text.empty() ? "" : " ") + one.topic + "p" + std::to_string(one.partition);
  return text;
}

std::vector<assignor_member> again(std::vector<assignor_member> members,
                                   const group_assignment& before) {
  for (auto& one : members)
    if (auto found = before.find(one.id); found != before.end()) one.owned = found->second;
  return members;
}

// Every partition of a subscribed topic has one reader, who subscribed it.
void check_complete(const std::vector<assignor_member>& members, const partition_counts& counts,
                    const group_assignment& given) {
  REQUIRE(given.size() == members.size());
  std::set<topic_partition> wanted;
  std::set<topic_partition> seen;
  for (const auto& one : members) {
    for (const auto& topic : one.topics)
      if (auto found = counts.find(topic); found != counts.end())
        for (std::int32_t i = 0; i < found->second; ++i) wanted.insert({topic, i});
    for (const auto& partition : given.at(one.id)) {
      REQUIRE(seen.insert(partition).second);
      REQUIRE(std::find(one.topics.begin(), one.topics.end(), partition.topic) != one.topics.end());
    }
  }
  REQUIRE(seen == wanted);
}

}  // namespace

TEST_CASE("range gives the example of Kafka's documentation", "[topic][assignor]") {
  auto given = assign(assignor::range, {member("C1", {"t0", "t1"}), member("C0", {"t0", "t1"})},
                      {{"t0", 3}, {"t1", 3}});
  CHECK(text_of(given.at("C0")) == "t0p0 t0p1 t1p0 t1p1");
  CHECK(text_of(given.at("C1")) == "t0p2 t1p2");
}

TEST_CASE("round robin gives the examples of Kafka's documentation", "[topic][assignor]") {
  auto same =
      assign(assignor::round_robin, {member("C0", {"t0", "t1"}), member("C1", {"t0", "t1"})},
             {{"t0", 3}, {"t1", 3}});
  CHECK(text_of(same.at("C0")) == "t0p0 t0p2 t1p1");
  CHECK(text_of(same.at("C1")) == "t0p1 t1p0 t1p2");
  auto mixed =
      assign(assignor::round_robin,
             {member("C0", {"t0"}), member("C1", {"t0", "t1"}), member("C2", {"t0", "t1", "t2"})},
             {{"t0", 1}, {"t1", 2}, {"t2", 3}});
  CHECK(text_of(mixed.at("C0")) == "t0p0");
  CHECK(text_of(mixed.at("C1")) == "t1p0");
  CHECK(text_of(mixed.at("C2")) == "t1p1 t2p0 t2p1 t2p2");
}

TEST_CASE("sticky gives the first example of Kafka's documentation when a member leaves",
          "[topic][assignor]") {
  std::vector<std::string> topics{"t0", "t1", "t2", "t3"};
  partition_counts counts{{"t0", 2}, {"t1", 2}, {"t2", 2}, {"t3", 2}};
  auto c0 = member("C0", topics);
  auto c2 = member("C2", topics);
  c0.owned = {{"t0", 0}, {"t1", 1}, {"t3", 0}};
  c2.owned = {{"t1", 0}, {"t2", 1}};
  auto given = assign(assignor::sticky, {c0, c2}, counts);
  CHECK(text_of(given.at("C0")) == "t0p0 t1p1 t2p0 t3p0");
  CHECK(text_of(given.at("C2")) == "t0p1 t1p0 t2p1 t3p1");
}

TEST_CASE("sticky gives the second example of Kafka's documentation", "[topic][assignor]") {
  partition_counts counts{{"t0", 1}, {"t1", 2}, {"t2", 3}};
  std::vector<assignor_member> members{member("C0", {"t0"}), member("C1", {"t0", "t1"}),
                                       member("C2", {"t0", "t1", "t2"})};
  auto given = assign(assignor::sticky, members, counts);
  CHECK(text_of(given.at("C0")) == "t0p0");
  CHECK(text_of(given.at("C1")) == "t1p0 t1p1");
  CHECK(text_of(given.at("C2")) == "t2p0 t2p1 t2p2");
  members.erase(members.begin());
  auto after = assign(assignor::sticky, again(members, given), counts);
  CHECK(text_of(after.at("C1")) == "t0p0 t1p0 t1p1");
  CHECK(text_of(after.at("C2")) == "t2p0 t2p1 t2p2");
}

TEST_CASE("sticky moves only what balance demands when a member comes", "[topic][assignor]") {
  partition_counts counts{{"t", 12}};
  std::vector<assignor_member> members{member("a", {"t"}), member("b", {"t"}), member("c", {"t"})};
  auto before = assign(assignor::sticky, members, counts);
  members.push_back(member("d", {"t"}));
  auto after = assign(assignor::sticky, again(members, before), counts);
  std::size_t moved = 0;
  for (const auto& [id, partitions] : after) {
    CHECK(partitions.size() == 3);
    for (const auto& one : partitions)
      moved += id == "d" ||
               std::find(before.at(id).begin(), before.at(id).end(), one) == before.at(id).end();
  }
  CHECK(moved == 3);
}

TEST_CASE("of two claims to a partition the later generation's counts, of equal ones none",
          "[topic][assignor]") {
  partition_counts counts{{"t", 2}};
  auto a = member("a", {"t"});
  auto b = member("b", {"t"});
  a.owned = {{"t", 0}};
  b.owned = {{"t", 0}, {"t", 1}};
  a.generation = 7;
  b.generation = 6;
  CHECK(text_of(assign(assignor::sticky, {a, b}, counts).at("a")) == "tp0");
  b.generation = 7;
  check_complete({a, b}, counts, assign(assignor::sticky, {a, b}, counts));
}

TEST_CASE("static members keep their place when their member id changes", "[topic][assignor]") {
  auto a = member("zzz", {"t"});
  auto b = member("aaa", {"t"});
  a.instance_id = "1";
  b.instance_id = "2";
  auto before = assign(assignor::range, {a, b}, {{"t", 3}});
  CHECK(before.at("zzz").size() == 2);
  a.id = "new";
  CHECK(assign(assignor::range, {b, a}, {{"t", 3}}).at("new") == before.at("zzz"));
}

TEST_CASE("topics that do not exist and members that read nothing are fine", "[topic][assignor]") {
  for (auto kind : {assignor::range, assignor::round_robin, assignor::sticky}) {
    CHECK(assign(kind, {}, {{"t", 3}}).empty());
    auto given = assign(kind, {member("a", {"gone"}), member("b", {"t", "t"})}, {{"t", 2}});
    CHECK(given.at("a").empty());
    CHECK(given.at("b").size() == 2);
  }
}

TEST_CASE("cooperating members give up first, and nothing is given twice", "[topic][assignor]") {
  const partition_counts counts{{"t", 4}};
  std::vector members{member("a", {"t"})};
  members[0].owned = {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}};
  members.push_back(member("b", {"t"}));
  auto given = assign(assignor::cooperative_sticky, members, counts);
  CHECK(text_of(given.at("a")) == "tp0 tp1");
  CHECK(given.at("b").empty());
  given = assign(assignor::cooperative_sticky, again(members, given), counts);
  CHECK(text_of(given.at("a")) == "tp0 tp1");
  CHECK(text_of(given.at("b")) == "tp2 tp3");
}

TEST_CASE("groups of cooperating members settle, and no partition ever has two readers",
          "[topic][assignor]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    penstock::random chance{seed};
    const partition_counts counts{{"t", static_cast<std::int32_t>(chance.below(12))}};
    std::vector<assignor_member> members;
    for (auto left = 1 + chance.below(6); left > 0; --left)
      members.push_back(member("m" + std::to_string(left), {"t"}));
    for (std::int32_t p = 0; p < counts.at("t"); ++p)
      if (chance.chance(2, 3)) members[chance.below(members.size())].owned.push_back({"t", p});
    group_assignment given;
    for (int round = 0; round < 3; ++round) {
      given = assign(assignor::cooperative_sticky, members, counts);
      for (const auto& [id, partitions] : given)
        for (const auto& each : partitions)
          for (const auto& other : members)
            if (other.id != id)
              REQUIRE(std::find(other.owned.begin(), other.owned.end(), each) == other.owned.end());
      // Who keeps a partition has it already; who gets one has it from now on.
      members = again(members, given);
    }
    check_complete(members, counts, given);
  }
}

TEST_CASE("assignors have Kafka's names", "[topic][assignor]") {
  for (auto kind :
       {assignor::range, assignor::round_robin, assignor::sticky, assignor::cooperative_sticky})
    CHECK(assignor_named(name_of(kind)).value() == kind);
  CHECK(name_of(assignor::round_robin) == "roundrobin");
  CHECK_THAT(assignor_named("best").error().message(),
             contains("range, roundrobin, sticky or cooperative-sticky"));
}

TEST_CASE("assignments of random groups are complete, fair, and the same in any order",
          "[topic][assignor]") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    penstock::random chance{seed};
    partition_counts counts;
    std::vector<std::string> names;
    for (auto topics = 1 + chance.below(5); topics > 0; --topics) {
      names.push_back("t" + std::to_string(topics));
      counts[names.back()] = static_cast<std::int32_t>(chance.below(9));
    }
    names.push_back("not-there");
    bool all_alike = chance.chance(1, 2);
    std::vector<assignor_member> members;
    for (auto left = 1 + chance.below(7); left > 0; --left) {
      auto one = member("m" + std::to_string(left), {});
      for (const auto& name : names)
        if (all_alike || chance.chance(2, 3)) one.topics.push_back(name);
      for (auto claims = chance.below(6); claims > 0; --claims)
        one.owned.push_back(
            {names[chance.below(names.size())], static_cast<std::int32_t>(chance.below(10)) - 1});
      one.generation = static_cast<std::int32_t>(chance.below(2));
      members.push_back(std::move(one));
    }
    auto turned = members;
    std::reverse(turned.begin(), turned.end());
    for (auto kind : {assignor::range, assignor::round_robin, assignor::sticky}) {
      auto given = assign(kind, members, counts);
      check_complete(members, counts, given);
      REQUIRE(assign(kind, turned, counts) == given);
      if (kind == assignor::range) continue;
      auto [least, most] = std::minmax_element(
          given.begin(), given.end(),
          [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
      if (all_alike) REQUIRE(most->second.size() - least->second.size() <= 1);
      if (kind == assignor::sticky) {
        auto settled = members;
        for (auto& one : settled) one.generation = 5;
        REQUIRE(assign(kind, again(settled, given), counts) == given);
      }
    }
  }
}
