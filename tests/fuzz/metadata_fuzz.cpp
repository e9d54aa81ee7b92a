// Decoders of everything that topics and groups keep on disk or send as opaque bytes. What decodes
// must survive encoding: the same value comes back. The first byte chooses the decoder.

#include <cstdint>
#include <optional>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/offsets.hpp"

using namespace penstock;

namespace {

template <class Decode, class Encode>
void round_trip(bytes_view data, Decode decode, Encode write) {
  auto value = decode(data);
  if (!value) return;
  auto again = decode(bytes_view{write(*value)});
  PENSTOCK_ASSERT(again.has_value(), data.size());
  PENSTOCK_ASSERT(*again == *value, data.size());
}

void metadata(bytes_view data) {
  auto fact = decode_metadata(data);
  if (!fact || std::holds_alternative<unknown_fact>(*fact)) return;
  round_trip(data, decode_metadata, [](const auto& one) { return encode(one); });
  // Whatever a fact says, an image takes it whole or not at all.
  metadata_image image;
  auto before = image;
  if (!image.apply(metadata_key(*fact), data)) PENSTOCK_ASSERT(image == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  bytes_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 6) {
    case 0:
      metadata(rest);
      break;
    case 1:
      round_trip(rest, decode_offsets_key, [](const offsets_key& key) {
        return std::visit([](const auto& one) { return encode(one); }, key);
      });
      break;
    case 2:
      round_trip(rest, decode_committed_offset, [](const auto& one) { return encode(one); });
      break;
    case 3: {
      // Encoding clamps negative timeouts, so the second decoding is what must be stable.
      auto value = decode_group_metadata(rest);
      if (value)
        round_trip(encode(*value), decode_group_metadata,
                   [](const auto& one) { return encode(one); });
      break;
    }
    case 4: {
      auto value = decode_subscription(rest);
      if (value)
        round_trip(encode(*value, 3), decode_subscription,
                   [](const auto& one) { return encode(one, 3); });
      break;
    }
    default: {
      auto value = decode_assignment(rest);
      if (value)
        round_trip(encode(*value), decode_assignment, [](const auto& one) { return encode(one); });
      break;
    }
  }
  return 0;
}
