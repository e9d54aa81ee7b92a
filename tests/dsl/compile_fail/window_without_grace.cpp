// expect-error: no matching function for call to .*tumbling::tumbling\(
// expect-lines: 22
#include <penstock/penstock.hpp>

using namespace penstock;

void build(topology& t, const topic<std::string, int>& numbers) {
  t.from(numbers).window(tumbling(1min));
}
