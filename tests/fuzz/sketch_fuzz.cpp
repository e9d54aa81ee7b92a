// Quantile sketches as they come out of stores and topics: what decodes answers within its bounds,
// is the same when it was written again, and can be added to others.

#include <cmath>
#include <cstdint>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/operators/quantile_sketch.hpp"

using namespace penstock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view from{reinterpret_cast<const char*>(data), size};
  quantile_sketch read;
  if (!serde<quantile_sketch>::decode(from, read)) {
    PENSTOCK_ASSERT(read == quantile_sketch{});  // unchanged
    return 0;
  }
  PENSTOCK_ASSERT(read.buckets() <= 2 * quantile_sketch::buckets_max, read.buckets());
  double last = read.min();
  for (const double share : {0.0, 0.001, 0.25, 0.5, 0.75, 0.99, 1.0}) {
    const double value = read.quantile(share);
    PENSTOCK_ASSERT(std::isfinite(value) && value >= last && value <= read.max(), value);
    if (read.count() > 0) last = value;
  }
  bytes written;
  serde<quantile_sketch>::encode(read, written);
  quantile_sketch again;
  PENSTOCK_ASSERT(serde<quantile_sketch>::decode(written, again));
  bytes twice;
  serde<quantile_sketch>::encode(again, twice);
  PENSTOCK_ASSERT(written == twice);  // the sum may be no number: bytes are compared
  if (read.count() < (std::uint64_t{1} << 62)) {
    PENSTOCK_ASSERT(again.merge(read) && again.count() == 2 * read.count(), again.count());
    PENSTOCK_ASSERT(again.buckets() <= 2 * quantile_sketch::buckets_max, again.buckets());
    PENSTOCK_ASSERT(again.add(1) && again.count() == 2 * read.count() + 1);
  }
  return 0;
}
