// Offset-commit, offset-fetch, offset-delete.
#include <algorithm>

#include "actors/client/produce_queue.hpp"
#include "kafka/listener/offset_places.hpp"
#include "kafka/listener/session.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock::kafka {

namespace {

std::int16_t offsets_code(const error& why) {
  if (why.code() == errc::invalid_argument) return number(error_code::invalid_group_id);
  if (why && is_retriable(why.code()) && why.code() != errc::rebalance_in_progress &&
      why.code() != errc::not_coordinator)
    return number(error_code::coordinator_not_available);
  return number_of(why);
}

// The first version of both requests that names topics by their ids alone.
constexpr int by_id_from = 10;

// Topics that exist: nothing is committed for partitions that do not.
struct known_topics {
  explicit known_topics(const topics_reply& found) {
    auto in = found.open();
    for (auto each : in->getTopics()) {
      const std::string name{view(each.getName())};
      counts[name] = static_cast<std::int32_t>(each.getPartitions().size());
      names[id_of(each)] = name;
      ids[name] = id_of(each);
    }
  }
  std::map<std::string, std::int32_t, std::less<>> counts;
  std::map<uuid, std::string> names;
  std::map<std::string, uuid> ids;
};

// Writes what may be committed; the others are answered already.
void commit(session& with, exchange_ptr<offset_commit_request> x, const topics_reply& found) {
  auto out = std::make_shared<offset_commit_response>();
  const known_topics topics{found};
  const auto& counts = topics.counts;
  const bool by_id = x->version() >= by_id_from;
  if (by_id)
    for (auto& topic : x->in.topics)
      if (auto named = topics.names.find(topic.topic_id); named != topics.names.end())
        topic.name = named->second;
  const auto& in = x->in;
  auto places = std::make_shared<std::vector<offset_place>>();
  std::size_t size = 256 + in.group_id.size() + in.member_id.size();
  out->topics.resize(in.topics.size());
  for (std::size_t t = 0; t < in.topics.size(); ++t) {
    const auto& topic = in.topics[t];
    const auto known = counts.find(topic.name);
    out->topics[t].name = topic.name;
    out->topics[t].topic_id = topic.topic_id;
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      auto& to = out->topics[t].partitions.emplace_back();
      to.partition_index = asked.partition_index;
      const auto metadata = asked.committed_metadata ? asked.committed_metadata->size() : 0;
      if (by_id && known == counts.end()) {
        to.error_code = number(error_code::unknown_topic_id);
      } else if (known == counts.end() || asked.partition_index < 0 ||
                 asked.partition_index >= known->second) {
        to.error_code = number(error_code::unknown_topic_or_partition);
      } else if (metadata > offset_metadata_bytes_max) {
        to.error_code = number(error_code::offset_metadata_too_large);
      } else {
        places->push_back({t, p});
        size += topic.name.size() + metadata + 64;
      }
    }
  }
  if (places->empty()) return x->answer(*out);
  auto request = opaque_commit::make(size, [&](wire::OpaqueCommit::Builder to) {
    to.setGroup(text_of(in.group_id));
    to.setMember(text_of(in.member_id));
    to.setGeneration(in.generation_id_or_member_epoch);
    if (in.group_instance_id) to.setInstance(text_of(*in.group_instance_id));
    put_offsets(to.initOffsets(static_cast<unsigned>(places->size())), in, *places);
  });
  with.ask<group_reply>(request, [x, out, places](const group_reply& reply) {
    const auto code = offsets_code(error_of(reply.open()->getFailure()));
    for (const auto& each : *places)
      out->topics[each.topic].partitions[each.partition].error_code = code;
    x->answer(*out);
  });
}

}  // namespace

void serve(session& with, exchange_ptr<offset_commit_request> x) {
  if (x->in.topics.empty()) return x->answer({});
  std::vector<std::string> names;
  std::vector<uuid> ids;
  for (const auto& each : x->in.topics) {
    if (x->version() < by_id_from) {
      names.push_back(each.name);
    } else {
      ids.push_back(each.topic_id);
    }
  }
  with.ask<topics_reply>(topics_named(names, ids),
                         [&with, x](const topics_reply& found) { commit(with, x, found); });
}

// --- offset-fetch: one group in old versions, several in new ones

