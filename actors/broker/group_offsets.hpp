// Offsets that groups commit, between messages and the records of `__consumer_offsets`: those of
// members that speak of topics (group.capnp), and of Kafka's clients (opaque.capnp). Used by the
// group coordinator.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/broker/opaque_members.hpp"
#include "actors/messages/transactions.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock {

/// Keys and values; without a value what the key names is removed.
using records_to_store = std::vector<std::pair<bytes, std::optional<bytes>>>;

inline std::optional<std::string> instance_in(wire::HeartbeatRequest::Reader) {
  return std::nullopt;
}
inline std::optional<std::string> instance_in(wire::OpaqueHeartbeat::Reader in) {
  return given_text(in.getInstance());
}
inline std::optional<std::string> instance_in(wire::CommitOffsetsRequest::Reader) {
  return std::nullopt;
}
inline std::optional<std::string> instance_in(wire::OpaqueCommit::Reader in) {
  return given_text(in.getInstance());
}

inline epoch_t epoch_in(wire::PartitionOffset::Reader) {
  return -1;
}
inline epoch_t epoch_in(wire::OpaqueOffset::Reader in) {
  return in.getLeaderEpoch();
}

inline void set_epoch(wire::PartitionOffset::Builder, epoch_t) {}
inline void set_epoch(wire::OpaqueOffset::Builder out, epoch_t epoch) {
  out.setLeaderEpoch(epoch);
}

inline void set_pending(wire::PartitionOffset::Builder, bool) {}
inline void set_pending(wire::OpaqueOffset::Builder out, bool pending) {
  out.setPending(pending);
}

/// What a commit leaves in the topic; `why` is set when it may not. Offset -1 is forgotten.
template <class Reader>
records_to_store records_of(const std::string& group, Reader in, timestamp now, error& why) {
  records_to_store records;
  for (auto each : in.getOffsets()) {
    if (each.getMetadata().size() > offset_metadata_bytes_max)
      why = error{errc::invalid_argument,
                  "offset metadata of " + std::to_string(each.getMetadata().size()) +
                      " bytes: at most " + std::to_string(offset_metadata_bytes_max) + " are kept"};
    const offset_commit_key key{group, {std::string{view(each.getTopic())}, each.getPartition()}};
    committed_offset value;
    value.offset = each.getOffset();
    value.leader_epoch = epoch_in(each);
    value.metadata = std::string{view(each.getMetadata())};
    value.commit_time = now;
    records.emplace_back(encode(key),
                         each.getOffset() == -1 ? std::nullopt : std::optional{encode(value)});
  }
  return records;
}

}  // namespace penstock
