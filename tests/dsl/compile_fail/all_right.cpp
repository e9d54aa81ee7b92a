// expect-success
// The twin of the files beside it: the same words, used as they are meant.
#include <penstock/penstock.hpp>

using namespace penstock;

struct order {
  std::string customer;
};
PENSTOCK_FIELDS(order, customer);

struct tally {
  int sum = 0;
};
PENSTOCK_FIELDS(tally, sum);

const topic<std::string, order> orders{"orders", format::json};
const topic<no_key, std::string> lines{"lines", format::text};
const topic<std::string, int> numbers{"numbers"};
const topic<std::string, std::uint64_t> counts{"counts"};
const topic<std::string, windowed<std::uint64_t>> per_minute{"per-minute"};

void build(topology& t) {
  t.from(orders).key_by("by-customer", &order::customer).count("counts").to(counts);
  t.from(lines).key_by("by-line", [](const std::string& line) { return line; }).count("lines-seen");
  t.from(numbers).filter(
      "long", [](const std::string& key, int n) { return n > static_cast<int>(key.size()); });
  t.from(numbers).aggregate("tally", tally{}, [](tally& all, int n) { all.sum += n; });
  t.from(numbers)
      .window(tumbling{1min, grace{10s}})
      .count("n")
      .on_close(idle_after{30s})
      .to(per_minute);
}
