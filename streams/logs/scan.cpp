#include "streams/logs/scan.hpp"

#include <fmt/format.h>

#include <iterator>

namespace penstock::logs::detail {

std::string excerpt(std::string_view text, std::size_t most) {
  std::string shown;
  for (const char c : text.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      shown += c;
    } else {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", byte);
    }
  }
  if (text.size() > most) shown += "...";
  return shown;
}

error not_a_line(std::string_view format, std::string_view wanted, std::size_t at,
                 std::string_view line) {
  // Where it went wrong is worth more than the start of a long line.
  const std::size_t from = at > 60 ? at - 40 : 0;
  return error{
      errc::bad_record,
      fmt::format("not a line of {}: wanted {} at byte {} of {}, in '{}{}'", format, wanted, at,
                  line.size(), from > 0 ? "..." : "", excerpt(line.substr(from)))};
}

}  // namespace penstock::logs::detail
