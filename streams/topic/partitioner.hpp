// From a record's key to its partition, as Kafka's Java client does it, so that ours and theirs
// agree where a key lives. Producers and repartition steps call it once per record.
#pragma once

#include <cstdint>
#include <optional>

#include "streams/base/bytes.hpp"
#include "streams/base/random.hpp"

namespace penstock {

/// Kafka's `Utils.murmur2`: 32-bit MurmurHash 2 with seed 0x9747b28c.
std::uint32_t murmur2(bytes_view data);

/// The partition of a key: `murmur2` without its sign bit, modulo `partitions` (which is ≥ 1).
std::int32_t partition_of_key(bytes_view key, std::int32_t partitions);

/// A producer's choice for one topic: by key where there is one; records without a key all go to
/// one partition until the batch for it is full, then to another (KIP-480), so batches are large.
class sticky_partitioner {
 public:
  /// `chance` is kept by value: give each producer a fork.
  explicit sticky_partitioner(random chance) : chance_(chance) {}

  /// Partition in [0, partitions). `partitions` may grow between calls.
  std::int32_t partition(std::optional<bytes_view> key, std::int32_t partitions);

  /// The batch being filled for keyless records was closed: moves on to another partition.
  void next_batch(std::int32_t partitions);

 private:
  random chance_;
  std::int32_t current_ = -1;
};

}  // namespace penstock
