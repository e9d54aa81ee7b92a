// Kafka's error codes, by number, and which of ours becomes which of theirs. Clients decide by the
// number whether to try again, look for another node, join again or give up.
#pragma once

#include <cstdint>

#include "streams/base/error.hpp"

namespace penstock::kafka {

enum class error_code : std::int16_t {
  unknown_server_error = -1,
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  leader_not_available = 5,
  not_leader_or_follower = 6,
  request_timed_out = 7,
  message_too_large = 10,
  offset_metadata_too_large = 12,
  coordinator_load_in_progress = 14,
  coordinator_not_available = 15,
  not_coordinator = 16,
  invalid_topic_exception = 17,
  record_list_too_large = 18,
  invalid_required_acks = 21,
  illegal_generation = 22,
  inconsistent_group_protocol = 23,
  invalid_group_id = 24,
  unknown_member_id = 25,
  invalid_session_timeout = 26,
  rebalance_in_progress = 27,
  invalid_timestamp = 32,
  unsupported_version = 35,
  topic_already_exists = 36,
  invalid_partitions = 37,
  invalid_replication_factor = 38,
  invalid_replica_assignment = 39,
  invalid_config = 40,
  not_controller = 41,
  invalid_request = 42,
  unsupported_for_message_format = 43,
  policy_violation = 44,
  out_of_order_sequence_number = 45,
  duplicate_sequence_number = 46,
  invalid_producer_epoch = 47,
  invalid_txn_state = 48,
  invalid_producer_id_mapping = 49,
  invalid_transaction_timeout = 50,
  concurrent_transactions = 51,
  transaction_coordinator_fenced = 52,
  transactional_id_authorization_failed = 53,
  operation_not_attempted = 55,
  kafka_storage_error = 56,
  log_dir_not_found = 57,
  unknown_producer_id = 59,
  group_is_subscribed_to_topic = 86,
  non_empty_group = 68,
  group_id_not_found = 69,
  fetch_session_id_not_found = 70,
  invalid_fetch_session_epoch = 71,
  fenced_leader_epoch = 74,
  topic_deletion_disabled = 73,
  unknown_leader_epoch = 75,
  unsupported_compression_type = 76,
  member_id_required = 79,
  group_max_size_reached = 81,
  preferred_leader_not_available = 80,
  fenced_instance_id = 82,
  election_not_needed = 84,
  no_reassignment_in_progress = 85,
  invalid_record = 87,
  unstable_offset_commit = 88,
  throttling_quota_exceeded = 89,
  producer_fenced = 90,
  unknown_topic_id = 100,
  fetch_session_topic_id_error = 106,
  transactional_id_not_found = 105,
  invalid_regular_expression = 128,
};

/// The number as messages carry it.
constexpr std::int16_t number(error_code code) {
  return static_cast<std::int16_t>(code);
}

/// What a client has to hear for one of our reasons; `unknown_server_error` where Kafka has no word
/// for it.
error_code code_of(errc why);
inline std::int16_t number_of(const error& why) {
  return number(code_of(why.code()));
}

/// The words for an `error_message` field: at most 1,000 bytes of valid UTF-8.
std::string words_of(const error& why);

}  // namespace penstock::kafka
