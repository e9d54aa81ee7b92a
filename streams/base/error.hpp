// Every reason something can fail, in one list, and the error value that carries one of them with
// words for a person. Codes cross actors and nodes as one byte and are never renumbered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

enum class errc : std::uint8_t {
  none = 0,
  invalid_argument = 1,  // a value given by the caller is not acceptable
  not_found = 2,         // a file, step, group or other named thing is not there
  already_exists = 3,
  io_error = 4,             // the operating system refused a read or a write
  disk_full = 5,            // ENOSPC or EDQUOT
  read_only = 6,            // EROFS or EACCES on a write
  sync_failed = 7,          // fdatasync failed: the log stops, nothing is acknowledged again
  corrupt = 8,              // bytes on disk or wire fail their checksum or their bounds
  unsupported_version = 9,  // written by a newer Penstock, or a format that we do not speak
  locked = 10,              // the data directory belongs to another process
  offset_out_of_range = 11,
  record_too_large = 12,
  unknown_topic = 13,  // topic or partition does not exist
  topic_exists = 14,
  invalid_topic = 15,          // a topic name that breaks the naming rules
  invalid_setting = 16,        // unknown setting, or a value outside its range
  out_of_order_sequence = 17,  // idempotent append: a gap in the producer's sequence numbers
  duplicate_sequence = 18,     // idempotent append: already there; offsets of the first are known
  producer_fenced = 19,        // a newer epoch of the same producer or task exists
  unknown_producer = 20,
  partition_offline = 21,  // the partition failed and says why in the message
  timed_out = 22,
  overloaded = 23,             // a limit was reached: try again later
  closed = 24,                 // the handle, actor or node has been shut down
  unknown_member = 25,         // group: this member id is not (or no longer) in the group
  illegal_generation = 26,     // group: the generation is over
  rebalance_in_progress = 27,  // group: join again
  inconsistent_protocol = 28,  // group: no assignor that all members support
  group_not_empty = 29,
  unknown_group = 30,
  type_mismatch = 31,  // a topic is remembered with other key or value formats
  plan_invalid = 32,   // a topology with problems, all of them in the message
  state_changed = 33,  // a stored state does not fit the topology: names the remedy
  bad_record = 34,     // a record that a step could not process
  not_coordinator = 35,
  cancelled = 36,
  internal = 37,                     // a bug or an exception from a library, with its words
  member_id_required = 38,           // group: join again with the member id in the reply
  fenced_instance = 39,              // group: a newer process uses the same instance id
  group_full = 40,                   // group: the limit on members was reached
  invalid_transaction_state = 41,    // what was asked does not fit the transaction's state
  concurrent_transactions = 42,      // the transaction before is still being ended: ask again
  invalid_producer_mapping = 43,     // the transactional id has another producer id, or none
  transaction_fenced = 44,           // a newer producer uses the transactional id
  invalid_transaction_timeout = 45,  // outside of the node's bounds
  unknown_transaction = 46,          // no such transactional id
  transaction_unverified = 47,       // append: the coordinator must be asked first
  coordinator_fenced = 48,           // a marker of a coordinator that is no more
};

/// The stable name of a code, as logs and `--json` print it ("disk_full").
std::string_view name_of(errc code);

/// A reason and its words: the thing, the value, the remedy.
class [[nodiscard]] error {
 public:
  error() = default;
  explicit error(errc code, std::string message = {}) : code_(code), message_(std::move(message)) {}

  errc code() const { return code_; }
  const std::string& message() const& { return message_; }

  /// True when this is an error at all.
  explicit operator bool() const { return code_ != errc::none; }

  /// "disk_full: cannot append to …", for people.
  std::string to_string() const;

  /// The same code with context in front of the message: `while doing this: what happened`.
  error with_context(std::string_view context) const;

  friend bool operator==(const error& a, errc code) { return a.code_ == code; }

 private:
  errc code_ = errc::none;
  std::string message_;
};

}  // namespace penstock
