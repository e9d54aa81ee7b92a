// Who reads what, agreed among the members of one group: Kafka's classic group protocol as a state
// machine without a network or a clock. Members join with protocols they support; the coordinator
// picks one and a leader; the leader sends everybody's assignment; heartbeats keep members alive.
// The group coordinator actor owns one `group` per group id, feeds it requests and ticks, and does
// what `group_effects` says. Semantics and errors are those of Kafka's GroupCoordinator, so that a
// Kafka listener can sit on it.
//
// Time is the monotonic clock's. Metadata and assignments are opaque bytes here.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/error.hpp"
#include "streams/base/random.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock {

struct group_settings {
  duration session_timeout_min = 6s;        // group.min.session.timeout.ms
  duration session_timeout_max = 30min;     // group.max.session.timeout.ms
  duration rebalance_timeout_max = 1h;      // longer ones are cut to it
  duration initial_rebalance_delay = 3s;    // group.initial.rebalance.delay.ms; embedded: 0
  duration new_member_join_timeout = 5min;  // a new member's join waits at most so long
  std::size_t members_max = 10'000;         // group.max.size; also caps ids given but not used
  std::size_t protocols_max = 64;           // per member
  std::size_t member_bytes_max = std::size_t{256} << 10;  // metadata of all; an assignment
};

/// empty: no members, perhaps offsets. preparing: waiting for members to (re)join. completing:
/// waiting for the leader's assignments. stable. dead: given up; every request gets
/// `not_coordinator`.
enum class group_phase : std::uint8_t { empty, preparing, completing, stable, dead };

/// Kafka's names: "Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead".
std::string_view name_of(group_phase phase);

/// Names a request towards the caller, who chooses it; every request gets exactly one reply.
using request_token = std::uint64_t;

struct group_protocol {
  std::string name;
  bytes metadata;
  friend bool operator==(const group_protocol&, const group_protocol&) = default;
};

struct member_join {
  request_token token = 0;
  std::string member_id;                   // empty: a new member
  std::optional<std::string> instance_id;  // group.instance.id: a static member
  std::string client_id;
  std::string client_host;
  std::string protocol_type;
  std::vector<group_protocol> protocols;  // preferred first
  duration session_timeout = 10s;         // without a heartbeat for so long: gone
  duration rebalance_timeout = 60s;       // not rejoined or not synced for so long: gone
  bool require_known_id = false;          // new members first get an id and join again with it
  bool skip_assignment = false;  // knows `member_joined::skip_assignment` (Kafka's JoinGroup v9)
};

struct member_sync {
  request_token token = 0;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;  // checked when given
  std::optional<std::string> protocol;
  std::map<std::string, bytes> assignments;  // by member id; from the leader
};

struct member_heartbeat {
  request_token token = 0;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
};

struct member_leave {
  struct member {
    std::string member_id;  // empty: found by instance id (administrative removal)
    std::optional<std::string> instance_id;
  };
  request_token token = 0;
  std::vector<member> members;
};

/// `why` is empty when it went well, here and in the other replies.
struct member_joined {
  struct member {
    std::string member_id;
    std::optional<std::string> instance_id;
    bytes metadata;  // of the chosen protocol
  };
  request_token token = 0;
  error why;  // `member_id_required`: join again with `member_id`
  std::string member_id;
  std::int32_t generation = -1;
  std::string protocol_type;
  std::string protocol;
  std::string leader;
  bool skip_assignment = false;  // leader of a group that keeps its assignments: only look
  std::vector<member> members;   // for the leader alone
};

struct member_synced {
  request_token token = 0;
  error why;
  std::string protocol_type;
  std::string protocol;
  bytes assignment;
};

struct member_alive {
  request_token token = 0;
  error why;  // `rebalance_in_progress`: join again
};

struct member_left {
  struct member {
    std::string member_id;
    std::optional<std::string> instance_id;
    error why;
  };
  request_token token = 0;
  error why;
  std::vector<member> members;  // as in the request
};

