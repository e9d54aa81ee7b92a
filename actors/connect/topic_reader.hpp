// The end of a sink connector that empties its topic: where every partition goes on, records as
// they are fetched, the offsets committed in the job's group when their records are delivered, and
// room made in the topic behind them. Owned by the connector and runs inside its handlers. Only for
// the .cpp files of this folder.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/connect/connector_base.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

class topic_reader {
 public:
  /// `on_news`: records have come, or an end became known.
  topic_reader(connector& owner, std::function<void()> on_news);

  std::size_t partitions() const { return inputs_.size(); }

  /// Finds out where each partition goes on: where the group has committed, else at its start.
  void open(std::function<void()> then);

  /// What was committed beside the offset of a partition, before this run.
  const std::string& note(std::size_t p) const { return inputs_[p].note; }

  /// The ends of this moment are where it is done.
  void finish();

  /// Everything up to the end has been taken; not before `finish`.
  bool at_end(std::size_t p) const;

  /// Asks for records, unless some are there or on their way, or the end is reached.
  void fetch(std::size_t p);

  bool has(std::size_t p) const { return inputs_[p].ready.has_value(); }

  /// Gives the fetched records, views into what is then dropped, and goes on behind them. Where
  /// `each` returns false, the record and those behind it stay for the next call. Fails with what
  /// is wrong in their batches.
  result<void> take(std::size_t p, const std::function<bool(const record_view&)>& each);

  /// Offset behind everything that was taken.
  offset_t next(std::size_t p) const { return inputs_[p].next; }

  /// Asks where the topic ends, for `waiting`, while nothing is fetched.
  void look();

  /// Records of the topic that were not committed yet, as far as is known.
  std::uint64_t waiting() const;

  /// "12 records wait in topic …": what to say when they must stay there.
  error left_behind(const error& why) const;

  /// Commits `offsets` (by partition; what is committed already is left out) with a note, one
  /// request at a time, and deletes what is behind them now and then. False when there is nothing
  /// to commit; then `then` is not called.
  bool commit(const std::vector<offset_t>& offsets, const std::string& note, bool even_if_same,
              std::function<void()> then);
  bool committing() const { return committing_; }
  offset_t committed(std::size_t p) const { return inputs_[p].committed; }

 private:
  struct input {
    offset_t next = -1;       // of the next record to take; -1: not known yet
    offset_t committed = -1;  // as far as this run knows
    offset_t end = -1;        // of the topic, when last heard of
    offset_t purged = 0;
    std::string note;
    std::optional<offset_t> stop_at;
    bool asked = false;
    std::optional<fetch_reply> ready;
  };

  fetch_offsets_request positions_request() const;
  list_offsets_request list_request(std::size_t p, std::int64_t which) const;
  void find_starts(std::function<void()> then);
  void purge(std::size_t p);

  connector& owner_;
  std::function<void()> on_news_;
  std::vector<input> inputs_;
  batch_cursor cursor_;
  bool committing_ = false;
};

}  // namespace penstock
