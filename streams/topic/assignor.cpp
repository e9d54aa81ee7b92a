#include "streams/topic/assignor.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "streams/base/assert.hpp"

namespace penstock {
namespace {

constexpr std::array<std::string_view, 4> names{"range", "roundrobin", "sticky",
                                                "cooperative-sticky"};

// Kafka's order of members: static ones first, by instance id, then the others by member id.
bool before(const assignor_member* a, const assignor_member* b) {
  if (a->instance_id && b->instance_id && *a->instance_id != *b->instance_id)
    return *a->instance_id < *b->instance_id;
  if (a->instance_id.has_value() != b->instance_id.has_value()) return a->instance_id.has_value();
  return a->id < b->id;
}

using member_list = std::vector<const assignor_member*>;

member_list in_order(const std::vector<assignor_member>& members) {
  member_list list;
  for (const auto& one : members) list.push_back(&one);
  std::sort(list.begin(), list.end(), before);
  return list;
}

// Subscribers of each topic that exists, as indexes into `members`, in order.
std::map<std::string, std::vector<std::size_t>> subscribers(const member_list& members,
                                                            const partition_counts& partitions) {
  std::map<std::string, std::vector<std::size_t>> by_topic;
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::set<std::string_view> topics{members[i]->topics.begin(), members[i]->topics.end()};
    for (auto topic : topics)
      if (partitions.contains(topic)) by_topic[std::string{topic}].push_back(i);
  }
  return by_topic;
}

std::int32_t count_of(const partition_counts& partitions, const std::string& topic) {
  auto found = partitions.find(topic);
  return found == partitions.end() ? 0 : std::max(found->second, 0);
}

using hands = std::vector<std::vector<topic_partition>>;  // by member index

hands assign_range(const member_list& members, const partition_counts& partitions) {
  hands given(members.size());
  for (const auto& [topic, readers] : subscribers(members, partitions)) {
    auto count = count_of(partitions, topic);
    auto each = count / static_cast<std::int32_t>(readers.size());
    auto extra = count % static_cast<std::int32_t>(readers.size());
    std::int32_t next = 0;
    for (auto reader : readers) {
      auto share = each + (extra-- > 0 ? 1 : 0);
      for (std::int32_t i = 0; i < share; ++i) given[reader].push_back({topic, next++});
    }
  }
  return given;
}

hands assign_round_robin(const member_list& members, const partition_counts& partitions) {
  hands given(members.size());
  std::size_t turn = 0;
  for (const auto& [topic, readers] : subscribers(members, partitions)) {
    for (std::int32_t i = 0; i < count_of(partitions, topic); ++i) {
      // The first subscriber at or after the member whose turn it is.
      auto reader = std::lower_bound(readers.begin(), readers.end(), turn);
      if (reader == readers.end()) reader = readers.begin();
      given[*reader].push_back({topic, i});
      turn = (*reader + 1) % members.size();
    }
  }
  return given;
}

// What each member had and may keep. Two claims of one partition: the later generation wins; of
// one generation nobody does, since one of the two is wrong and we cannot know which.
hands kept(const member_list& members, const partition_counts& partitions) {
  struct claim {
    std::size_t member;
    std::int32_t generation;
    bool contested;
  };
  std::map<topic_partition, claim> claims;
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::set<std::string_view> topics{members[i]->topics.begin(), members[i]->topics.end()};
    std::set<topic_partition> owned{members[i]->owned.begin(), members[i]->owned.end()};
    for (const auto& one : owned) {
      if (!topics.contains(one.topic) || one.partition < 0 ||
          one.partition >= count_of(partitions, one.topic))
        continue;
      auto [at, is_new] = claims.try_emplace(one, claim{i, members[i]->generation, false});
      if (is_new) continue;
      if (members[i]->generation > at->second.generation)
        at->second = {i, members[i]->generation, false};
      else if (members[i]->generation == at->second.generation)
        at->second.contested = true;
    }
  }
  hands given(members.size());
  for (const auto& [one, by] : claims)
    if (!by.contested) given[by.member].push_back(one);
  return given;
}

