// Lists of partitions as they travel, by topic, and back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/messages/messages.hpp"
#include "streams/base/ids.hpp"

namespace penstock {

using partitions_by_topic = std::map<std::string, std::vector<std::int32_t>>;

partitions_by_topic by_topic(const std::vector<topic_partition>& from);

/// Fills a list that was initialised with `from.size()` entries.
void write_partitions(capnp::List<wire::TopicPartitions>::Builder to,
                      const partitions_by_topic& from);

std::vector<topic_partition> read_partitions(capnp::List<wire::TopicPartitions>::Reader from);

}  // namespace penstock
