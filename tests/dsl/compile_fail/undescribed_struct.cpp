// expect-error: this value type has no serde: add PENSTOCK_FIELDS\(type, members\.\.\.\)
// expect-lines: 20
#include <penstock/penstock.hpp>

using namespace penstock;

struct order {
  std::string customer;
};

const topic<std::string, order> orders{"orders"};
