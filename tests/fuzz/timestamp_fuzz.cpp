// Times in any form, and forms of one's own: the first line is a pattern, the rest a text. A time
// that was read is within the years that are promised, and comes back from its own ISO form.

#include <cstdint>

#include "streams/base/assert.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/serde_text.hpp"

using namespace penstock;

namespace {

// A zone can take a time a day beyond the years 0 to 9999.
constexpr std::int64_t earliest = -62'167'219'200'000 - 172'800'000;
constexpr std::int64_t latest = 253'402'300'799'999 + 172'800'000;

void check(const std::optional<timestamp>& found) {
  if (!found) return;
  PENSTOCK_ASSERT(to_millis(*found) >= earliest && to_millis(*found) <= latest, to_millis(*found));
  if (to_millis(*found) < -62'135'596'800'000 || to_millis(*found) > 253'402'300'799'999) return;
  bytes shown;
  encode_text(*found, shown);
  PENSTOCK_ASSERT(logs::iso_time(shown) == *found, shown);
}

void check(const result<timestamp>& found) {
  if (found) {
    check(std::optional{*found});
  } else {
    PENSTOCK_ASSERT(found.error().message().size() < 4'000);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const timestamp now = from_millis(1'700'000'000'000);
  check(logs::clf_time(text));
  check(logs::iso_time(text, 90min));
  check(logs::slash_time(text));
  check(logs::http_time(text));
  check(logs::syslog_time(text, now));
  check(logs::syslog_time(text, from_millis(static_cast<std::int64_t>(size) << 50)));
  for (int unit = 0; unit < 5; ++unit)
    check(logs::epoch_time(text, static_cast<logs::epoch_unit>(unit)));
  check(logs::parse_time(text));
  check(logs::parse_time(text, now, -90min));
  const std::size_t end = text.find('\n');
  const auto form = logs::time_format::make(text.substr(0, end));
  if (!form) {
    PENSTOCK_ASSERT(form.error().message().size() < 4'000);
  } else if (end != std::string_view::npos) {
    check(form->parse(text.substr(end + 1), now));
  }
  return 0;
}
