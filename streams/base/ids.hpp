// Names for the numbers that must not be mixed up.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace penstock {

/// Position of a record in its partition. Plain integer: offsets are added, compared and stored
/// everywhere, and always stand alone.
using offset_t = std::int64_t;

/// Leader epoch of a partition (KIP-101); 0 until there is more than one replica.
using epoch_t = std::int32_t;

/// One partition of one topic.
struct topic_partition {
  std::string topic;
  std::int32_t partition = 0;

  friend auto operator<=>(const topic_partition&, const topic_partition&) = default;

  /// "orders-3", the folder name on disk.
  std::string to_string() const { return topic + "-" + std::to_string(partition); }

  template <class H>
  friend H AbslHashValue(H state, const topic_partition& tp) {
    return H::combine(std::move(state), tp.topic, tp.partition);
  }
};

inline std::ostream& operator<<(std::ostream& out, const topic_partition& tp) {
  return out << tp.to_string();
}

}  // namespace penstock

template <>
struct std::hash<penstock::topic_partition> {
  std::size_t operator()(const penstock::topic_partition& tp) const noexcept {
    return std::hash<std::string>{}(tp.topic) * 31 + static_cast<std::size_t>(tp.partition);
  }
};
