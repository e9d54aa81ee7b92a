// expect-error: this state is kept on disk and has no serde: add PENSTOCK_FIELDS\(type,
// members\.\.\.\)
#include <penstock/penstock.hpp>

using namespace penstock;

struct tally {
  int sum = 0;
};

void build(topology& t, const topic<std::string, int>& numbers) {
  t.from(numbers).aggregate("tally", tally{}, [](tally& all, int n) { all.sum += n; });
}
