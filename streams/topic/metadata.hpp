// The facts of the metadata log (`__cluster_metadata`) and the picture they add up to. The
// controller decides and appends facts; every node applies them in order to its `metadata_image`,
// and no other place holds metadata. Bytes: docs/formats/metadata-log.md; tagged fields, so that
// older programs skip what they do not know. Keys are chosen so that the log can be compacted:
// applying a compacted log gives the same image.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/random.hpp"
#include "streams/base/result.hpp"
#include "streams/topic/settings.hpp"

namespace penstock {

inline constexpr std::string_view metadata_topic = "__cluster_metadata";

/// Limits on what is accepted and decoded.
inline constexpr std::int32_t topic_partitions_max = 100'000;
inline constexpr std::size_t metadata_record_bytes_max = std::size_t{1} << 20;

/// Tells a topic from an earlier one of the same name.
struct topic_id {
  std::array<std::uint8_t, 16> bytes{};

  /// A new one (UUID version 4).
  static topic_id make(random& chance);

  /// 22 characters of URL-safe base64, as Kafka prints topic ids.
  std::string to_string() const;

  friend auto operator<=>(const topic_id&, const topic_id&) = default;
};

struct topic_created {
  topic_id id;
  std::string name;
  std::int32_t partitions = 1;
  topic_settings::values settings;  // those set by hand
  friend bool operator==(const topic_created&, const topic_created&) = default;
};

struct partitions_added {
  topic_id id;
  std::string name;
  std::int32_t partitions = 1;  // the new total
  friend bool operator==(const partitions_added&, const partitions_added&) = default;
};

struct topic_altered {
  topic_id id;
  std::string name;
  topic_settings::values settings;  // all that are set by hand from now on
  friend bool operator==(const topic_altered&, const topic_altered&) = default;
};

struct topic_deleted {
  topic_id id;
  std::string name;
  friend bool operator==(const topic_deleted&, const topic_deleted&) = default;
};

/// Producer ids below `next` may be in use.
struct producer_ids_reserved {
  std::int64_t next = 0;
  friend bool operator==(const producer_ids_reserved&, const producer_ids_reserved&) = default;
};

/// The store of a topology's step as it lies in its changelog: the fingerprint of its types.
struct job_state_registered {
  std::string topology;
  std::string step;
  std::string fingerprint;
  std::int32_t version = 1;
  friend bool operator==(const job_state_registered&, const job_state_registered&) = default;
};

struct job_state_dropped {
  std::string topology;
  std::string step;
  friend bool operator==(const job_state_dropped&, const job_state_dropped&) = default;
};

/// What every reader of the log must be able to do; raised by an upgrade, never lowered.
struct feature_level_set {
  std::int32_t level = 1;
  friend bool operator==(const feature_level_set&, const feature_level_set&) = default;
};

/// The highest level that this program understands.
inline constexpr std::int32_t feature_level_max = 1;

/// A fact of a kind that this program does not know and may skip.
struct unknown_fact {
  std::uint8_t kind = 0;
  friend bool operator==(const unknown_fact&, const unknown_fact&) = default;
};

using metadata_record = std::variant<topic_created, partitions_added, topic_altered, topic_deleted,
                                     producer_ids_reserved, job_state_registered, job_state_dropped,
                                     feature_level_set, unknown_fact>;

/// The key of a fact in the log: what it is about. A later fact with the same key replaces it.
bytes metadata_key(const metadata_record& fact);

/// The value of a fact in the log. Not for `unknown_fact`.
bytes encode(const metadata_record& fact);

/// `corrupt` when bytes, lengths or values are out of bounds or a field is missing, naming the
/// field; `unsupported_version` for a newer major version of the format.
result<metadata_record> decode_metadata(bytes_view value);

/// Keys that are of no use any more after `fact` and should get tombstones (a null value) behind
/// it, so that the compacted log does not grow with every topic that ever was.
std::vector<bytes> obsolete_keys(const metadata_record& fact);

struct topic_metadata {
  topic_id id;
  std::string name;
  std::int32_t partitions = 1;
  topic_settings settings;

  friend bool operator==(const topic_metadata&, const topic_metadata&) = default;
};

/// All facts so far, added up. One owner; copies are cheap enough for snapshots.
class metadata_image {
 public:
  /// Adds a fact. Facts about a topic id that is not there are skipped (a compacted log leaves
  /// them behind). `corrupt` for what no controller writes: a second topic of one name, fewer
  /// partitions than before, producer ids that go back, a name or setting that is not valid;
  /// `unsupported_version` for a feature level above ours. The image is unchanged on error.
  result<void> apply(const metadata_record& fact);

  /// Adds a record of the log: decodes and applies; a null value is a tombstone and changes
  /// nothing (it follows the fact that made its key obsolete).
  result<void> apply(bytes_view key, std::optional<bytes_view> value);

  /// Null when not there; valid until the next `apply`.
  const topic_metadata* find_topic(std::string_view name) const;
  const topic_metadata* find_topic(const topic_id& id) const;

  /// Sorted by name.
  const std::map<std::string, topic_metadata, std::less<>>& topics() const { return topics_; }

  std::int64_t next_producer_id() const { return next_producer_id_; }
  std::int32_t feature_level() const { return feature_level_; }

  /// The stores of a topology, sorted by step.
  std::vector<job_state_registered> job_states(std::string_view topology) const;

  /// The smallest list of facts that gives this image: a snapshot.
  std::vector<metadata_record> facts() const;

  friend bool operator==(const metadata_image&, const metadata_image&) = default;

 private:
  result<void> add(const topic_created& fact);
  result<void> add(const partitions_added& fact);
  result<void> add(const topic_altered& fact);
  result<void> add(const topic_deleted& fact);
  result<void> add(const producer_ids_reserved& fact);
  result<void> add(const job_state_registered& fact);
  result<void> add(const job_state_dropped& fact);
  result<void> add(const feature_level_set& fact);
  result<void> add(const unknown_fact& fact);

  topic_metadata* with_id(std::string_view name, const topic_id& id);

  std::map<std::string, topic_metadata, std::less<>> topics_;
  std::map<topic_id, std::string> names_;
  std::map<std::pair<std::string, std::string>, job_state_registered> job_states_;
  std::int64_t next_producer_id_ = 0;
  std::int32_t feature_level_ = 1;
};

}  // namespace penstock
