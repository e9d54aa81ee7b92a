#include "streams/record/task_marks.hpp"

#include "streams/base/coding.hpp"

namespace penstock {
namespace {

constexpr std::int8_t source_mark_version = 1;
constexpr std::int16_t watermark_version = 1;
constexpr std::int16_t control_key_version = 0;
constexpr std::int16_t control_type_watermark = 64;
constexpr std::int8_t idle_flag = 1;

error damaged(const char* what, const batch_view& batch) {
  return error{errc::corrupt, std::string{"the "} + what + " in the batch at offset " +
                                  std::to_string(batch.base_offset()) + " does not decode"};
}

error newer(const char* what, int version) {
  return error{errc::unsupported_version, std::string{"a "} + what + " has version " +
                                              std::to_string(version) +
                                              "; a newer Penstock wrote it"};
}

}  // namespace

bytes encode(const source_mark& mark) {
  bytes out;
  put_be(out, source_mark_version);
  put_be(out, mark.epoch);
  put_be(out, mark.sequence);
  out.append(mark.task);
  return out;
}

result<std::optional<source_mark>> source_mark_of(const batch_view& batch) {
  batch_cursor cursor;
  PENSTOCK_TRY(cursor.open(batch));
  record_view first;
  PENSTOCK_ASSIGN(bool found, cursor.next(first));
  if (!found || first.header_count == 0) return std::optional<source_mark>{};
  for (const header_view& h : headers_of(first)) {
    if (h.name != source_mark_header || !h.value) continue;
    byte_reader in{*h.value};
    auto version = in.be<std::int8_t>();
    if (in.ok() && version != source_mark_version) return newer("source mark", version);
    source_mark mark;
    mark.epoch = in.be<std::int32_t>();
    mark.sequence = in.be<std::int64_t>();
    mark.task = in.rest();
    if (!in.ok()) return damaged("source mark", batch);
    return std::optional{std::move(mark)};
  }
  return std::optional<source_mark>{};
}

bytes encode(const watermark_mark& mark, timestamp now) {
  bytes key;
  put_be(key, control_key_version);
  put_be(key, control_type_watermark);
  bytes value;
  put_be(value, watermark_version);
  put_be(value, mark.idle ? idle_flag : std::int8_t{0});
  put_be(value, mark.epoch);
  put_be(value, to_millis(mark.watermark));
  value.append(mark.task);
  batch_options options;
  options.control = true;
  batch_builder builder{options};
  builder.add(now, key, value);
  return bytes{builder.finish()};
}

result<std::optional<watermark_mark>> watermark_mark_of(const batch_view& batch) {
  if (!batch.is_control()) return std::optional<watermark_mark>{};
  batch_cursor cursor;
  PENSTOCK_TRY(cursor.open(batch));
  record_view first;
  PENSTOCK_ASSIGN(bool found, cursor.next(first));
  if (!found || !first.key) return std::optional<watermark_mark>{};
  byte_reader key{*first.key};
  key.be<std::int16_t>();
  if (key.be<std::int16_t>() != control_type_watermark) return std::optional<watermark_mark>{};
  if (!key.ok() || !first.value) return damaged("watermark", batch);
  byte_reader in{*first.value};
  auto version = in.be<std::int16_t>();
  if (in.ok() && version != watermark_version) return newer("watermark", version);
  watermark_mark mark;
  mark.idle = (in.be<std::int8_t>() & idle_flag) != 0;
  mark.epoch = in.be<std::int32_t>();
  mark.watermark = from_millis(in.be<std::int64_t>());
  mark.task = in.rest();
  if (!in.ok()) return damaged("watermark", batch);
  return std::optional{std::move(mark)};
}

}  // namespace penstock
