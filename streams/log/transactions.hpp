// What a log remembers of transactions that were aborted, for those who read committed records
// only: Kafka's transaction index (KIP-98), one `.txnindex` file beside each segment in which an
// abort marker lies. The log keeps all of it in memory, writes an entry when it appends the marker,
// and makes the files again from the batches when it recovers. docs/formats/transactions.md.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// A transaction of one producer in one partition that has its marker.
struct ended_transaction {
  std::int64_t producer_id = no_producer_id;
  offset_t first_offset = -1;
  offset_t last_offset = -1;  // of the marker
  bool committed = false;
};

struct aborted_transaction {
  static constexpr std::size_t bytes_each = 34;

  std::int64_t producer_id = no_producer_id;
  offset_t first_offset = -1;
  offset_t last_offset = -1;         // of the marker
  offset_t last_stable_offset = -1;  // once the marker was there

  /// Whether a batch is of this transaction.
  bool covers(const batch_view& batch) const {
    return batch.producer_id() == producer_id && batch.base_offset() >= first_offset &&
           batch.base_offset() <= last_offset;
  }
  friend bool operator==(const aborted_transaction&, const aborted_transaction&) = default;
};

/// The content of a `.txnindex` file.
bytes encode(const std::vector<aborted_transaction>& entries);

/// `corrupt` when the size is not a number of entries, or offsets are not in order or not within
/// the segment, [from, to); `unsupported_version`.
result<std::vector<aborted_transaction>> decode_aborted(bytes_view from, offset_t low,
                                                        offset_t high, const std::string& name);

/// Aborted transactions of a log, by the offsets of their markers.
class aborted_transactions {
 public:
  void add(const aborted_transaction& each) { all_.push_back(each); }

  /// Those that may have records in [from, to).
  std::vector<aborted_transaction> between(offset_t from, offset_t to) const;

  /// Those whose marker lies in [from, to): what the file of a segment has.
  std::vector<aborted_transaction> marked_in(offset_t from, offset_t to) const;

  /// Forgets those whose marker lies before `offset`, or at or behind it.
  void drop_before(offset_t offset);
  void drop_from(offset_t offset);
  /// Forgets the one whose marker has this offset.
  void drop_marked_at(offset_t offset);

  bool empty() const { return all_.empty(); }
  const std::deque<aborted_transaction>& all() const { return all_; }

 private:
  std::deque<aborted_transaction> all_;
};

}  // namespace penstock
