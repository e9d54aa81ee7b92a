// The end of a source connector that writes its topic: batches per partition, one request in flight
// for each, repeated until it is answered. Owned by the connector and runs inside its handlers.
// Only for the .cpp files of this folder.
#pragma once

#include <functional>
#include <vector>

#include "actors/connect/connector_base.hpp"

namespace penstock {

class topic_writer {
 public:
  /// A batch is closed at this size, which makes it a request by itself; a record may make it
  /// larger.
  static constexpr std::size_t batch_bytes = std::size_t{1} << 20;

  /// `on_progress`: something was acknowledged. What will never be written fails the owner.
  topic_writer(connector& owner, std::function<void()> on_progress);

  /// Asks for a producer id, then batches carry sequence numbers: what is sent again is dropped.
  void open(std::function<void()> then);

  /// Adds a record, which is sent when the batch is full or `flush` is called.
  void add(std::size_t partition, timestamp time, std::optional<bytes_view> key, bytes_view value);

  /// Sends a whole batch as it is, to any partition.
  void send_raw(const topic_partition& to, bytes_view batch) {
    queue_.push_raw(to, batch);
    pump();
  }

  /// Closes the open batches and sends them.
  void flush();

  /// Nothing is open, queued or in flight.
  bool idle() const { return open_records_ == 0 && queue_.idle(); }

  /// Bytes not acknowledged, open batches included.
  std::uint64_t pending_bytes() const;

  /// How many of the first records added are acknowledged.
  std::uint64_t acknowledged() const;
  std::uint64_t added() const { return added_; }
  std::uint64_t value_bytes() const { return value_bytes_; }

 private:
  struct lane {
    batch_builder open;
    std::uint64_t first = 0;  // number of the first record in it
  };

  void push(std::size_t partition);
  void pump();
  void send_to(const topic_partition& tp);
  void on_outcome(const topic_partition& tp, produce_queue::outcome outcome);

  connector& owner_;
  std::function<void()> on_progress_;
  produce_queue queue_;
  std::vector<lane> lanes_;
  std::uint64_t added_ = 0;
  std::uint64_t open_records_ = 0;
  std::uint64_t value_bytes_ = 0;
};

}  // namespace penstock