using member_reply = std::variant<member_joined, member_synced, member_alive, member_left>;

/// A record to append to the offsets topic under `group_metadata_key`; answer with
/// `group::stored`, in order of numbers, whether it went well or not.
struct group_store {
  std::uint64_t number = 0;
  group_metadata_value value;  // `state_since` is left to the caller
};

/// What to do now: store first, then reply. Both in order.
struct group_effects {
  std::vector<group_store> stores;
  std::vector<member_reply> replies;
};

/// What `group describe` shows.
struct group_description {
  struct member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    bytes metadata;    // of the chosen protocol; empty while there is none
    bytes assignment;  // empty unless stable
  };
  std::string group;
  group_phase phase = group_phase::empty;
  std::string protocol_type;
  std::string protocol;
  std::string leader;
  std::int32_t generation = 0;
  std::vector<member> members;  // sorted by member id
};

/// One group. A plain object, one owner, no threads. Memory is bounded by `group_settings`; one
/// waiting request per member and kind is kept, an older one is answered `rebalance_in_progress`.
class group {
 public:
  using time_point = std::chrono::nanoseconds;  // clock::monotonic

  /// `chance` makes member ids and is kept by value.
  group(std::string id, const group_settings& settings, random chance);

  /// As stored before a restart: stable with the members of then, whose sessions start anew at
  /// `now`; empty when it had none.
  static group restore(std::string id, const group_settings& settings, random chance,
                       const group_metadata_value& stored, time_point now);

  /// Errors in the reply: `invalid_argument` (session timeout out of bounds, too many or too large
  /// protocols, an id too long), `inconsistent_protocol` (none given, or none that all members
  /// support), `unknown_member`, `member_id_required`, `fenced_instance` (the static member was
  /// replaced by a newer one), `group_full`, `not_coordinator` (dead). Otherwise the reply comes
  /// when the rebalance is done.
  group_effects join(const member_join& request, time_point now);

  /// The leader's brings the assignments; replies come when these are stored. Errors:
  /// `unknown_member`, `illegal_generation`, `rebalance_in_progress`, `inconsistent_protocol`,
  /// `fenced_instance`, `invalid_argument` (an assignment too large), `not_coordinator`.
  group_effects sync(const member_sync& request, time_point now);

  /// Replies at once. Errors: `unknown_member`, `illegal_generation`, `rebalance_in_progress`,
  /// `fenced_instance`, `not_coordinator`.
  group_effects heartbeat(const member_heartbeat& request, time_point now);

  /// Replies at once, per member; the others are told by their heartbeats to join again.
  group_effects leave(const member_leave& request, time_point now);

  /// May this member commit offsets? Also counts as a heartbeat. Without member and generation
  /// (-1) only while the group is empty: a consumer that assigns itself, or a tool.
  result<void> check_commit(const std::string& member_id,
                            const std::optional<std::string>& instance_id, std::int32_t generation,
                            time_point now);

  /// The record `number` was appended (`why` empty) or could not be.
  group_effects stored(std::uint64_t number, const error& why, time_point now);

  /// When to call `tick`; nothing while no timer runs. May be early, never late; constant time, so
  /// ask after every call.
  std::optional<time_point> next_deadline() const;

  /// Evicts members whose time is up and goes on with what waited for them. Cheap when early.
  group_effects tick(time_point now);

  /// Forces a rebalance of a stable group, for instance since a topic got more partitions.
  group_effects rebalance(time_point now);

  /// Gives the group up (deleted, or this node is no longer its coordinator): everything that
  /// waits is answered `not_coordinator`, and so is everything from now on.
  group_effects kill();

  const std::string& id() const { return id_; }
  group_phase phase() const { return phase_; }
  std::int32_t generation() const { return generation_; }
  std::size_t member_count() const { return members_.size(); }
  group_description describe() const;

