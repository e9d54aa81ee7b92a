// The state of a consumer actor, and what its parts call of each other: reading partitions
// (consumer_reading.cpp), being a member of a group (consumer_membership.cpp), and requests
// (consumer_actor.cpp). Private to this folder.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/client/consumer.hpp"
#include "streams/topic/assignor.hpp"

namespace penstock::consuming {

enum timer : std::uint16_t { heartbeat = 1, poll_deadline = 2, again = 3, metadata = 4 };

inline constexpr auto retry_pause = 100ms;

enum class phase : std::uint8_t { idle, starting, running };

// Where reading stands on one partition.
struct cursor {
  offset_t fetch_from = -1;      // next offset to ask for; -1: not known yet
  offset_t handed = -1;          // next offset to hand over
  offset_t high_watermark = -1;  // -1: not known yet
  bool in_flight = false;
  std::optional<std::int64_t> find_again;  // the time to ask for, when the answer did not come
  std::deque<fetch_reply> ready;           // fetched, not handed over
  std::deque<offset_t> ready_from;         // the offset that each of them was asked from
  std::size_t ready_bytes = 0;
};

struct consumer_state {
  static inline const char* name = "penstock.consumer";
  consumer_state() = default;  // not an aggregate: CAF would try to fill one from the actor

  node_actor node;
  consumer_config config;
  const penstock::clock* time = nullptr;
  phase now = phase::idle;
  std::uint64_t round = 0;  // changes with every assignment: late replies are dropped
  std::string member;
  std::int32_t generation = -1;
  bool leader = false;
  partition_counts counts;  // as the last assignment saw them
  std::map<topic_partition, cursor> cursors;
  std::map<topic_partition, offset_t> committed;  // what was handed over and committed
  error failure;                                  // for the next poll
  std::size_t buffered = 0;
  bool told_end = true;  // unless the last poll could not say so yet
  std::optional<std::pair<poll_request, caf::typed_response_promise<poll_reply>>> poll;
  std::uint64_t poll_id = 0;
  std::chrono::nanoseconds polled_at{0};
  bool heartbeat_running = false;
  bool cooperative = false;  // partitions are kept, and read, while the group forms anew
  std::vector<std::function<void()>> commits_waiting;  // for the group to have formed
};

using consumer_self = consumer_actor::stateful_pointer<consumer_state>;

using commit_then = std::function<void(const error&)>;
using starts = std::vector<std::pair<topic_partition, offset_t>>;
using counts_then = std::function<void(partition_counts)>;

tick tick_of(timer kind, std::uint64_t id = 0);

// --- reading

/// Answers the poll that waits, if there is something to say, or if its time is over.
void serve_poll(consumer_state& state, bool time_is_over = false);

/// The next poll, or the one that waits, gets `why`.
void fail(consumer_self self, const error& why);

/// Whether `why` passes by itself, such as a link that is being made again.
bool passes(const error& why);

/// The time that stands for where to begin without a committed offset.
offset_t reset_time(const consumer_state& state);

/// Asks every partition for more that has room for it.
void fetch_all(consumer_self self);

void find_start(consumer_self self, const topic_partition& tp, std::int64_t time);

/// A member of a group that forms anew, which has what it had until it is told otherwise.
bool keeps_reading(const consumer_state& state);

/// A new round: whatever is on its way of the last one is dropped when it comes.
void next_round(consumer_state& state);

void forget_partitions(consumer_state& state);

/// Reads these alone, or beside what is being read already.
void begin(consumer_self self, const starts& from);
void begin_more(consumer_self self, const starts& from);

/// `then` gets the partitions of the topics that exist.
void count_partitions(consumer_self self, const std::vector<std::string>& topics, counts_then then);

/// Without a group: every partition of the topics, or those that the configuration names.
void start_alone(consumer_self self);

// --- membership

/// Begins to read, as a member or alone, unless that has begun.
void start(consumer_self self);

void rejoin_later(consumer_self self);

/// What the coordinator said to a member: it joins again, or fails.
void membership_lost(consumer_self self, const error& why);

/// `then` is called when the coordinator knows, or cannot be told.
void leave(consumer_self self, const std::function<void()>& then);

/// The heartbeat is due.
void beat(consumer_self self);

/// The leader looks whether topics have got more partitions, or exist by now.
void look_for_partitions(consumer_self self);

// --- requests

/// Commits what was handed over, or what the request names. While a group of cooperating members
/// forms, `commit` waits for that.
void commit(consumer_self self, const commit_request& what, const commit_then& then);
void commit_now(consumer_self self, const commit_request& what, const commit_then& then);

}  // namespace penstock::consuming
