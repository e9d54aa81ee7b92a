// What the tests of the DSL share.
#pragma once

#include <penstock/penstock.hpp>

#include "dsl/test_driver.hpp"
#include "tests/support/catch.hpp"

namespace penstock::test {

/// Event times in the tests are small: the clock of the driver is far ahead of them.
inline timestamp at(std::int64_t seconds) {
  return timestamp{std::chrono::seconds{seconds}};
}

template <class K, class V>
std::map<K, V> newest(const std::vector<std::pair<K, V>>& records) {
  std::map<K, V> all;
  for (const auto& [k, v] : records) all[k] = v;
  return all;
}

template <class T>
std::vector<T> sorted(std::vector<T> all) {
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace penstock::test
