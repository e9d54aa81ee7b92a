// Offsets that a client wants committed, on their way from its request into a conversation with the
// coordinator, which gets those of partitions that exist.
#pragma once

#include <cstddef>
#include <vector>

#include "actors/messages/messages.hpp"

namespace penstock::kafka {

/// Where an offset stands in a request: of which topic, of which partition.
struct offset_place {
  std::size_t topic;
  std::size_t partition;
};

/// Fills a list of offsets, as long as `places`, with what stands there in the request.
template <class List, class Request>
void put_offsets(List to, const Request& from, const std::vector<offset_place>& places) {
  for (unsigned i = 0; i < places.size(); ++i) {
    const auto& topic = from.topics[places[i].topic];
    const auto& asked = topic.partitions[places[i].partition];
    to[i].setTopic(text_of(topic.name));
    to[i].setPartition(asked.partition_index);
    to[i].setOffset(asked.committed_offset);
    to[i].setLeaderEpoch(asked.committed_leader_epoch);
    if (asked.committed_metadata) to[i].setMetadata(text_of(*asked.committed_metadata));
  }
}

}  // namespace penstock::kafka
