#include "streams/base/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>

namespace penstock {

std::uint32_t crc32c(bytes_view data, std::uint32_t before) {
  // ISA-L leaves the initial and final inversion to its caller and counts bytes in an int.
  constexpr std::size_t piece_max = std::size_t{1} << 30;
  std::uint32_t state = ~before;
  while (!data.empty()) {
    std::size_t piece = std::min(data.size(), piece_max);
    auto* from = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
    state = crc32_iscsi(from, static_cast<int>(piece), state);
    data.remove_prefix(piece);
  }
  return ~state;
}

}  // namespace penstock
