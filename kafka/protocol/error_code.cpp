#include "kafka/protocol/error_code.hpp"

namespace penstock::kafka {

error_code code_of(errc why) {
  switch (why) {
    case errc::none:
      return error_code::none;
    case errc::invalid_argument:
      return error_code::invalid_request;
    case errc::io_error:
    case errc::disk_full:
    case errc::read_only:
    case errc::sync_failed:
    case errc::partition_offline:
      return error_code::kafka_storage_error;
    case errc::corrupt:
      return error_code::corrupt_message;
    case errc::unsupported_version:
      return error_code::unsupported_for_message_format;
    case errc::offset_out_of_range:
      return error_code::offset_out_of_range;
    case errc::record_too_large:
      return error_code::message_too_large;
    case errc::unknown_topic:
      return error_code::unknown_topic_or_partition;
    case errc::topic_exists:
      return error_code::topic_already_exists;
    case errc::invalid_topic:
      return error_code::invalid_topic_exception;
    case errc::invalid_setting:
      return error_code::invalid_config;
    case errc::out_of_order_sequence:
      return error_code::out_of_order_sequence_number;
    case errc::duplicate_sequence:
      return error_code::duplicate_sequence_number;
    case errc::producer_fenced:
      return error_code::invalid_producer_epoch;
    case errc::unknown_producer:
      return error_code::unknown_producer_id;
    case errc::timed_out:
      return error_code::request_timed_out;
    case errc::unknown_member:
      return error_code::unknown_member_id;
    case errc::illegal_generation:
      return error_code::illegal_generation;
    case errc::rebalance_in_progress:
      return error_code::rebalance_in_progress;
    case errc::inconsistent_protocol:
      return error_code::inconsistent_group_protocol;
    case errc::group_not_empty:
      return error_code::non_empty_group;
    case errc::unknown_group:
      return error_code::group_id_not_found;
    case errc::not_coordinator:
      return error_code::not_coordinator;
    case errc::member_id_required:
      return error_code::member_id_required;
    case errc::fenced_instance:
      return error_code::fenced_instance_id;
    case errc::group_full:
      return error_code::group_max_size_reached;
    case errc::invalid_transaction_state:
    case errc::transaction_unverified:
      return error_code::invalid_txn_state;
    case errc::concurrent_transactions:
      return error_code::concurrent_transactions;
    case errc::invalid_producer_mapping:
      return error_code::invalid_producer_id_mapping;
    case errc::transaction_fenced:
      return error_code::producer_fenced;
    case errc::invalid_transaction_timeout:
      return error_code::invalid_transaction_timeout;
    case errc::unknown_transaction:
      return error_code::transactional_id_not_found;
    case errc::coordinator_fenced:
      return error_code::transaction_coordinator_fenced;
    // What passes when the node or the partition has come back: clients look again and retry.
    case errc::overloaded:
    case errc::closed:
      return error_code::not_leader_or_follower;
    case errc::not_found:
    case errc::already_exists:
    case errc::locked:
    case errc::type_mismatch:
    case errc::plan_invalid:
    case errc::state_changed:
    case errc::bad_record:
    case errc::cancelled:
    case errc::internal:
      return error_code::unknown_server_error;
  }
  return error_code::unknown_server_error;
}

std::string words_of(const error& why) {
  constexpr std::size_t words_bytes_max = 1000;
  std::string words;
  for (const char each : why.message()) {
    if (words.size() == words_bytes_max) break;
    // Messages may quote what a client sent, which need not be text.
    words.push_back(static_cast<unsigned char>(each) < 0x80 ? each : '?');
  }
  return words;
}

}  // namespace penstock::kafka
