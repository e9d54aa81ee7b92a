// Writing topics from ordinary threads: a handle with a bounded buffer and deadlines. Records
// gather in a batch per partition; an actor behind the handle sends full and aged batches, one
// request in flight per partition, and repeats what was not answered.
#pragma once

#include <caf/actor_system.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>

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
  duration delivery_timeout = 120s;       // unanswered for so long: failed for good
  const penstock::clock* time = nullptr;  // for timestamps; null: the machine's clock
};

/// The blocking producer; any thread. Records that one thread sends to one partition keep their
/// order, and retries never duplicate (idempotent producer, KIP-98). Destruction flushes for at
/// most 10 s.
class producer {
 public:
  /// Fails with what kept it from getting a producer id (`closed`, `timed_out`).
  static result<producer> open(caf::actor_system& system, node_actor node,
                               producer_config config = {});
  ~producer();
  producer(producer&&) noexcept;
  producer& operator=(producer&&) noexcept;

  struct message {
    std::optional<bytes_view> key{};
    std::optional<bytes_view> value{};
    timestamp time = no_timestamp;  // no_timestamp: now
    std::span<const header_view> headers{};
    std::int32_t partition = -1;  // -1: by key (murmur2); without key, a batch each in turn
  };

  /// Buffers a record (copied), waiting up to `deadline` while the buffer is full: then
  /// `timed_out`. `unknown_topic`; `record_too_large` when it cannot fit into a batch of the topic:
  /// nothing is sent then. After a batch was lost, every call fails with its reason until
  /// `clear_error`.
  result<void> send(const std::string& topic, const message& what, duration deadline = 60s);

  /// Waits until everything sent is acknowledged or lost; `timed_out`, or the reason of a loss.
  result<void> flush(duration deadline = 60s);

  /// How many of the first messages sent are acknowledged, all of them: message number n, counted
  /// from 1, is in its topic when n is not larger. Later ones may be too.
  std::uint64_t acknowledged() const;

  /// Highest acknowledged offset of a partition plus one; -1 before the first.
  offset_t acknowledged(const topic_partition& tp) const;

  /// Forgets the error, drops what was not sent, and goes on under a fresh producer id.
  result<void> clear_error();

 private:
  friend struct producer_pump;
  struct state;
  explicit producer(std::shared_ptr<state> held);
  std::shared_ptr<state> state_;
};

}  // namespace penstock
