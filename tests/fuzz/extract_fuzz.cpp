// A regular expression or grok pattern of any text, built, and any line through it: a refusal with
// words or a pattern that works; what is taken out of a line is text of that line. The first byte
// chooses, the first line is the pattern, the second a definition for grok, the rest the line. The
// usual patterns get the rest too.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/logs/grok.hpp"
#include "streams/logs/regex.hpp"

using namespace penstock;

namespace {

struct hit {
  std::string name;
  std::optional<std::int32_t> number;
  std::optional<timestamp> time;
};
PENSTOCK_FIELDS(hit, name, number, time);

std::string_view take_line(std::string_view& from) {
  const std::string_view line = from.substr(0, from.find('\n'));
  from.remove_prefix(std::min(line.size() + 1, from.size()));
  return line;
}

void check_parts(const result<logs::fields>& found, std::string_view line) {
  if (!found) {
    PENSTOCK_ASSERT(!found.error().message().empty());
    return;
  }
  for (const auto& [name, text] : *found) {
    PENSTOCK_ASSERT(!name.empty() && line.find(text) != std::string_view::npos, name, text);
  }
}

template <class Parser>
void check(const Parser& parse, std::string_view line) {
  const auto made = parse(line);
  PENSTOCK_ASSERT(parse.problem().empty() || !made.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::string_view pattern = take_line(text);
  const std::string_view definition = take_line(text);
  static const logs::grok_fields combined{"^%{COMBINEDAPACHELOG}$"};
  static const logs::grok_fields syslog{"%{SYSLOGLINE}"};
  static const logs::grok_fields many{
      "(?:%{IP:ip}|%{URI:uri}|%{TIMESTAMP_ISO8601:time}|%{QS:quoted}|%{UUID:id}|%{MAC:mac})"};
  switch (data[0] % 4) {
    case 0:
      check(logs::regex<hit>{pattern}, text);
      break;
    case 1:
      check_parts(logs::regex_fields{pattern}(text), text);
      break;
    case 2: {
      const auto own = logs::read_grok_patterns(definition);
      check_parts(logs::grok_fields{pattern, own ? *own : logs::grok_patterns{}}(text), text);
      check(logs::grok<hit>{pattern}, text);
      break;
    }
    default:
      for (const auto* usual : {&combined, &syslog, &many}) check_parts((*usual)(text), text);
      break;
  }
  return 0;
}
