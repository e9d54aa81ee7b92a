// Describe-topic-partitions, describe-quorum, elect-leaders, list- and
// alter-partition-reassignments, alter-replica-log-dirs: who has which partition. It is this node,
// in its one directory, so that most of what these can change is already as it was wished.
#include <algorithm>

#include "kafka/listener/descriptions.hpp"
#include "kafka/listener/session.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/name.hpp"

namespace penstock::kafka {

namespace {

// How many partitions one answer describes, whatever is asked (max.request.partition.size.limit).
constexpr std::int32_t described_max = 2000;

using described_topic =
    describe_topic_partitions_response::describe_topic_partitions_response_topic;

struct known_topic {
  std::int32_t partitions = 0;
  std::set<std::int32_t> offline;
};

std::map<std::string, known_topic, std::less<>> topics_in(const topics_reply& found) {
  std::map<std::string, known_topic, std::less<>> known;
  auto in = found.open();
  for (auto topic : in->getTopics()) {
    auto& to = known[std::string{view(topic.getName())}];
    to.partitions = static_cast<std::int32_t>(topic.getPartitions().size());
    for (auto each : topic.getPartitions())
      if (each.getOffline().getCode() != 0) to.offline.insert(each.getIndex());
  }
  return known;
}

bool has(const std::map<std::string, known_topic, std::less<>>& known, const std::string& topic,
         std::int32_t partition) {
  const auto at = known.find(topic);
  return at != known.end() && partition >= 0 && partition < at->second.partitions;
}

template <class Topic>
std::vector<std::string> names_of(const std::vector<Topic>& topics) {
  std::vector<std::string> names;
  for (const auto& each : topics) names.push_back(each.name);
  return names;
}

described_topic describe(wire::Topic::Reader from, std::int32_t first, std::int32_t count,
                         std::int32_t node) {
  described_topic out;
  describe_topic(from, out);
  out.topic_authorized_operations = topic_operations;
  for (auto each : from.getPartitions()) {
    if (each.getIndex() < first || each.getIndex() - first >= count) continue;
    auto& to = out.partitions.emplace_back();
    describe_partition(each, node, to);
    to.eligible_leader_replicas.emplace();
    to.last_known_elr.emplace();
  }
  return out;
}

// Topics in the order of their names, from the cursor on, until the answer is full.
void describe_from(session& with, const exchange_ptr<describe_topic_partitions_request>& x,
                   const topics_reply& found) {
  const auto& in = x->in;
  describe_topic_partitions_response out;
  auto reply = found.open();
  std::map<std::string, std::optional<wire::Topic::Reader>> wanted;
  for (const auto& each : in.topics) wanted[each.name];
  for (auto each : reply->getTopics()) wanted[std::string{view(each.getName())}] = each;
  auto left = in.response_partition_limit > 0 ? std::min(in.response_partition_limit, described_max)
                                              : described_max;
  for (const auto& [name, topic] : wanted) {
    if (in.cursor && name < in.cursor->topic_name) continue;
    if (left == 0) {
      out.next_cursor = describe_topic_partitions_response::cursor{.topic_name = name};
      break;
    }
    if (!topic) {
      auto& to = out.topics.emplace_back();
      to.name = name;
      to.error_code = number(check_topic_name(name) ? error_code::unknown_topic_or_partition
                                                    : error_code::invalid_topic_exception);
      continue;
    }
    const auto first =
        in.cursor && name == in.cursor->topic_name ? std::max(in.cursor->partition_index, 0) : 0;
    out.topics.push_back(describe(*topic, first, left, with.settings().node_id));
    const auto next = first + static_cast<std::int32_t>(out.topics.back().partitions.size());
    left -= next - first;
    if (static_cast<std::uint32_t>(next) < topic->getPartitions().size()) {
      out.next_cursor =
          describe_topic_partitions_response::cursor{.topic_name = name, .partition_index = next};
      break;
    }
  }
  x->answer(out);
}

}  // namespace

void serve(session& with, exchange_ptr<describe_topic_partitions_request> x) {
  with.ask<topics_reply>(topics_named(names_of(x->in.topics)),
                         [&with, x](const topics_reply& found) { describe_from(with, x, found); });
}

void serve(session& with, exchange_ptr<describe_quorum_request> x) {
  auto request = penstock::list_offsets_request::make([&](auto out) {
    out.setTopic(std::string{metadata_topic}.c_str());
    out.setTime(-1);
  });
  with.ask<list_offsets_reply>(request, [&with, x](const list_offsets_reply& reply) {
    const auto& settings = with.settings();
    auto end = reply.open();
    describe_quorum_response out;
    for (const auto& topic : x->in.topics) {
      auto& to = out.topics.emplace_back();
      to.topic_name = topic.topic_name;
      for (const auto& each : topic.partitions) {
        auto& part = to.partitions.emplace_back();
        part.partition_index = each.partition_index;
        if (topic.topic_name != metadata_topic || each.partition_index != 0) {
          part.error_code = number(error_code::unknown_topic_or_partition);
          continue;
        }
        part.error_code = number_of(error_of(end->getFailure()));
        part.leader_id = settings.node_id;
        part.high_watermark = end->getOffset();
        auto& voter = part.current_voters.emplace_back();
        voter.replica_id = settings.node_id;
        voter.log_end_offset = end->getOffset();
      }
    }
    auto& node = out.nodes.emplace_back();
    node.node_id = settings.node_id;
    node.listeners.push_back({"PLAINTEXT", settings.host, settings.port});
    x->answer(out);
  });
}

void serve(session& with, exchange_ptr<elect_leaders_request> x) {
  const bool all = !x->in.topic_partitions;
  constexpr std::int8_t unclean = 1;
  elect_leaders_response refused;
  if (x->in.election_type < 0 || x->in.election_type > unclean) {
    refused.error_code = number(error_code::invalid_request);
    return x->answer(refused);
  }
  std::vector<std::string> names;
  if (!all)
    for (const auto& each : *x->in.topic_partitions) names.push_back(each.topic);
  if (!all && names.empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names), [x, all](const topics_reply& found) {
    elect_leaders_response out;
    const auto known = topics_in(found);
    // Of all partitions only those are told of which an election could change: there is none.
    if (all) return x->answer(out);
    for (const auto& topic : *x->in.topic_partitions) {
      auto& to = out.replica_election_results.emplace_back();
      to.topic = topic.topic;
      for (const auto index : topic.partitions) {
        auto code = error_code::unknown_topic_or_partition;
        std::string words = "no such partition";
        if (has(known, topic.topic, index)) {
          const bool offline = known.find(topic.topic)->second.offline.contains(index);
          code = offline ? error_code::preferred_leader_not_available
                         : error_code::election_not_needed;
          words = offline ? "the partition is offline on its only node"
                          : "the only replica leads already";
        }
        to.partition_result.push_back({index, number(code), std::move(words)});
      }
    }
    x->answer(out);
  });
}

