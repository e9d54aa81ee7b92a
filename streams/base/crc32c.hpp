// CRC-32C (Castagnoli, as in Kafka, iSCSI and ext4), by ISA-L, which uses the processor's
// carry-less multiplication where there is one.
#pragma once

#include <cstdint>

#include "streams/base/bytes.hpp"

namespace penstock {

/// The checksum of `data`; with `before`, the checksum of what gave `before` followed by `data`.
std::uint32_t crc32c(bytes_view data, std::uint32_t before = 0);

}  // namespace penstock
