#include "streams/base/coding.hpp"

namespace penstock::detail {

const char* read_uvarint_slow(const char* at, const char* end, std::uint64_t& value) {
  std::uint64_t got = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at == end) break;
    auto byte = static_cast<unsigned char>(*at++);
    if (shift == 63 && byte > 1) break;  // more than 64 bits
    got |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = got;
      return at;
    }
  }
  value = 0;
  return nullptr;
}

}  // namespace penstock::detail
