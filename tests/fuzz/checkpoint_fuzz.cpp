// Records of a checkpoint topic, as `tail` reads them at its start: what decodes is the same again
// when it was written, and bounded by what it was read from.

#include <cstdint>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/connect/checkpoint.hpp"

using namespace penstock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view from{reinterpret_cast<const char*>(data), size};
  if (const auto number = checkpoint_number(from)) {
    PENSTOCK_ASSERT(checkpoint_number(checkpoint_key(*number)).value() == *number, *number);
  }
  const auto read = decode_checkpoint(7, from);
  if (!read) {
    PENSTOCK_ASSERT(read.error().message().size() < 200);
    return 0;
  }
  const auto& now = read->now;
  PENSTOCK_ASSERT(now.number == 7 && !now.key.empty() && read->commit >= 0);
  PENSTOCK_ASSERT(now.key.size() + now.path.size() + 16 * now.points.size() <= size, size);
  PENSTOCK_ASSERT(now.points.size() <= content_points_max, now.points.size());
  const bytes written = encode(*read);
  const auto again = decode_checkpoint(7, written);
  PENSTOCK_ASSERT(again && encode(*again) == written);
  PENSTOCK_ASSERT(again->before == read->before && again->now.at == now.at);
  PENSTOCK_ASSERT(again->now.points == now.points && again->now.copy_of == now.copy_of);
  return 0;
}
