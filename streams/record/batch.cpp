#include "streams/record/batch.hpp"

#include <algorithm>
#include <limits>

#include "streams/base/coding.hpp"
#include "streams/base/crc32c.hpp"
#include "streams/record/batch_layout.hpp"
#include "streams/record/compression.hpp"
#include "streams/record/record_layout.hpp"

namespace penstock {

using namespace batch_layout;

std::string_view name_of(codec c) {
  switch (c) {
    case codec::none:
      return "none";
    case codec::gzip:
      return "gzip";
    case codec::snappy:
      return "snappy";
    case codec::lz4:
      return "lz4";
    case codec::zstd:
      return "zstd";
  }
  return "unknown";
}

result<codec> codec_named(std::string_view name) {
  for (codec c : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    if (name == name_of(c)) return c;
  }
  return error{errc::invalid_argument, "no codec is named '" + std::string{name} +
                                           "'; there are none, gzip, snappy, lz4 and zstd"};
}

namespace {

/// The checksum does not cover the format byte: a flipped bit there would look like another format.
bool is_sound_but_for_magic(bytes_view from) {
  const auto length = load_be<std::int32_t>(from.data() + at_length);
  const auto size = static_cast<std::size_t>(std::max(length, 0)) + length_counts_from;
  if (size < batch_header_bytes || size > from.size()) return false;
  return load_be<std::uint32_t>(from.data() + at_crc) ==
         crc32c(from.substr(at_attributes, size - at_attributes));
}

/// Formats 0 and 1 begin as format 2 does, and so may a later one: an offset, and a length that is
/// there. Anything else is no record of any format.
bool may_be_of_format(std::int8_t magic, bytes_view from) {
  const auto length = load_be<std::int32_t>(from.data() + at_length);
  return magic >= 0 && magic <= magic_v2 + 1 && load_be<std::int64_t>(from.data()) >= 0 &&
         length > 0 && static_cast<std::size_t>(length) + length_counts_from <= from.size();
}

}  // namespace

result<batch_view> batch_view::parse(bytes_view from) {
  if (from.size() < batch_header_bytes) {
    return error{errc::corrupt, "a record batch needs " + std::to_string(batch_header_bytes) +
                                    " bytes of header, there are " + std::to_string(from.size())};
  }
  auto magic = load_be<std::int8_t>(from.data() + at_magic);
  if (magic != magic_v2) {
    if (is_sound_but_for_magic(from)) {
      return error{errc::corrupt, "the format byte of a record batch is damaged: it says " +
                                      std::to_string(magic) + ", all else is format 2"};
    }
    if (!may_be_of_format(magic, from)) {
      return error{errc::corrupt,
                   "no record batch begins there: its format byte says " + std::to_string(magic)};
    }
    return error{errc::unsupported_version, "a record batch has format " + std::to_string(magic) +
                                                "; only format 2 is read (Kafka 0.11 and later)"};
  }
  auto length = load_be<std::int32_t>(from.data() + at_length);
  if (length < static_cast<std::int32_t>(batch_header_bytes - length_counts_from)) {
    return error{errc::corrupt, "a record batch says that it has " + std::to_string(length) +
                                    " bytes, less than its header"};
  }
  std::size_t size = static_cast<std::size_t>(length) + length_counts_from;
  if (size > from.size()) {
    return error{errc::corrupt, "a record batch of " + std::to_string(size) + " bytes ends after " +
                                    std::to_string(from.size())};
  }
  batch_view batch{from.substr(0, size)};
  auto base = load_be<std::int64_t>(from.data() + at_base_offset);
  auto delta = load_be<std::int32_t>(from.data() + at_last_delta);
  std::int64_t count = batch.record_count();
  if (base < 0 || delta < 0 || base > std::numeric_limits<std::int64_t>::max() - delta - 1) {
    return error{errc::corrupt, "a record batch has base offset " + std::to_string(base) +
                                    " and last offset delta " + std::to_string(delta)};
  }
  if (count < 0 || count > std::int64_t{delta} + 1) {
    return error{errc::corrupt, "a record batch says that it has " + std::to_string(count) +
                                    " records at " + std::to_string(std::int64_t{delta} + 1) +
                                    " offsets"};
  }
  auto packed = attributes_of(from.data()) & codec_bits;
  if (packed > static_cast<int>(codec::zstd)) {
    return error{errc::corrupt, "a record batch has unknown codec " + std::to_string(packed)};
  }
  if (batch.compression() == codec::none &&
      static_cast<std::size_t>(count) > batch.payload().size() / record_layout::bytes_min) {
    return error{errc::corrupt, "a record batch says that it has " + std::to_string(count) +
                                    " records in " + std::to_string(batch.payload().size()) +
                                    " bytes"};
  }
  return batch;
}

result<void> batch_view::check_crc() const {
  std::uint32_t found = crc32c(data_.substr(at_attributes));
  if (found == crc()) return {};
  return error{errc::corrupt, "the record batch at offset " + std::to_string(base_offset()) +
                                  " has checksum " + std::to_string(found) + " but says " +
                                  std::to_string(crc())};
}

result<void> batch_view::validate(std::size_t decompressed_max) const {
  PENSTOCK_TRY(check_crc());
  PENSTOCK_ASSIGN([[maybe_unused]] batch_facts facts, inspect(decompressed_max));
  return {};
}

namespace {

result<batch_facts> inspect_by(bytes& inflated, const batch_view& batch,
                               std::size_t decompressed_max) {
  bytes_view payload = batch.payload();
  std::int32_t count = batch.record_count();
  if (batch.compression() != codec::none && !(count == 0 && payload.empty())) {
    PENSTOCK_ASSIGN(std::size_t length,
                    decompress(batch.compression(), payload, inflated, decompressed_max));
    payload = bytes_view{inflated}.substr(0, length);
  }
  batch_facts facts;
  const std::int32_t last_delta = load_be<std::int32_t>(batch.data().data() + at_last_delta);
  const std::int64_t base = to_millis(batch.base_time());
  std::int64_t time_max = to_millis(no_timestamp);
  std::int64_t delta_before = -1;
  constexpr std::ptrdiff_t prefetch_ahead = 1024;
  const char* at = payload.data();
  const char* const end = at + payload.size();
  for (std::int32_t i = 0; i < count; ++i) {
    // Only the edges of a record are looked at, a stride that processors do not foresee.
    if (end - at > prefetch_ahead) {
      __builtin_prefetch(at + prefetch_ahead - 64);
      __builtin_prefetch(at + prefetch_ahead);
    }
    record_layout::fields r;
    at = record_layout::parse(at, end, r);
    if (at == nullptr || (r.header_count > 0 && !record_layout::headers_in_bounds(r, at))) {
      return error{errc::corrupt, "record " + std::to_string(i) + " of the batch at offset " +
                                      std::to_string(batch.base_offset()) +
                                      " has lengths that lie"};
    }
    if (r.offset_delta <= delta_before || r.offset_delta > last_delta) {
      return error{errc::corrupt, "record " + std::to_string(i) + " of the batch at offset " +
                                      std::to_string(batch.base_offset()) + " has offset delta " +
                                      std::to_string(r.offset_delta) + " after " +
                                      std::to_string(delta_before) + ", the last is " +
                                      std::to_string(last_delta)};
    }
    facts.contiguous &= r.offset_delta == delta_before + 1;
    delta_before = r.offset_delta;
    facts.null_key |= r.key == nullptr;
    time_max = std::max(time_max, record_layout::add(base, r.time_delta));
  }
  facts.contiguous &= delta_before == last_delta;
  if (at != end) {
    return error{errc::corrupt, "the batch at offset " + std::to_string(batch.base_offset()) +
                                    " has " + std::to_string(end - at) +
                                    " bytes behind its last record"};
  }
  facts.max_time = from_millis(time_max);
  return facts;
}

}  // namespace

result<batch_facts> batch_view::inspect(std::size_t decompressed_max) const {
  // One buffer per thread: a log validates one batch at a time. A large one is not kept.
  thread_local bytes inflated;
  auto facts = inspect_by(inflated, *this, decompressed_max);
  constexpr std::size_t kept_max = std::size_t{4} << 20;
  if (inflated.capacity() > kept_max) bytes{}.swap(inflated);
  return facts;
}

offset_t batch_view::base_offset() const {
  return load_be<std::int64_t>(data_.data() + at_base_offset);
}
offset_t batch_view::last_offset() const {
  return base_offset() + load_be<std::int32_t>(data_.data() + at_last_delta);
}
epoch_t batch_view::leader_epoch() const {
  return load_be<std::int32_t>(data_.data() + at_leader_epoch);
}
std::int32_t batch_view::record_count() const {
  return load_be<std::int32_t>(data_.data() + at_count);
}
timestamp batch_view::base_time() const {
  return from_millis(load_be<std::int64_t>(data_.data() + at_base_time));
}
timestamp batch_view::max_time() const {
  return from_millis(load_be<std::int64_t>(data_.data() + at_max_time));
}
std::int64_t batch_view::producer_id() const {
  return load_be<std::int64_t>(data_.data() + at_producer_id);
}
std::int16_t batch_view::producer_epoch() const {
  return load_be<std::int16_t>(data_.data() + at_producer_epoch);
}
std::int32_t batch_view::base_sequence() const {
  return load_be<std::int32_t>(data_.data() + at_base_sequence);
}
std::int32_t batch_view::last_sequence() const {
  std::int32_t base = base_sequence();
  if (base == no_sequence) return no_sequence;
  // Sequence numbers wrap to 0 behind the largest.
  std::int64_t last = std::int64_t{base} + load_be<std::int32_t>(data_.data() + at_last_delta);
  constexpr std::int64_t numbers = std::int64_t{1} << 31;
  return static_cast<std::int32_t>(last >= numbers ? last - numbers : last);
}
codec batch_view::compression() const {
  return static_cast<codec>(attributes_of(data_.data()) & codec_bits);
}
timestamp_type batch_view::time_type() const {
  return (attributes_of(data_.data()) & append_time_bit) != 0 ? timestamp_type::log_append_time
                                                              : timestamp_type::create_time;
}
bool batch_view::is_transactional() const {
  return (attributes_of(data_.data()) & transactional_bit) != 0;
}
bool batch_view::is_control() const {
  return (attributes_of(data_.data()) & control_bit) != 0;
}
std::optional<timestamp> batch_view::delete_horizon() const {
  if ((attributes_of(data_.data()) & delete_horizon_bit) == 0) return std::nullopt;
  return base_time();
}
std::uint32_t batch_view::crc() const {
  return load_be<std::uint32_t>(data_.data() + at_crc);
}

void assign_offsets(char* batch, offset_t base_offset, epoch_t leader_epoch) {
  store_be<std::int64_t>(batch + at_base_offset, base_offset);
  store_be<std::int32_t>(batch + at_leader_epoch, leader_epoch);
}

void stamp_append_time(char* batch, timestamp now) {
  std::size_t size =
      static_cast<std::size_t>(load_be<std::int32_t>(batch + at_length)) + length_counts_from;
  store_be<std::int16_t>(batch + at_attributes,
                         static_cast<std::int16_t>(attributes_of(batch) | append_time_bit));
  store_be<std::int64_t>(batch + at_max_time, to_millis(now));
  renew_crc(batch, size);
}

void correct_max_time(char* batch, timestamp max_time) {
  std::size_t size =
      static_cast<std::size_t>(load_be<std::int32_t>(batch + at_length)) + length_counts_from;
  store_be<std::int64_t>(batch + at_max_time, to_millis(max_time));
  renew_crc(batch, size);
}

result<bytes> recompress(const batch_view& batch, codec with, std::size_t decompressed_max) {
  bytes plain;
  bytes_view payload = batch.payload();
  if (payload.empty()) return bytes{batch.data()};  // what compaction leaves of a batch
  if (batch.compression() != codec::none) {
    PENSTOCK_ASSIGN(const std::size_t size,
                    decompress(batch.compression(), payload, plain, decompressed_max));
    payload = bytes_view{plain}.substr(0, size);
  }
  bytes out{batch.data().substr(0, batch_header_bytes)};
  if (with == codec::none) {
    out += payload;
  } else {
    compress(with, -1, payload, out);
  }
  const int others = attributes_of(out.data()) & ~codec_bits;
  store_be<std::int16_t>(out.data() + at_attributes,
                         static_cast<std::int16_t>(others | static_cast<int>(with)));
  store_be<std::int32_t>(out.data() + at_length,
                         static_cast<std::int32_t>(out.size() - length_counts_from));
  renew_crc(out.data(), out.size());
  return out;
}

result<void> batch_cursor::open(const batch_view& batch, std::size_t decompressed_max) {
  bytes_view payload = batch.payload();
  left_ = batch.record_count();
  if (batch.compression() != codec::none && !(left_ == 0 && payload.empty())) {
    auto length = decompress(batch.compression(), payload, inflated_, decompressed_max);
    if (!length) {
      left_ = 0;
      at_ = end_ = nullptr;
      return std::move(length).error();
    }
    payload = bytes_view{inflated_}.substr(0, *length);
  }
  at_ = payload.data();
  end_ = at_ + payload.size();
  base_offset_ = batch.base_offset();
  last_delta_ = static_cast<std::int32_t>(batch.last_offset() - batch.base_offset());
  base_time_ = batch.base_time();
  append_time_ =
      batch.time_type() == timestamp_type::log_append_time ? batch.max_time() : no_timestamp;
  return {};
}

result<bool> batch_cursor::next(record_view& to) {
  if (left_ <= 0) return false;
  record_layout::fields r;
  const char* behind = record_layout::parse(at_, end_, r);
  if (behind == nullptr || r.offset_delta < 0 || r.offset_delta > last_delta_) {
    left_ = 0;
    return error{errc::corrupt, "a record of the batch at offset " + std::to_string(base_offset_) +
                                    " has lengths that lie"};
  }
  at_ = behind;
  --left_;
  to.offset = base_offset_ + r.offset_delta;
  to.time = append_time_ != no_timestamp
                ? append_time_
                : from_millis(record_layout::add(to_millis(base_time_), r.time_delta));
  if (r.key != nullptr) {
    to.key.emplace(r.key, r.key_length);
  } else {
    to.key.reset();
  }
  if (r.value != nullptr) {
    to.value.emplace(r.value, r.value_length);
  } else {
    to.value.reset();
  }
  to.raw_headers = bytes_view{r.headers, static_cast<std::size_t>(behind - r.headers)};
  to.header_count = r.header_count;
  return true;
}

}  // namespace penstock
