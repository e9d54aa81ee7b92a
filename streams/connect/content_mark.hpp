// By what a content of a log file is known again, wherever it lies: checksums of its first bytes
// and of those in front of some places. Kept by `tail_reader`, in memory and in checkpoints
// (docs/formats/checkpoint.md).
#pragma once

#include <isa-l/crc64.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "streams/base/bytes.hpp"

namespace penstock {

/// A place in a content, with checksums by which the content is known again: of its first bytes and
/// of those before the place.
struct content_mark {
  static constexpr std::uint64_t sum_bytes_max = 1024;

  std::uint64_t offset = 0;
  std::uint64_t head_sum = 0;  // CRC-64 of the first bytes, up to 1 KiB, not beyond `offset`
  std::uint64_t tail_sum = 0;  // CRC-64 of up to 1 KiB in front of `offset`

  friend bool operator==(const content_mark&, const content_mark&) = default;
};

/// An earlier place, at the beginning of a line.
struct content_point {
  std::uint64_t offset = 0;
  std::uint64_t sum = 0;  // CRC-64 of up to 1 KiB in front of `offset`

  friend bool operator==(const content_point&, const content_point&) = default;
};

/// Earlier places of a content, in order: few, and the closer to its end the denser.
using content_points = std::vector<content_point>;

inline constexpr std::size_t content_points_max = 16;

inline std::uint64_t content_sum(bytes_view data) {
  return crc64_ecma_refl(0, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

/// Adds a place behind all others; where there are too many, the one is left out that is missed
/// least.
inline void add_point(content_points& points, content_point added) {
  if (!points.empty() && points.back().offset >= added.offset) return;
  points.push_back(added);
  if (points.size() <= content_points_max) return;
  std::size_t least = 0;
  double least_gap = 2;
  for (std::size_t i = 0; i + 2 < points.size(); ++i) {
    const auto before = i == 0 ? 0 : points[i - 1].offset;
    const auto gap = static_cast<double>(points[i + 1].offset - before) /
                     static_cast<double>(added.offset - before);
    if (gap < least_gap) {
      least_gap = gap;
      least = i;
    }
  }
  points.erase(points.begin() + static_cast<std::ptrdiff_t>(least));
}

}  // namespace penstock