// Nothing is ever on its way from one node to another.
void serve(session&, exchange_ptr<list_partition_reassignments_request> x) {
  x->answer({});
}

void serve(session& with, exchange_ptr<alter_partition_reassignments_request> x) {
  if (x->in.topics.empty()) return x->answer({});
  with.ask<topics_reply>(
      topics_named(names_of(x->in.topics)), [&with, x](const topics_reply& found) {
        const auto node = with.settings().node_id;
        const auto known = topics_in(found);
        alter_partition_reassignments_response out;
        out.allow_replication_factor_change = x->in.allow_replication_factor_change;
        for (const auto& topic : x->in.topics) {
          auto& to = out.responses.emplace_back();
          to.name = topic.name;
          for (const auto& each : topic.partitions) {
            auto& part = to.partitions.emplace_back();
            part.partition_index = each.partition_index;
            const auto refuse = [&](error_code code, std::string_view words) {
              part.error_code = number(code);
              part.error_message.emplace(words);
            };
            if (!has(known, topic.name, each.partition_index)) {
              refuse(error_code::unknown_topic_or_partition, "no such partition");
            } else if (!each.replicas) {
              refuse(error_code::no_reassignment_in_progress, "nothing is being moved");
            } else if (*each.replicas != std::vector<std::int32_t>{node}) {
              refuse(error_code::invalid_replica_assignment,
                     "every partition is on node " + std::to_string(node) + " alone");
            }
          }
        }
        x->answer(out);
      });
}

void serve(session& with, exchange_ptr<alter_replica_log_dirs_request> x) {
  std::vector<std::string> names;
  for (const auto& folder : x->in.dirs)
    for (const auto& topic : folder.topics) names.push_back(topic.name);
  if (names.empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names), [&with, x](const topics_reply& found) {
    const auto known = topics_in(found);
    alter_replica_log_dirs_response out;
    for (const auto& folder : x->in.dirs) {
      for (const auto& topic : folder.topics) {
        auto& to = out.results.emplace_back();
        to.topic_name = topic.name;
        for (const auto index : topic.partitions) {
          auto code = error_code::none;
          if (folder.path != with.settings().directory) {
            code = error_code::log_dir_not_found;
          } else if (!has(known, topic.name, index)) {
            code = error_code::unknown_topic_or_partition;
          }
          to.partitions.push_back({index, number(code)});
        }
      }
    }
    x->answer(out);
  });
}

}  // namespace penstock::kafka
