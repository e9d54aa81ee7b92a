// expect-error: windowed_table<std::.*string.*, long unsigned int>. has no member named .to.
// expect-lines: 6
#include <penstock/penstock.hpp>

using namespace penstock;

void build(topology& t, const topic<std::string, int>& numbers,
           const topic<std::string, std::uint64_t>& counts) {
  t.from(numbers).window(tumbling{1min, grace{10s}}).count("n").to(counts);
}