namespace {

struct offset_line {
  std::int32_t partition = 0;
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int16_t code = 0;
};

struct group_offsets {
  std::string id;
  bool all = false;
  bool stable = false;  // what a transaction may change is not told
  std::vector<std::pair<std::string, std::vector<std::int32_t>>> wanted;
  std::vector<std::pair<uuid, std::vector<std::int32_t>>> unknown;  // ids of no topic
  std::int16_t code = 0;
  std::map<std::string, std::vector<offset_line>> found;
};

using groups_ptr = std::shared_ptr<std::vector<group_offsets>>;

void look_up(session& with, const groups_ptr& groups, std::size_t at,
             const std::shared_ptr<gathering>& all) {
  const auto& group = (*groups)[at];
  if (!group.all && group.wanted.empty()) return;
  std::size_t size = 256 + group.id.size();
  for (const auto& [topic, partitions] : group.wanted)
    size += topic.size() + partitions.size() * 4 + 64;
  all->expect();
  auto request = opaque_fetch_offsets::make(size, [&](wire::OpaqueFetchOffsets::Builder out) {
    out.setGroup(text_of(group.id));
    auto list = out.initPartitions(static_cast<unsigned>(group.wanted.size()));
    for (unsigned i = 0; i < group.wanted.size(); ++i) {
      const auto& [topic, partitions] = group.wanted[i];
      list[i].setTopic(text_of(topic));
      auto numbers = list[i].initPartitions(static_cast<unsigned>(partitions.size()));
      for (unsigned p = 0; p < partitions.size(); ++p) numbers.set(p, partitions[p]);
    }
  });
  with.ask<opaque_offsets>(request, [groups, at, all](const opaque_offsets& reply) {
    auto from = reply.open();
    auto& to = (*groups)[at];
    to.code = offsets_code(error_of(from->getFailure()));
    for (auto each : from->getOffsets()) {
      auto& lines = to.found[std::string{view(each.getTopic())}];
      if (to.stable && each.getPending()) {
        lines.push_back(
            {each.getPartition(), -1, -1, "", number(error_code::unstable_offset_commit)});
        continue;
      }
      lines.push_back({each.getPartition(), each.getOffset(), each.getLeaderEpoch(),
                       std::string{view(each.getMetadata())}, 0});
    }
    // What was asked for is answered even where the group could not be looked at.
    if (to.code != 0)
      for (const auto& [topic, partitions] : to.wanted)
        for (const auto index : partitions) to.found[topic].push_back({index, -1, -1, "", to.code});
    all->arrived();
  });
}

// Old and new versions have structs of the same fields.
template <class Topics>
void write_topics(Topics& out, const group_offsets& from) {
  for (const auto& [name, lines] : from.found) {
    auto& topic = out.emplace_back();
    topic.name = name;
    for (const auto& line : lines)
      topic.partitions.push_back(
          {line.partition, line.offset, line.leader_epoch, line.metadata, line.code});
  }
}

// Topics by their ids; those that have no id any more are left out.
void write_by_id(offset_fetch_response::offset_fetch_response_group& out, const group_offsets& from,
                 const known_topics& topics) {
  write_topics(out.topics, from);
  for (auto& each : out.topics)
    if (auto id = topics.ids.find(each.name); id != topics.ids.end()) each.topic_id = id->second;
  std::erase_if(out.topics, [](const auto& each) { return each.topic_id.is_zero(); });
  for (const auto& [id, partitions] : from.unknown) {
    auto& topic = out.topics.emplace_back();
    topic.topic_id = id;
    for (const auto index : partitions)
      topic.partitions.push_back({index, -1, -1, "", number(error_code::unknown_topic_id)});
  }
}

void fetch_by_id(session& with, const exchange_ptr<offset_fetch_request>& x,
                 const known_topics& topics) {
  auto groups = std::make_shared<std::vector<group_offsets>>();
  for (const auto& each : x->in.groups) {
    auto& group = groups->emplace_back();
    group.id = each.group_id;
    group.all = !each.topics;
    if (!each.topics) continue;
    for (const auto& topic : *each.topics) {
      if (auto named = topics.names.find(topic.topic_id); named != topics.names.end()) {
        group.wanted.emplace_back(named->second, topic.partition_indexes);
      } else {
        group.unknown.emplace_back(topic.topic_id, topic.partition_indexes);
      }
    }
  }
  auto all = gather([x, groups, topics] {
    offset_fetch_response out;
    for (const auto& each : *groups) {
      auto& to = out.groups.emplace_back();
      to.group_id = each.id;
      to.error_code = each.code;
      if (each.code == 0) write_by_id(to, each, topics);
    }
    x->answer(out);
  });
  for (std::size_t at = 0; at < groups->size(); ++at) look_up(with, groups, at, all);
  all->arrived();
}

}  // namespace

