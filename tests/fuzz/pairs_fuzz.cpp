// Lines of names and texts in logfmt, with odd separators, and values in CSV: no name comes twice,
// nothing comes from nowhere, and values of CSV that are quoted again are read the same.

#include <cstdint>
#include <string>
#include <vector>

#include "streams/base/assert.hpp"
#include "streams/logs/csv.hpp"
#include "streams/logs/pairs.hpp"

using namespace penstock;

namespace {

void check(const result<logs::fields>& found, std::size_t size) {
  if (!found) {
    PENSTOCK_ASSERT(found.error().message().size() < 1'000);
    return;
  }
  PENSTOCK_ASSERT(!found->empty() && found->size() <= logs::pairs_most);
  PENSTOCK_ASSERT(found->repeated() == nullptr);
  std::size_t total = 0;
  for (const auto& [name, text] : *found) total += name.size() + text.size();
  PENSTOCK_ASSERT(total <= 4 * size + 5, total);  // a name alone is "true"
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  check(logs::logfmt(line), 5 * size);
  check(logs::key_value{}(line), size);
  check(logs::key_value{.pair = "; ", .assign = "=="}(line), size);
  check(logs::key_value{.pair = "&", .quote = 0, .lone_names = true}(line), 5 * size);
  std::vector<std::string> values, again;
  for (const logs::csv_form form :
       {logs::csv_form{}, logs::csv_form{';', '\''}, logs::csv_form{'\t', 0}}) {
    if (!logs::read_csv_line(line, form, values)) continue;
    PENSTOCK_ASSERT(!values.empty() && values.size() <= logs::csv_columns_most);
    if (form.quote == 0) continue;
    std::string quoted;
    for (const std::string& value : values) {
      if (&value != &values.front()) quoted += form.delimiter;
      quoted += form.quote;
      for (const char c : value) quoted.append(c == form.quote ? 2 : 1, c);
      quoted += form.quote;
    }
    PENSTOCK_ASSERT(logs::read_csv_line(quoted, form, again) && again == values);
  }
  (void)logs::csv{{"a", "b", "c"}}(line);
  return 0;
}
