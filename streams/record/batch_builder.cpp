#include <algorithm>
#include <limits>

#include "streams/base/coding.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/batch_layout.hpp"
#include "streams/record/compression.hpp"
#include "streams/record/record_layout.hpp"

namespace penstock {

using namespace batch_layout;

namespace {

constexpr std::int64_t length_of(const std::optional<bytes_view>& value) {
  return value ? static_cast<std::int64_t>(value->size()) : -1;
}

std::size_t string_bytes(const std::optional<bytes_view>& value) {
  return varint_size(length_of(value)) + (value ? value->size() : 0);
}

char* write_string(char* to, const std::optional<bytes_view>& value) {
  to = write_varint(to, length_of(value));
  if (!value || value->empty()) return to;
  std::memcpy(to, value->data(), value->size());
  return to + value->size();
}

}  // namespace

batch_builder::batch_builder(batch_options options) : options_(options) {}

void batch_builder::start(timestamp first) {
  used_ = batch_header_bytes;
  last_delta_ = -1;
  base_time_ = options_.delete_horizon.value_or(first);
  max_time_ = first;
}

void batch_builder::grow(std::size_t by) {
  constexpr std::size_t batch_bytes_max = std::numeric_limits<std::int32_t>::max();
  PENSTOCK_ASSERT(by <= batch_bytes_max - used_, by, used_);
  buffer_.resize(std::max<std::size_t>({used_ + by, buffer_.size() * 2, 512}));
}

void batch_builder::add(timestamp time, std::optional<bytes_view> key,
                        std::optional<bytes_view> value, std::span<const header_view> headers) {
  add_at(count_ == 0 ? 0 : last_delta_ + 1, time, key, value, headers);
}

void batch_builder::add_at(std::int32_t offset_delta, timestamp time, std::optional<bytes_view> key,
                           std::optional<bytes_view> value, std::span<const header_view> headers) {
  if (count_ == 0) start(time);
  PENSTOCK_ASSERT(offset_delta > last_delta_, offset_delta, last_delta_);
  const std::int64_t time_delta = record_layout::subtract(to_millis(time), to_millis(base_time_));
  const auto header_count = static_cast<std::int64_t>(headers.size());
  std::size_t length = 1 + varint_size(time_delta) + varint_size(offset_delta) + string_bytes(key) +
                       string_bytes(value) + varint_size(header_count);
  for (const header_view& h : headers) length += string_bytes(h.name) + string_bytes(h.value);

  if (buffer_.size() - std::min(buffer_.size(), used_) < length + varint_bytes_max) {
    grow(length + varint_bytes_max);
  }
  char* const from = buffer_.data() + used_;
  char* at = write_varint(from, static_cast<std::int64_t>(length));
  *at++ = 0;  // attributes: none are defined
  at = write_varint(at, time_delta);
  at = write_varint(at, offset_delta);
  at = write_string(at, key);
  at = write_string(at, value);
  at = write_varint(at, header_count);
  for (const header_view& h : headers) at = write_string(write_string(at, h.name), h.value);

  used_ += static_cast<std::size_t>(at - from);
  last_delta_ = offset_delta;
  max_time_ = std::max(max_time_, time);
  ++count_;
}

void batch_builder::set_producer(std::int64_t id, std::int16_t epoch, std::int32_t base_sequence) {
  options_.producer_id = id;
  options_.producer_epoch = epoch;
  options_.base_sequence = base_sequence;
}

bytes_view batch_builder::finish(offset_t base_offset) {
  PENSTOCK_ASSERT(count_ > 0);
  char* batch = buffer_.data();
  std::size_t size = used_;
  if (options_.compression != codec::none) {
    finished_.resize(batch_header_bytes);
    compress(options_.compression, options_.compression_level,
             bytes_view{buffer_}.substr(batch_header_bytes, used_ - batch_header_bytes), finished_);
    batch = finished_.data();
    size = finished_.size();
  }
  int attributes = static_cast<int>(options_.compression);
  if (options_.time_type == timestamp_type::log_append_time) attributes |= append_time_bit;
  if (options_.transactional) attributes |= transactional_bit;
  if (options_.control) attributes |= control_bit;
  if (options_.delete_horizon) attributes |= delete_horizon_bit;
  store_be<std::int64_t>(batch + at_base_offset, base_offset);
  store_be<std::int32_t>(batch + at_length, static_cast<std::int32_t>(size - length_counts_from));
  store_be<std::int32_t>(batch + at_leader_epoch, 0);
  store_be<std::int8_t>(batch + at_magic, magic_v2);
  store_be<std::uint32_t>(batch + at_crc, 0);
  store_be<std::int16_t>(batch + at_attributes, static_cast<std::int16_t>(attributes));
  store_be<std::int32_t>(batch + at_last_delta, last_delta_);
  store_be<std::int64_t>(batch + at_base_time, to_millis(base_time_));
  store_be<std::int64_t>(batch + at_max_time, to_millis(max_time_));
  store_be<std::int64_t>(batch + at_producer_id, options_.producer_id);
  store_be<std::int16_t>(batch + at_producer_epoch, options_.producer_epoch);
  store_be<std::int32_t>(batch + at_base_sequence, options_.base_sequence);
  store_be<std::int32_t>(batch + at_count, count_);
  if (options_.checksum) renew_crc(batch, size);
  count_ = 0;
  used_ = batch_header_bytes;
  last_delta_ = -1;
  return bytes_view{batch, size};
}

}  // namespace penstock
