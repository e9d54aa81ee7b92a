// Lines that claim to be of an access log: what is read points into the line, the owning parser and
// the borrowing one agree, and what was read is stored and comes back.

#include <cstdint>

#include "streams/base/assert.hpp"
#include "streams/logs/access.hpp"

using namespace penstock;

namespace {

void within(std::string_view line, std::string_view part) {
  if (part.empty()) return;
  PENSTOCK_ASSERT(part.data() >= line.data() &&
                  part.data() + part.size() <= line.data() + line.size());
}

void check(std::string_view line, const result<logs::access_view>& found,
           const result<logs::access>& owned) {
  PENSTOCK_ASSERT(found.has_value() == owned.has_value());
  if (!found) {
    PENSTOCK_ASSERT(found.error().message() == owned.error().message());
    PENSTOCK_ASSERT(found.error().message().size() < 1'000);
    return;
  }
  for (const auto part : {found->client, found->ident, found->user, found->method, found->path,
                          found->protocol, found->referer, found->agent}) {
    within(line, part);
    PENSTOCK_ASSERT(logs::unescape(part).size() <= part.size());
  }
  bytes a, b;
  serde<logs::access_view>::encode(*found, a);
  serde<logs::access>::encode(*owned, b);
  PENSTOCK_ASSERT(a == b);
  logs::access_view back;
  PENSTOCK_ASSERT(serde<logs::access_view>::decode(a, back));
  PENSTOCK_ASSERT(back.path == found->path && back.time == found->time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  check(line, logs::read_combined(line), logs::combined(line));
  check(line, logs::read_common(line), logs::common(line));
  // Whatever reads as combined reads as common too.
  PENSTOCK_ASSERT(!logs::read_combined(line) || logs::read_common(line));
  return 0;
}
