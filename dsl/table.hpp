// A value per key that changes over time: what `count`, `aggregate` … make of a stream, or a topic
// read as a table.
#pragma once

#include <utility>

#include "dsl/graph.hpp"
#include "dsl/topic.hpp"
#include "streams/operators/ends.hpp"

namespace penstock {

template <class K, class V>
class stream;

template <class K, class V>
class table {
 public:
  explicit table(detail::graph_end at) : at_(std::move(at)) {}

  /// The table's changes as records: the newest value of every key that changed, once per commit.
  /// Keys that were deleted are not among them.
  stream<K, V> changes() const { return stream<K, V>{at_}; }

  /// Writes the changes to a topic, deletions as nulls, so that the topic holds the table.
  void to(const topic<owned_t<K>, owned_t<V>>& out) const { changes().to(out); }

 private:
  detail::graph_end at_;
};

}  // namespace penstock