 private:
  struct member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    duration session_timeout{0};
    duration rebalance_timeout{0};
    std::vector<group_protocol> protocols;
    bytes assignment;
    std::optional<request_token> joining;  // waits for the end of the rebalance
    std::optional<request_token> syncing;  // waits for the leader's assignments
    time_point expires{0};
    bool is_new = false;     // has not had its first join reply
    bool must_sync = false;  // has not synced in this generation
  };

  // A shorter one would have the group spin.
  static constexpr duration rebalance_timeout_min{100};

  // What to go on with when a store is answered: assignments to hand out, or a static member's
  // replacement to confirm (`replaced`: the member before, to be put back when it failed).
  struct pending_store {
    std::uint64_t number = 0;
    std::int32_t generation = 0;
    bool hands_out = false;
    std::map<std::string, bytes> assignments;
    std::optional<member> replaced;
    std::string member_id;
    std::string leader_before;
    request_token token = 0;
    bool skip_assignment = false;
  };

  void join_new(const member_join& request, time_point now, group_effects& out);
  void join_again(const member_join& request, time_point now, group_effects& out);
  void add_member(const member_join& request, const std::string& id, time_point now,
                  group_effects& out);
  void replace_static(const member_join& request, const std::string& old_id,
                      const std::string& new_id, time_point now, group_effects& out);
  void update_member(member& known, const member_join& request, group_effects& out);
  void wait_for_join(member& who, request_token token, group_effects& out);
  void remove_member(const std::string& id, time_point now, group_effects& out);
  void forget(const std::string& id, group_effects& out);
  void answer_waiting(member& who, const error& why, group_effects& out);
  void rebalance_if_settled(time_point now, group_effects& out);
  void prepare_rebalance(time_point now, group_effects& out);
  void try_complete_join(time_point now, group_effects& out);
  void complete_join(time_point now, group_effects& out);
  bool elect_leader();
  void extend_or_complete_join(time_point now, group_effects& out);
  void evict_unsynced(time_point now, group_effects& out);
  void cancel_syncs(const error& why, time_point now, group_effects& out);
  void hand_out(const pending_store& after, const error& why, time_point now, group_effects& out);
  void finish_replacement(pending_store& after, const error& why, time_point now,
                          group_effects& out);
  void store(pending_store after, group_effects& out);
  member_joined current_state(const member& to, request_token token) const;
  member_synced assignment_of(const member& to, request_token token) const;

  error check_join(const member_join& request) const;
  error check_member(const std::string& id, const std::optional<std::string>& instance_id) const;
  error check_sync(const member_sync& request) const;
  bool accepts(const member_join& request) const;
  bool supports(const member_join& request) const;
  std::string select_protocol() const;
  std::string make_id(const member_join& request);
  duration rebalance_timeout() const;
  group_metadata_value to_value(const pending_store& after) const;
  const bytes& metadata_of(const member& who) const;
  void count_protocols(const member& who, bool add);

  static bool can_expire(const member& who);
  void keep_alive(member& who, time_point now);
  void arm(time_point at);
  void rearm();

  std::string id_;
  group_settings settings_;
  random chance_;
  group_phase phase_ = group_phase::empty;
  std::int32_t generation_ = 0;
  std::string protocol_type_;
  std::string protocol_;
  std::string leader_;
  std::map<std::string, member> members_;
  std::map<std::string, std::string> static_ids_;  // instance id → member id
  std::map<std::string, time_point> promised_;     // ids given with member_id_required
  std::optional<time_point> rebalance_deadline_;
  std::optional<time_point> sync_deadline_;
  std::optional<duration> initial_left_;  // initial delay: how much longer it may be extended
  bool new_member_added_ = false;
  std::optional<time_point> wake_;                // no deadline is earlier than this
  std::map<std::string, std::size_t> supported_;  // protocol → members that have it
  std::size_t joined_ = 0;                        // members that wait for the end of a rebalance
  std::vector<pending_store> stores_;
  std::uint64_t next_store_ = 1;
};

}  // namespace penstock
