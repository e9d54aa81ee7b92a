// Who reads which partition: pure functions of members and partition counts, called by the leader
// of a group. Deterministic: the order of members given does not matter.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// range: per topic, consecutive partitions to members in order. round_robin: all partitions dealt
/// out in turn. sticky: what a member had it keeps as long as that is fair; the rest is balanced.
/// cooperative_sticky: the same, but what one member has and another shall have is given to nobody
/// yet (KIP-429): its owner gives it up, joins again, and the next assignment gives it away. So
/// members read on while a group forms anew.
enum class assignor : std::uint8_t { range, round_robin, sticky, cooperative_sticky };

/// Kafka's protocol names: "range", "roundrobin", "sticky", "cooperative-sticky".
std::string_view name_of(assignor kind);

/// `inconsistent_protocol` naming the known ones otherwise.
result<assignor> assignor_named(std::string_view name);

struct assignor_member {
  std::string id;
  std::optional<std::string> instance_id;  // static members sort by it: a restart changes nothing
  std::vector<std::string> topics;
  std::vector<topic_partition> owned;  // sticky: what it has now
  std::int32_t generation = -1;        // sticky: since when; an older claim loses to a newer one
};

/// Partition counts by topic; subscribed topics that are not in it do not exist and are skipped.
using partition_counts = std::map<std::string, std::int32_t, std::less<>>;

/// Every member has an entry; partitions sorted by topic and number.
using group_assignment = std::map<std::string, std::vector<topic_partition>>;

/// Each partition of a subscribed topic goes to exactly one member that subscribed it; under
/// cooperative_sticky at most one.
group_assignment assign(assignor kind, const std::vector<assignor_member>& members,
                        const partition_counts& partitions);

}  // namespace penstock
