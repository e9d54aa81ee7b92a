// Record batches from outside: parsing, checking, walking every record, changing the codec. The
// checksum is renewed first, or hardly an input would come further than to it.

#include <cstdint>
#include <string>

#include "streams/base/assert.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/batch_layout.hpp"
#include "streams/record/record.hpp"
#include "streams/record/task_marks.hpp"

using namespace penstock;

namespace {

constexpr std::size_t decompressed_most = 1u << 20;

bytes with_sound_checksum(bytes_view data) {
  bytes copy{data};
  if (auto batch = batch_view::parse(copy)) batch_layout::renew_crc(copy.data(), batch->size());
  return copy;
}

std::size_t records_in(const batch_view& batch) {
  batch_cursor cursor;
  PENSTOCK_ASSERT(cursor.open(batch, decompressed_most).has_value());
  record_view each;
  std::size_t count = 0;
  while (true) {
    auto more = cursor.next(each);
    PENSTOCK_ASSERT(more.has_value(), count);
    if (!*more) return count;
    (void)own(each);
    ++count;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view given{reinterpret_cast<const char*>(data), size};
  if (auto raw = batch_view::parse(given)) (void)raw->validate(decompressed_most);
  const bytes mended = with_sound_checksum(given);
  auto batch = batch_view::parse(mended);
  if (!batch) return 0;
  // A walk over what was not validated may fail, and must end.
  batch_cursor careless;
  if (careless.open(*batch, decompressed_most)) {
    record_view each;
    for (auto more = careless.next(each); more && *more; more = careless.next(each)) {
    }
  }
  (void)source_mark_of(*batch);
  if (!batch->validate(decompressed_most)) return 0;
  const std::size_t records = records_in(*batch);
  PENSTOCK_ASSERT(static_cast<std::int32_t>(records) == batch->record_count(), records);
  for (const codec with : {codec::none, codec::snappy, codec::zstd}) {
    auto changed = recompress(*batch, with, decompressed_most);
    PENSTOCK_ASSERT(changed.has_value());
    auto again = batch_view::parse(*changed);
    PENSTOCK_ASSERT(again.has_value() && again->validate(decompressed_most).has_value());
    PENSTOCK_ASSERT(records_in(*again) == records, records);
  }
  return 0;
}
