// expect-error: no matching function for call to .*stream<penstock::no_key.*::count\(
// expect-error: constraints not satisfied
// expect-error: key_type<K>
// expect-lines: 25
#include <penstock/penstock.hpp>

using namespace penstock;

void build(topology& t, const topic<no_key, std::string>& lines) {
  t.from(lines).count("counts");
}
