// Where the fields of a record batch are; docs/formats/record-batch.md explains them. Only
// streams/record and streams/log look at these.
#pragma once

#include <cstdint>

#include "streams/base/coding.hpp"
#include "streams/base/crc32c.hpp"
#include "streams/base/time.hpp"

namespace penstock {

namespace batch_layout {

inline constexpr std::size_t at_base_offset = 0;
inline constexpr std::size_t at_length = 8;
inline constexpr std::size_t at_leader_epoch = 12;
inline constexpr std::size_t at_magic = 16;
inline constexpr std::size_t at_crc = 17;
inline constexpr std::size_t at_attributes = 21;  // the checksum covers all from here
inline constexpr std::size_t at_last_delta = 23;
inline constexpr std::size_t at_base_time = 27;
inline constexpr std::size_t at_max_time = 35;
inline constexpr std::size_t at_producer_id = 43;
inline constexpr std::size_t at_producer_epoch = 51;
inline constexpr std::size_t at_base_sequence = 53;
inline constexpr std::size_t at_count = 57;

/// The length field counts what follows it.
inline constexpr std::size_t length_counts_from = 12;

inline constexpr std::int8_t magic_v2 = 2;

inline constexpr int codec_bits = 0x07;
inline constexpr int append_time_bit = 0x08;
inline constexpr int transactional_bit = 0x10;
inline constexpr int control_bit = 0x20;
inline constexpr int delete_horizon_bit = 0x40;

inline int attributes_of(const char* batch) {
  return load_be<std::int16_t>(batch + at_attributes);
}

inline void renew_crc(char* batch, std::size_t size) {
  store_be<std::uint32_t>(batch + at_crc, crc32c(bytes_view{batch, size}.substr(at_attributes)));
}

}  // namespace batch_layout

/// Corrects a header whose largest time is not that of its records, and renews its CRC.
void correct_max_time(char* batch, timestamp max_time);

}  // namespace penstock
