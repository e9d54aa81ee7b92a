// Bytes from the other side of a link: hello, frames, and every message in them. The first byte
// says how the rest is cut into pieces.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "actors/cluster/conversations.hpp"
#include "actors/cluster/frame_codec.hpp"

using namespace penstock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + std::size_t{data[0]} * 16;
  bytes_view wire{reinterpret_cast<const char*>(data) + 1, size - 1};
  frame_reader reader{1u << 20};
  bool greeted = false;
  while (!wire.empty()) {
    const auto space = reader.space();
    const auto count = std::min({space.size(), wire.size(), piece});
    std::memcpy(space.data(), wire.data(), count);
    wire.remove_prefix(count);
    reader.received(count);
    if (!greeted) {
      auto hello = reader.hello();
      if (!hello) return 0;
      greeted = hello->has_value();
    }
    while (greeted) {
      auto arrived = reader.next();
      if (!arrived) return 0;
      if (!*arrived) break;
      const auto& frame = **arrived;
      const auto* row = find_conversation(frame.header.kind);
      if (row == nullptr) continue;
      if (frame.header.type == frame_type::request) {
        if (row->check_request(frame.payload.get())) {
          row->patience(frame.payload.get());
          row->reply_bytes(frame.payload.get());
        }
      } else {
        (void)row->check_reply(frame.payload.get()).has_value();
      }
    }
  }
  return 0;
}