std::size_t least_loaded(const std::vector<std::size_t>& readers, const hands& given) {
  return *std::min_element(readers.begin(), readers.end(), [&](std::size_t a, std::size_t b) {
    return given[a].size() < given[b].size();
  });
}

// Moves one partition from the fullest member that can give one to a member with at least two
// fewer. Each move lowers the sum of squares, so this ends.
bool move_one(const std::map<std::string, std::vector<std::size_t>>& by_topic, hands& given) {
  std::vector<std::size_t> fullest(given.size());
  for (std::size_t i = 0; i < fullest.size(); ++i) fullest[i] = i;
  std::stable_sort(fullest.begin(), fullest.end(),
                   [&](std::size_t a, std::size_t b) { return given[a].size() > given[b].size(); });
  for (auto giver : fullest) {
    auto& from = given[giver];
    const std::string* tried = nullptr;
    for (auto one = from.rbegin(); one != from.rend(); ++one) {
      if (tried && *tried == one->topic) continue;
      tried = &one->topic;
      auto taker = least_loaded(by_topic.at(one->topic), given);
      if (given[taker].size() + 1 >= from.size()) continue;
      given[taker].push_back(std::move(*one));
      from.erase(std::next(one).base());
      return true;
    }
  }
  return false;
}

hands assign_sticky(const member_list& members, const partition_counts& partitions) {
  auto by_topic = subscribers(members, partitions);
  hands given = kept(members, partitions);
  std::set<topic_partition> taken;
  for (const auto& hand : given) taken.insert(hand.begin(), hand.end());

  // Topics with few subscribers first: their partitions have the least choice.
  std::vector<const std::pair<const std::string, std::vector<std::size_t>>*> topics;
  for (const auto& entry : by_topic) topics.push_back(&entry);
  std::stable_sort(topics.begin(), topics.end(), [](const auto* a, const auto* b) {
    return a->second.size() < b->second.size();
  });
  for (const auto* entry : topics)
    for (std::int32_t i = 0; i < count_of(partitions, entry->first); ++i)
      if (topic_partition one{entry->first, i}; !taken.contains(one))
        given[least_loaded(entry->second, given)].push_back(std::move(one));
  while (move_one(by_topic, given)) {
  }
  return given;
}

}  // namespace

std::string_view name_of(assignor kind) {
  return names[static_cast<std::size_t>(kind)];
}

result<assignor> assignor_named(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<assignor>(i);
  return {errc::inconsistent_protocol,
          fmt::format(
              "there is no assignor \"{}\": use range, roundrobin, sticky or cooperative-sticky",
              name)};
}

namespace {

// Takes away what somebody else still has.
void withhold(const member_list& members, hands& given) {
  struct claim {
    std::int32_t generation = -1;
    std::set<std::size_t> by;
  };
  std::map<topic_partition, claim> claims;
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (const auto& each : members[i]->owned) {
      auto& known = claims[each];
      if (members[i]->generation < known.generation) continue;
      if (members[i]->generation > known.generation) known = {members[i]->generation, {}};
      known.by.insert(i);
    }
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    std::erase_if(given[i], [&](const topic_partition& each) {
      const auto found = claims.find(each);
      return found != claims.end() &&
             (found->second.by.size() > 1 || !found->second.by.contains(i));
    });
  }
}

}  // namespace

group_assignment assign(assignor kind, const std::vector<assignor_member>& members,
                        const partition_counts& partitions) {
  auto list = in_order(members);
  hands given;
  switch (kind) {
    case assignor::range:
      given = assign_range(list, partitions);
      break;
    case assignor::round_robin:
      given = assign_round_robin(list, partitions);
      break;
    case assignor::sticky:
      given = assign_sticky(list, partitions);
      break;
    case assignor::cooperative_sticky:
      given = assign_sticky(list, partitions);
      withhold(list, given);
      break;
  }
  group_assignment result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::sort(given[i].begin(), given[i].end());
    auto is_new = result.emplace(list[i]->id, std::move(given[i])).second;
    PENSTOCK_ASSERT(is_new, list[i]->id);
  }
  return result;
}

}  // namespace penstock
