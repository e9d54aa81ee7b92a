// expect-error: no matching function for call to .*stream<.*int>::filter\(
// expect-error: step_function<F, K, V>
// expect-lines: 30
#include <penstock/penstock.hpp>

using namespace penstock;

void build(topology& t, const topic<std::string, int>& numbers) {
  t.from(numbers).filter("long", [](const std::string& text) { return text.size() > 9; });
}
