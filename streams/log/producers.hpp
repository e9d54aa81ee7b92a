// What a partition knows about its idempotent producers (KIP-98) and upstream tasks: enough to tell
// a repeat from the next batch and from a gap. Lives in memory, is snapshot to Kafka's `.snapshot`
// and our `.marks` when segments are rolled, and is rebuilt from the batches behind a snapshot.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/log/transactions.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {

/// One batch that a producer wrote, to recognise it when it comes again.
struct produced_batch {
  std::int32_t last_sequence = no_sequence;
  offset_t last_offset = -1;
  std::int32_t offset_delta = 0;  // last offset minus first

  offset_t base_offset() const { return last_offset - offset_delta; }
  std::int32_t base_sequence() const;
};

struct producer_entry {
  /// Producers keep at most this many batches in flight (KIP-98).
  static constexpr std::size_t batches_kept = 5;

  std::int16_t epoch = no_producer_epoch;
  std::int32_t coordinator_epoch = -1;
  offset_t transaction_start = -1;     // first offset of the open transaction
  timestamp last_time = no_timestamp;  // when it last wrote, for expiry
  std::uint8_t count = 0;
  std::array<produced_batch, batches_kept> batches;  // oldest first

  void add(const produced_batch& batch);
};

/// What to do with a batch.
struct producer_verdict {
  bool duplicate = false;
  offset_t base_offset = -1;  // of a duplicate: where it is
  offset_t next_offset = -1;
};

class producer_table {
 public:
  /// Judges a batch of an idempotent producer: next in sequence, a repeat of one of the last five,
  /// or `out_of_order_sequence` or `producer_fenced`. Batches without a producer always pass. The
  /// marker of a transaction may be `coordinator_fenced` too, and `invalid_argument` when it is no
  /// marker.
  result<producer_verdict> check(const batch_view& batch) const;

  /// Judges a batch by its source mark: a repeat or `producer_fenced`.
  result<producer_verdict> check(const source_mark& mark) const;

  /// The batch, with its final offsets, is in the log. Gives the transaction that it ends, if so.
  std::optional<ended_transaction> record(const batch_view& batch, timestamp now) {
    return record_at(batch.base_offset(), batch, now);
  }

  /// The same of a batch that the log gives another first offset than it carries.
  std::optional<ended_transaction> record_at(offset_t base, const batch_view& batch, timestamp now);
  void record(source_mark mark);

  /// Takes over what another table knows of a producer or task.
  void adopt(const producer_table& from, std::int64_t producer_id);
  void adopt(const producer_table& from, const std::string& task);

  std::optional<source_mark> last_from(const std::string& task) const;
  const producer_entry* find(std::int64_t producer_id) const;

  /// Where the first of the open transactions begins.
  std::optional<offset_t> first_open() const;

  /// Producers with what is known of them, by id.
  std::vector<std::pair<std::int64_t, producer_entry>> list() const;

  bool empty() const { return producers_.empty() && marks_.empty(); }
  std::size_t producer_count() const { return producers_.size(); }

  /// Forgets producers that have not written for a day, and the longest silent ones beyond the
  /// limit. Those with an open transaction stay. Tasks stay.
  void expire(timestamp now);

  /// Kafka's producer snapshot, version 1: the last batch of each producer.
  bytes encode_producers() const;

  /// What Kafka's format has no place for: the batches before the last, and the tasks' marks. Empty
  /// when there is none of either.
  bytes encode_extras() const;

  static result<producer_table> decode(bytes_view producers, bytes_view extras,
                                       const std::string& name);

 private:
  struct task_state {
    std::int32_t epoch = 0;
    std::int64_t sequence = -1;
  };

  result<void> check_marker(const batch_view& batch) const;
  result<void> add_extras(bytes_view extras, const std::string& name);

  absl::flat_hash_map<std::int64_t, producer_entry> producers_;
  std::map<offset_t, std::int64_t> open_;  // transactions, by where they begin
  absl::flat_hash_map<std::string, task_state> marks_;
};

}  // namespace penstock
