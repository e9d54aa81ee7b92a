// What every sender of batches has in common, without a mailbox: one request in flight per
// partition carrying what gathered meanwhile within the partition's credit, idempotent sequence
// numbers, retries of exactly the same bytes. The blocking producer and the task actor own one
// each.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/messages/messages.hpp"
#include "streams/base/ids.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

class produce_queue {
 public:
  /// From init_producer_request; without it batches carry no sequence numbers.
  void set_producer(std::int64_t id, std::int16_t epoch);
  std::int64_t producer_id() const { return producer_id_; }

  /// Closes the builder's batch with this producer's next sequence numbers for `tp` and queues it.
  /// `first` is the caller's number of its first message, for `unacknowledged`.
  void push(const topic_partition& tp, batch_builder& builder, std::uint64_t first = 0);

  /// Queues a finished batch as it is (control batches, which carry no sequence).
  void push_raw(const topic_partition& tp, bytes_view batch, std::uint64_t first = 0);

  /// The request to send now: the queue's head within the credit, or the one to be repeated.
  /// Nothing while one is in flight, or when there is nothing to send.
  std::optional<append_request> next(const topic_partition& tp);

  enum class outcome : std::uint8_t {
    done,   // acknowledged; `next` may give another
    retry,  // call `next` again after a pause: it gives the same request
    lost,   // will never succeed: `error()` has the reason, the queue of `tp` is dropped
  };

  /// The reply to the request in flight.
  outcome on_reply(const topic_partition& tp, const append_reply& reply);

  /// The request in flight was not answered (the actor is gone, or a time-out): may be sent again.
  outcome on_silence(const topic_partition& tp);

  /// Partitions that have something to send and nothing in flight.
  std::vector<topic_partition> ready() const;

  bool idle() const { return pending_bytes_ == 0; }  // nothing queued or in flight
  std::uint64_t pending_bytes() const { return pending_bytes_; }
  offset_t acknowledged(
      const topic_partition& tp) const;  // next offset after the last ack; -1: none
  const error& reason() const { return error_; }
  void clear_error();

  /// The smallest `first` of a batch that is queued, in flight or lost; nothing: there is none.
  std::optional<std::uint64_t> unacknowledged() const;

 private:
  struct batch {
    bytes content;
    std::optional<append_request> alone;  // or the request that it is by itself
    std::size_t size;
    std::uint64_t first;
  };
  struct lane {
    std::deque<batch> queued;
    std::optional<append_request> in_flight;
    std::uint64_t in_flight_first = 0;
    std::size_t in_flight_bytes = 0;
    bool waiting = false;  // a reply is outstanding
    std::uint32_t credit = 1u << 20;
    std::int32_t next_sequence = 0;
    offset_t acknowledged = -1;
  };
  std::unordered_map<topic_partition, lane> lanes_;
  std::int64_t producer_id_ = no_producer_id;
  std::int16_t producer_epoch_ = no_producer_epoch;
  std::uint64_t pending_bytes_ = 0;
  error error_;
  std::optional<std::uint64_t> lost_;  // the smallest `first` of a batch that was given up
};

/// True for failures that go away by themselves: send the same again.
bool is_retriable(errc code);

}  // namespace penstock
