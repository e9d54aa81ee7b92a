// What more than one answer says of a topic: its name and identity, where its settings come from,
// and who has its partitions: this node alone.
#pragma once

#include <cstdint>
#include <string>

#include "kafka/listener/session.hpp"

namespace penstock::kafka {

/// What everybody may do with topics while there are no access rules: bits of Kafka's operations.
inline constexpr std::int32_t topic_operations = 0xDF8;

/// Where the value of a setting comes from: Kafka's numbers.
enum setting_source : std::int8_t { set_for_topic = 1, set_in_file = 4, by_default = 5 };

/// `Topic` and `Partition` are those of an answer's own structs.
template <class Topic>
void describe_topic(wire::Topic::Reader from, Topic& to) {
  to.name = std::string{view(from.getName())};
  to.topic_id = id_of(from);
  to.is_internal = from.getInternal();
}

template <class Reader, class Partition>
void describe_partition(Reader from, std::int32_t node, Partition& to) {
  const bool offline = from.getOffline().getCode() != 0;
  to.partition_index = from.getIndex();
  to.leader_id = offline ? -1 : node;
  to.leader_epoch = 0;
  to.replica_nodes = {node};
  if (offline) {
    to.error_code = number(error_code::leader_not_available);
    to.offline_replicas = {node};
  } else {
    to.isr_nodes = {node};
  }
}

}  // namespace penstock::kafka
