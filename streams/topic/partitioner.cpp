#include "streams/topic/partitioner.hpp"

#include <bit>
#include <cstring>

#include "streams/base/assert.hpp"

namespace penstock {
namespace {

std::uint32_t load_little(const char* from) {
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  return word;
}

}  // namespace

std::uint32_t murmur2(bytes_view data) {
  constexpr std::uint32_t seed = 0x9747b28c;
  constexpr std::uint32_t mix = 0x5bd1e995;
  constexpr int shift = 24;
  std::uint32_t hash = seed ^ static_cast<std::uint32_t>(data.size());
  const char* at = data.data();
  std::size_t left = data.size();
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word = load_little(at) * mix;
    word ^= word >> shift;
    word *= mix;
    hash = (hash * mix) ^ word;
  }
  auto byte = [at](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i]));
  };
  if (left == 3) hash ^= byte(2) << 16;
  if (left >= 2) hash ^= byte(1) << 8;
  if (left >= 1) hash = (hash ^ byte(0)) * mix;
  hash ^= hash >> 13;
  hash *= mix;
  hash ^= hash >> 15;
  return hash;
}

std::int32_t partition_of_key(bytes_view key, std::int32_t partitions) {
  PENSTOCK_ASSERT(partitions >= 1, partitions);
  return static_cast<std::int32_t>(murmur2(key) & 0x7fffffffu) % partitions;
}

std::int32_t sticky_partitioner::partition(std::optional<bytes_view> key, std::int32_t partitions) {
  if (key) return partition_of_key(*key, partitions);
  PENSTOCK_ASSERT(partitions >= 1, partitions);
  if (current_ < 0 || current_ >= partitions) next_batch(partitions);
  return current_;
}

void sticky_partitioner::next_batch(std::int32_t partitions) {
  PENSTOCK_ASSERT(partitions >= 1, partitions);
  // One draw among the others: never the same partition twice when there is a choice.
  if (current_ < 0 || current_ >= partitions || partitions == 1) {
    current_ = static_cast<std::int32_t>(chance_.below(static_cast<std::uint64_t>(partitions)));
    return;
  }
  auto step = 1 + chance_.below(static_cast<std::uint64_t>(partitions) - 1);
  current_ = static_cast<std::int32_t>((static_cast<std::uint64_t>(current_) + step) %
                                       static_cast<std::uint64_t>(partitions));
}

}  // namespace penstock
