// What comes over HTTP, from whoever posts to a source and from servers that a sink sends to:
// bodies of lines, answers to bulk requests, Retry-After, addresses; and a sink's note in its
// offsets. No line of a body is lost, doubled or changed, and nothing is taken for more than it is.

#include <cstdint>
#include <string>

#include "streams/base/assert.hpp"
#include "streams/connect/delivery.hpp"
#include "streams/connect/posted_lines.hpp"
#include "streams/connect/rotation.hpp"
#include "streams/plan/http_url.hpp"

using namespace penstock;

namespace {

const auto events = logs::event_assembler::make({.start_pattern = "^<", .max_lines = 5}).value();

/// The lines of a text, each with one newline behind it.
std::string lines_of(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.append(line) += '\n';
  }
  return out;
}

void post(std::string_view body) {
  constexpr std::size_t most = 1000;
  for (const auto* with : {&events, static_cast<const logs::event_assembler*>(nullptr)}) {
    const auto got = posted_lines(body, "text/plain", most, with);
    if (!got) continue;  // a line is too long
    std::string came;
    for (const auto& each : *got) came += each + "\n";
    // A carriage return in front of one that ends a line may end the line as well.
    if (body.find("\r\r") == std::string_view::npos) PENSTOCK_ASSERT(came == lines_of(body));
  }
  if (const auto got = posted_lines(body, "application/json", most, &events))
    for (const auto& each : *got)
      PENSTOCK_ASSERT(each.find_first_not_of(" \t") != std::string::npos && each.size() <= most);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  post(text);
  for (const std::size_t count : {0, 1, 3})
    if (const auto items = parse_bulk_answer(text, count))
      PENSTOCK_ASSERT(items->empty() || items->size() == count, items->size());
  if (const auto wait = parse_retry_after(text, from_millis(1'700'000'000'000)))
    PENSTOCK_ASSERT(wait->count() >= 0, wait->count());
  if (const auto url = parse_http_url(text)) {
    PENSTOCK_ASSERT(url->port > 0 && !url->host.empty() && url->target.starts_with('/'));
    // What it is written as is the same address.
    const auto again = parse_http_url(url->to_string());
    PENSTOCK_ASSERT(again && again->to_string() == url->to_string());
    PENSTOCK_ASSERT(again->tls == url->tls && again->port == url->port);
    PENSTOCK_ASSERT(is_header_value(url->authority()));
  }
  if (const auto note = parse_file_note(text))
    PENSTOCK_ASSERT(parse_file_note(encode(*note)) == note);
  return 0;
}
