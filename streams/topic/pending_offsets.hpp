// Offsets that groups have committed in transactions which have not ended: beside the image of
// `__consumer_offsets`, built by the same replay. Records count in the order in which they lie in
// the topic: what is committed plainly behind a pending offset stays when the transaction commits.
// The group coordinator owns one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "streams/topic/offsets.hpp"

namespace penstock {

class pending_offsets {
 public:
  /// A record of a transactional batch. Errors as those of the image; a key that is not of an
  /// offset is left out.
  result<void> add(std::int64_t producer_id, bytes_view key, std::optional<bytes_view> value);

  /// The marker: what the producer has pending is applied to `image`, or forgotten.
  void end(std::int64_t producer_id, bool commit, offsets_image& image);

  /// A plain record has overwritten or removed the offset.
  void overwritten(bytes_view key);

  /// Whether a transaction that has not ended may change it.
  bool has(std::string_view group, const topic_partition& partition) const;

  /// Every key of a group that has something pending, for its deletion.
  std::vector<bytes> keys_of(std::string_view group) const;

  bool empty() const { return producers_.empty(); }

 private:
  struct waiting {
    std::optional<committed_offset> value;
    std::uint64_t order = 0;
  };
  void forget(const offset_commit_key& key, std::uint64_t before);

  std::map<std::int64_t, std::map<offset_commit_key, waiting>> producers_;
  std::uint64_t next_ = 1;
};

}  // namespace penstock
