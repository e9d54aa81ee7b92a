// expect-error: cannot convert .*topic<.*int>.* to .*const penstock::topic<.*>&
// expect-lines: 16
#include <penstock/penstock.hpp>

using namespace penstock;

void build(topology& t, const topic<std::string, std::string>& texts,
           const topic<std::string, int>& numbers) {
  t.from(texts).to(numbers);
}
