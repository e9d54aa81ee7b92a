#include "actors/messages/partitions.hpp"

namespace penstock {

partitions_by_topic by_topic(const std::vector<topic_partition>& from) {
  partitions_by_topic sorted;
  for (const auto& each : from) sorted[each.topic].push_back(each.partition);
  return sorted;
}

void write_partitions(capnp::List<wire::TopicPartitions>::Builder to,
                      const partitions_by_topic& from) {
  unsigned i = 0;
  for (const auto& [topic, numbers] : from) {
    to[i].setTopic(text_of(topic));
    auto list = to[i].initPartitions(static_cast<unsigned>(numbers.size()));
    for (unsigned n = 0; n < numbers.size(); ++n) list.set(n, numbers[n]);
    ++i;
  }
}

std::vector<topic_partition> read_partitions(capnp::List<wire::TopicPartitions>::Reader from) {
  std::vector<topic_partition> all;
  for (auto each : from)
    for (auto n : each.getPartitions()) all.push_back({std::string{view(each.getTopic())}, n});
  return all;
}

}  // namespace penstock
