// The records of `__consumer_offsets` in Kafka's own schemas, and the image they add up to. The
// group coordinator writes them (committed offsets, and each group's members once per generation)
// and replays the compacted topic on start. Bytes: docs/formats/consumer-offsets.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"

namespace penstock {

inline constexpr std::string_view offsets_topic = "__consumer_offsets";

/// Cap on the text that may be committed with an offset (offset.metadata.max.bytes).
inline constexpr std::size_t offset_metadata_bytes_max = 4096;

/// OffsetCommitKey, version 1.
struct offset_commit_key {
  std::string group;
  topic_partition partition;
  friend auto operator<=>(const offset_commit_key&, const offset_commit_key&) = default;
};

/// GroupMetadataKey, version 2.
struct group_metadata_key {
  std::string group;
  friend bool operator==(const group_metadata_key&, const group_metadata_key&) = default;
};

/// OffsetCommitValue, version 3.
struct committed_offset {
  offset_t offset = 0;        // of the next record to read
  epoch_t leader_epoch = -1;  // of the last record read; -1: unknown
  std::string metadata;       // the consumer's own words
  timestamp commit_time = no_timestamp;
  friend bool operator==(const committed_offset&, const committed_offset&) = default;
};

/// GroupMetadataValue, version 3.
struct group_metadata_value {
  struct member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    duration rebalance_timeout{0};
    duration session_timeout{0};
    bytes subscription;
    bytes assignment;
    friend bool operator==(const member&, const member&) = default;
  };
  std::string protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  timestamp state_since = no_timestamp;  // wall clock; set by whoever writes the record
  std::vector<member> members;
  friend bool operator==(const group_metadata_value&, const group_metadata_value&) = default;
};

using offsets_key = std::variant<offset_commit_key, group_metadata_key>;

/// Strings must be shorter than 32 KiB (group ids, member ids and the like are checked earlier).
bytes encode(const offset_commit_key& key);
bytes encode(const group_metadata_key& key);
bytes encode(const committed_offset& value);
bytes encode(const group_metadata_value& value);

/// `corrupt` when lengths lie or bytes are left over; `unsupported_version` for versions that
/// Kafka 3.x does not write. Reads keys 0 to 2 and values 0 to 3.
result<offsets_key> decode_offsets_key(bytes_view from);
result<committed_offset> decode_committed_offset(bytes_view from);
result<group_metadata_value> decode_group_metadata(bytes_view from);

/// The partition of `__consumer_offsets` that keeps a group, as Kafka computes it (Java's
/// String.hashCode); `partitions` ≥ 1.
std::int32_t partition_of_group(std::string_view group, std::int32_t partitions);

/// What the topic says now.
class offsets_image {
 public:
  using partitions = std::map<topic_partition, committed_offset>;

  /// A record of the topic; a null value is a tombstone. Errors as the decoders.
  result<void> apply(bytes_view key, std::optional<bytes_view> value);

  void commit(const offset_commit_key& key, committed_offset value);
  void remove(const offset_commit_key& key);
  void store(const std::string& group, group_metadata_value value);
  void remove_group_metadata(const std::string& group);

  /// Null when nothing was committed; valid until the next change.
  const committed_offset* find(std::string_view group, const topic_partition& partition) const;

  /// All of a group, sorted; empty when there is none.
  const partitions& offsets_of(std::string_view group) const;

  /// Null when the group never had members; valid until the next change.
  const group_metadata_value* metadata_of(std::string_view group) const;

  /// Ids of groups with offsets or metadata, sorted.
  std::vector<std::string> groups() const;

  /// Offsets whose group has had no members for `retention` (and which were committed that long
  /// ago): to be removed here and tombstoned in the topic. `active(group)`: has members now.
  std::vector<offset_commit_key> expired(
      timestamp now, duration retention,
      const std::function<bool(const std::string&)>& active) const;

  /// Every key of a group, for its deletion.
  std::vector<bytes> keys_of(const std::string& group) const;

  /// Every key about a topic, when it was deleted.
  std::vector<offset_commit_key> keys_of_topic(std::string_view topic) const;

  friend bool operator==(const offsets_image&, const offsets_image&) = default;

 private:
  std::map<std::string, partitions, std::less<>> offsets_;
  std::map<std::string, group_metadata_value, std::less<>> metadata_;
};

}  // namespace penstock
