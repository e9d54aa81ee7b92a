// Reading topics through a handle. The consumer actor is the member of a group (or reads the
// partitions it was given), fetches ahead within a bounded buffer and commits. `consumer` is the
// blocking API for ordinary threads.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/ids.hpp"
#include "streams/record/record.hpp"

namespace penstock {

using consumer_actor =
    caf::typed_actor<caf::replies_to<poll_request>::with<poll_reply>,
                     caf::replies_to<commit_request>::with<consumer_reply>,
                     caf::replies_to<seek_request>::with<consumer_reply>,
                     caf::replies_to<assignment_request>::with<assignment_reply>,
                     caf::replies_to<leave_request>::with<consumer_reply>, caf::reacts_to<tick>>;

/// Where to begin on a partition without a committed offset.
enum class start_at : std::uint8_t { beginning, end };

struct consumer_config {
  std::string group;  // empty: no group; all partitions of `topics`, no commits
  std::vector<std::string> topics;
  std::vector<std::pair<topic_partition, offset_t>> partitions;  // instead of topics, without group
  start_at start = start_at::end;
  std::string client = "penstock";
  std::string instance;                         // static membership
  std::vector<std::string> assignors{"range"};  // by preference; see streams/topic/assignor.hpp
  duration session_timeout = 45s;
  duration rebalance_timeout = 60s;
  duration heartbeat_interval = 3s;
  duration poll_interval_max = 5min;  // silent for longer: out of the group until the next poll
  bool read_uncommitted = false;      // records of transactions that are open or were aborted too
  bool auto_commit = false;           // commit what earlier polls returned, at each poll
  std::uint32_t fetch_bytes_max = 1u << 20;
  std::uint64_t buffer_bytes_max = 16u << 20;
  duration metadata_interval = 5s;        // how soon new partitions are noticed
  const penstock::clock* time = nullptr;  // null: the machine's clock
};

consumer_actor spawn_consumer(caf::actor_system& system, node_actor node, consumer_config config);

/// A record with where it came from.
struct consumed {
  topic_partition from;
  record what;
};

/// The blocking consumer. One thread at a time. Leaves its group on destruction without committing
/// what the caller did not commit.
class consumer {
 public:
  consumer(caf::actor_system& system, node_actor node, consumer_config config);
  ~consumer();
  consumer(consumer&&) noexcept;
  consumer& operator=(consumer&&) noexcept;

  /// Records, waiting up to `wait` for the first; empty when there were none, at once when the last
  /// poll could not say yet that `at_end` holds and this one can. Fails with
  /// `unknown_topic`, `offset_out_of_range`, `corrupt`, …
  result<std::vector<consumed>> poll(duration wait, std::uint32_t bytes_max = 1u << 20);

  /// True when everything up to the high watermarks of this moment has been returned by `poll`.
  bool at_end() const;

  /// Commits everything that `poll` returned so far, durably. `illegal_generation` or
  /// `rebalance_in_progress` when the partitions have moved on: those records come again elsewhere.
  result<void> commit(duration deadline = 30s);

  /// Partitions this member owns and the next offset of each.
  result<std::vector<std::pair<topic_partition, offset_t>>> assignment(duration deadline = 30s);

  result<void> seek(const topic_partition& to, offset_t offset, duration deadline = 30s);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace penstock
