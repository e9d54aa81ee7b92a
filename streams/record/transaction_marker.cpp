#include "streams/record/transaction_marker.hpp"

#include "streams/base/coding.hpp"

namespace penstock {
namespace {

constexpr std::int16_t version = 0;
constexpr std::int16_t abort_type = 0;
constexpr std::int16_t commit_type = 1;

}  // namespace

bytes encode_marker(const transaction_marker& marker, std::int64_t producer_id,
                    std::int16_t producer_epoch, timestamp now) {
  bytes key, value;
  put_be(key, version);
  put_be(key, marker.commit ? commit_type : abort_type);
  put_be(value, version);
  put_be(value, marker.coordinator_epoch);
  batch_options options;
  options.producer_id = producer_id;
  options.producer_epoch = producer_epoch;
  options.transactional = true;
  options.control = true;
  batch_builder builder{options};
  builder.add(now, key, value);
  return bytes{builder.finish()};
}

std::optional<transaction_marker> marker_of(const batch_view& batch) {
  if (!batch.is_control() || batch.producer_id() < 0) return std::nullopt;
  batch_cursor cursor;
  record_view record;
  if (!cursor.open(batch)) return std::nullopt;
  auto read = cursor.next(record);
  if (!read || !*read || !record.key || !record.value) return std::nullopt;
  byte_reader key{*record.key};
  byte_reader value{*record.value};
  key.be<std::int16_t>();
  const auto type = key.be<std::int16_t>();
  value.be<std::int16_t>();
  const auto epoch = value.be<std::int32_t>();
  if (!key.ok() || !value.ok() || (type != abort_type && type != commit_type)) return std::nullopt;
  return transaction_marker{type == commit_type, epoch};
}

}  // namespace penstock
