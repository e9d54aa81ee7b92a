// Any text through the redactor: finds lie in it, in order, and are of their form; what is between
// them stays; asking for one after the other gives the same. The first byte chooses the kinds.

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/logs/redact.hpp"
#include "streams/logs/redact_scan.hpp"

using namespace penstock;

namespace {

void check_form(const redact::find& found, std::string_view text) {
  std::string digits;
  switch (found.what) {
    case redact::email:
      PENSTOCK_ASSERT(text.find('@') != text.npos || text.find("40") != text.npos, text);
      PENSTOCK_ASSERT(text.size() <= 64 + 7 + 7 + 253 + 7, text);
      break;
    case redact::ipv4:
      PENSTOCK_ASSERT(redact::detail::is_ipv4(text), text);
      break;
    case redact::ipv6:
      // With a zone or without.
      PENSTOCK_ASSERT(
          redact::detail::is_ipv6(text) || redact::detail::is_ipv6(text.substr(0, text.rfind('%'))),
          text);
      break;
    case redact::card:
      for (std::size_t at = 0; at < text.size();) {
        const auto one = redact::detail::read(text, at);
        if (one.c >= '0' && one.c <= '9') digits += static_cast<char>(one.c);
        at += one.length;
      }
      PENSTOCK_ASSERT(digits.size() >= 13 && digits.size() <= 19 && redact::detail::luhn(digits));
      break;
    case redact::token:
      PENSTOCK_ASSERT(!text.empty());
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto kinds = static_cast<std::uint8_t>(data[0] % 31 + 1);
  redact::detail::scanner scan{text, kinds};
  std::string expected;
  std::size_t at = 0;
  while (const auto found = scan.next()) {
    PENSTOCK_ASSERT(found->begin >= at && found->begin < found->end && found->end <= text.size(),
                    found->begin, found->end);
    check_form(*found, text.substr(found->begin, found->end - found->begin));
    expected.append(text.substr(at, found->begin - at)) += "#";
    at = found->end;
  }
  expected += text.substr(at);
  static const redact::redactor all{
      {redact::email, redact::ipv4, redact::ipv6, redact::card, redact::token}, redact::mask{"#"}};
  if (kinds == 31) PENSTOCK_ASSERT(all(text) == expected);
  static const redact::redactor hashed{{redact::ipv4, redact::email},
                                       redact::keyed_hash{"a key of the fuzzer"}};
  PENSTOCK_ASSERT(hashed.replaced(text).has_value() == hashed.next(text).has_value());
  return 0;
}
