// The example's own topology: stock is what was delivered less what was ordered.
#include <penstock/client.hpp>
#include <penstock/penstock.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "dsl/test_driver.hpp"
#include "tests/support/catch.hpp"

// The example as it is; its names stay in here.
namespace order_inventory {
#define main example_main
#include "examples/order_inventory/main.cpp"  // NOLINT(bugprone-suspicious-include)
#undef main

namespace {

TEST_CASE("order_inventory: orders reduce what deliveries brought", "[examples]") {
  test_driver d{build()};
  d.feed(deliveries, "nut", 100);
  d.feed(orders, "nut", order{1, 3});
  d.feed(orders, "bolt", order{2, 5});
  d.feed(orders, "nut", order{3, 4});
  CHECK(d.state("in-stock").get<std::int64_t>("nut") == 93);
  CHECK(d.state("in-stock").get<std::int64_t>("bolt") == -5);
}

TEST_CASE("order_inventory: orders that came while the job was down are counted", "[examples]") {
  test_driver d{build()};
  d.feed(deliveries, "nut", 100);
  d.commit();
  d.feed(orders, "nut", order{1, 3});
  d.restart();
  CHECK(d.state("in-stock").get<std::int64_t>("nut") == 97);
  std::map<std::string, std::int64_t> newest;
  for (const auto& [item, n] : d.drain(stock)) newest[item] = n;
  CHECK(newest["nut"] == 97);
}

}  // namespace
}  // namespace order_inventory
