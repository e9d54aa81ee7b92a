// Writing topics from ordinary threads: the blocking producer, with a bounded buffer and deadlines.
#pragma once

#include <caf/actor_system.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/broker/node.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/ids.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

struct producer_config {
  codec compression = codec::none;
  std::size_t batch_bytes = 64u << 10;         // a batch is sealed at this size
  std::uint64_t buffer_bytes_max = 32u << 20;  // `send` waits when this much is unacknowledged
  duration linger = 5ms;                       // a batch is sealed at this age
  duration retry_after = 50ms;
  duration delivery_timeout = 120s;  // then a batch fails for good
  bool idempotent = true;
};

/// The blocking producer. One thread at a time. Records of one partition keep their order; with
/// `idempotent` (default) retries never duplicate. Destruction flushes for at most 10 s.
class producer {
 public:
  producer(caf::actor_system& system, node_actor node, producer_config config = {});
  ~producer();
  producer(producer&&) noexcept;

  struct message {
    std::optional<bytes_view> key;
    std::optional<bytes_view> value;
    timestamp time = no_timestamp;  // no_timestamp: now
    std::span<const header_view> headers;
    std::int32_t partition = -1;  // -1: by key (murmur2), without key in turn
  };

  /// Buffers a record (copied), waiting up to `deadline` while the buffer is full. Fails with
  /// `timed_out`, `unknown_topic`, `record_too_large`, or what an earlier batch failed with: after
  /// a failure the producer refuses further records until `clear_error`.
  result<void> send(const std::string& topic, const message& what, duration deadline = 60s);

  /// Waits until everything sent is acknowledged.
  result<void> flush(duration deadline = 60s);

  /// Highest acknowledged offset of a partition + 1, or -1.
  offset_t acknowledged(const topic_partition& tp) const;

  void clear_error();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace penstock
