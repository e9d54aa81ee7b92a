// What consumers tell each other through the group: Kafka's ConsumerProtocolSubscription (each
// member to the leader) and ConsumerProtocolAssignment (the leader to each member). The group
// carries both as opaque bytes. Written by consumer handles, read by the leader and `describe`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// The protocol type of consumer groups.
inline constexpr std::string_view consumer_protocol_type = "consumer";

struct consumer_subscription {
  std::vector<std::string> topics;
  std::optional<bytes> user_data;
  std::vector<topic_partition> owned;  // version 1: what the member has now
  std::int32_t generation = -1;        // version 2: the generation in which it got that
  std::optional<std::string> rack;     // version 3

  friend bool operator==(const consumer_subscription&, const consumer_subscription&) = default;
};

struct consumer_assignment {
  std::vector<topic_partition> partitions;  // grouped by topic, in order of first appearance
  std::optional<bytes> user_data;

  friend bool operator==(const consumer_assignment&, const consumer_assignment&) = default;
};

/// `version` 0 to 3; fields of later versions are left out.
bytes encode(const consumer_subscription& subscription, std::int16_t version = 1);
bytes encode(const consumer_assignment& assignment, std::int16_t version = 1);

/// Any version ≥ 0: of newer ones the known fields are read and the rest is skipped, as Kafka does.
/// `corrupt` when lengths lie. Empty bytes are a subscription or assignment of nothing.
result<consumer_subscription> decode_subscription(bytes_view from);
result<consumer_assignment> decode_assignment(bytes_view from);

}  // namespace penstock
