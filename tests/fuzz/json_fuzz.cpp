// Lines that claim to be JSON: laid flat within the limits, no name twice, and stored and read
// back; and into a struct.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/assert.hpp"
#include "streams/logs/json.hpp"

using namespace penstock;

namespace {

struct inner {
  std::uint16_t id = 0;
  std::optional<std::string> name;
};
PENSTOCK_FIELDS(inner, id, name);

struct outer {
  std::int64_t id = 0;
  double amount = 0;
  bool paid = false;
  timestamp time;
  inner who;
  std::vector<inner> all;
  std::map<std::string, std::int8_t> counts;
  logs::fields rest;
};
PENSTOCK_FIELDS(outer, id, amount, paid, time, who, all, counts, rest);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  if (const auto found = logs::json(line)) {
    PENSTOCK_ASSERT(found->size() <= logs::json_limits::fields, found->size());
    PENSTOCK_ASSERT(found->repeated() == nullptr);
    bytes text;
    detail::encode_json(*found, text);
    // Flat text of JSON is JSON, of the same size unless a name has a point in an odd place.
    const auto again = logs::json(text);
    PENSTOCK_ASSERT(again.has_value() && *again == *found);
  } else {
    PENSTOCK_ASSERT(found.error().message().size() < 1'000);
  }
  const auto made = logs::json_as<outer>(line);
  if (!made) PENSTOCK_ASSERT(made.error().message().size() < 1'000);
  return 0;
}
