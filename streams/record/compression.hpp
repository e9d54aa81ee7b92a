// The four codecs of record batches, by their libraries, in the framing that Kafka's clients use.
// Called by batch builder and cursor only.
#pragma once

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// Appends `from` compressed to `to`. `level` -1 is the library's default; snappy has none.
/// Snappy is written in xerial framing, LZ4 as a frame of independent 64 KiB blocks.
void compress(codec with, int level, bytes_view from, bytes& to);

/// Writes `from` decompressed to the front of `buffer`, which grows as needed and never shrinks;
/// returns how many bytes. `corrupt` when the bytes do not decompress, or to more than `max`.
result<std::size_t> decompress(codec with, bytes_view from, bytes& buffer, std::size_t max);

}  // namespace penstock
