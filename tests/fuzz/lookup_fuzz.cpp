// Lookup tables from any CSV: either a sentence says what is wrong, with its place, or every row is
// found by its key.

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/logs/lookup_table.hpp"

using namespace penstock;

namespace {

struct host {
  std::string name;
  std::int64_t port = 0;
  double weight = 0;
};
PENSTOCK_FIELDS(host, name, port, weight);

template <class Table>
void check(const Table& table, std::string_view text) {
  PENSTOCK_ASSERT(table.problem().size() < 2'000 + text.size(), table.problem().size());
  if (!table.problem().empty()) PENSTOCK_ASSERT(table.size() == 0);
  PENSTOCK_ASSERT(table.size() <= text.size(), table.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const logs::csv_form form :
       {logs::csv_form{}, logs::csv_form{';', '\''}, logs::csv_form{'\t', 0}}) {
    const auto by_name = logs::lookup_table<host, std::string>::from(text, &host::name, form, "t");
    check(by_name, text);
    // Whatever text a key may be, asking for it is safe.
    for (std::size_t at = 0; at < size && at < 64; ++at) {
      const auto key = text.substr(at, 8);
      if (const host* found = by_name.find(key)) PENSTOCK_ASSERT(found->name == key);
    }
    const auto by_port = logs::lookup_table<host, std::int64_t>::from(text, &host::port, form, "t");
    check(by_port, text);
    if (const host* found = by_port.find(80)) PENSTOCK_ASSERT(found->port == 80, found->port);
  }
  return 0;
}