void serve(session& with, exchange_ptr<offset_fetch_request> x) {
  if (x->version() >= by_id_from) {
    std::vector<uuid> ids;
    bool everything = x->in.groups.empty();
    for (const auto& group : x->in.groups) {
      everything = everything || !group.topics || group.topics->empty();
      if (group.topics)
        for (const auto& topic : *group.topics) ids.push_back(topic.topic_id);
    }
    if (everything) ids.clear();
    return with.ask<topics_reply>(topics_named({}, ids), [&with, x](const topics_reply& found) {
      fetch_by_id(with, x, known_topics{found});
    });
  }
  auto groups = std::make_shared<std::vector<group_offsets>>();
  const auto& in = x->in;
  if (x->version() >= 8) {
    for (const auto& each : in.groups) {
      auto& group = groups->emplace_back();
      group.id = each.group_id;
      group.all = !each.topics;
      if (each.topics)
        for (const auto& topic : *each.topics)
          group.wanted.emplace_back(topic.name, topic.partition_indexes);
    }
  } else {
    auto& group = groups->emplace_back();
    group.id = in.group_id;
    group.all = !in.topics;
    if (in.topics)
      for (const auto& topic : *in.topics)
        group.wanted.emplace_back(topic.name, topic.partition_indexes);
  }
  for (auto& each : *groups) each.stable = in.require_stable;
  auto all = gather([x, groups] {
    offset_fetch_response out;
    if (x->version() >= 8) {
      for (const auto& each : *groups) {
        auto& to = out.groups.emplace_back();
        to.group_id = each.id;
        to.error_code = each.code;
        if (each.code == 0) write_topics(to.topics, each);
      }
    } else {
      out.error_code = groups->front().code;
      write_topics(out.topics, groups->front());
    }
    x->answer(out);
  });
  for (std::size_t at = 0; at < groups->size(); ++at) look_up(with, groups, at, all);
  all->arrived();
}

// --- offset-delete

namespace {

void forget(session& with, exchange_ptr<offset_delete_request> x,
            const std::set<std::string, std::less<>>& subscribed) {
  auto out = std::make_shared<offset_delete_response>();
  std::vector<std::pair<std::string, std::int32_t>> gone;
  for (const auto& topic : x->in.topics) {
    auto& to = out->topics.emplace_back();
    to.name = topic.name;
    for (const auto& each : topic.partitions) {
      const bool in_use = subscribed.contains(topic.name);
      to.partitions.push_back(
          {each.partition_index,
           number(in_use ? error_code::group_is_subscribed_to_topic : error_code::none)});
      if (!in_use) gone.emplace_back(topic.name, each.partition_index);
    }
  }
  if (gone.empty()) return x->answer(*out);
  auto request = opaque_commit::make(gone.size() * 256, [&](auto to) {
    to.setGroup(text_of(x->in.group_id));
    to.setGeneration(-1);
    auto list = to.initOffsets(static_cast<unsigned>(gone.size()));
    for (unsigned i = 0; i < gone.size(); ++i) {
      list[i].setTopic(text_of(gone[i].first));
      list[i].setPartition(gone[i].second);
      list[i].setOffset(-1);
    }
  });
  with.ask<group_reply>(request, [x, out](const group_reply& reply) {
    out->error_code = offsets_code(error_of(reply.open()->getFailure()));
    if (out->error_code != 0) out->topics.clear();
    x->answer(*out);
  });
}

}  // namespace

void serve(session& with, exchange_ptr<offset_delete_request> x) {
  auto request = opaque_describe::make(
      x->in.group_id.size(),
      [&](wire::OpaqueDescribe::Builder to) { to.setGroup(text_of(x->in.group_id)); });
  with.ask<opaque_groups>(request, [&with, x](const opaque_groups& reply) {
    auto from = reply.open();
    if (auto why = error_of(from->getFailure())) {
      offset_delete_response out;
      out.error_code = offsets_code(why);
      return x->answer(out);
    }
    std::set<std::string, std::less<>> subscribed;
    for (auto member : from->getGroups()[0].getMembers())
      if (auto told = decode_subscription(view(member.getMetadata())))
        subscribed.insert(told->topics.begin(), told->topics.end());
    if (view(from->getGroups()[0].getProtocolType()) != consumer_protocol_type &&
        from->getGroups()[0].getMembers().size() > 0) {
      offset_delete_response out;
      out.error_code = number(error_code::non_empty_group);
      return x->answer(out);
    }
    forget(with, x, subscribed);
  });
}

}  // namespace penstock::kafka
