// What `.lookup(…)` does to a record: made by the word in stream.hpp, run as a `map`. Not for
// users.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "dsl/graph.hpp"
#include "streams/operators/functions.hpp"

namespace penstock::detail {

/// A table that can say what is wrong with it; rows are found by `find(key)`, a pointer or null.
template <class Table>
concept lookup_source = says_problem<Table> && requires {
  &Table::size;
};

template <class K, class V, class Table, class KeyOf, class F>
struct enricher {
  using row = decltype(std::declval<const Table&>().find(std::declval<called_t<KeyOf, K, V>>()));

  Table rows;
  KeyOf key_of;
  F f;

  decltype(auto) operator()(const K& key, const V& value) {
    return std::invoke(f, value, std::as_const(rows).find(call(key_of, key, value)));
  }
};

}  // namespace penstock::detail
