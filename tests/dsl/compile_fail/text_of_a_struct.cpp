// expect-error: no matching function for call to .*topic<.*::topic\(
// expect-error: textual<
#include <penstock/penstock.hpp>

using namespace penstock;

struct order {
  std::string customer;
};
PENSTOCK_FIELDS(order, customer);

const topic<std::string, order> orders{"orders", format::text};
