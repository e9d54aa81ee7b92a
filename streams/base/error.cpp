#include "streams/base/error.hpp"

#include <array>

namespace penstock {
namespace {

constexpr std::array<std::string_view, 49> names{"none",
                                                 "invalid_argument",
                                                 "not_found",
                                                 "already_exists",
                                                 "io_error",
                                                 "disk_full",
                                                 "read_only",
                                                 "sync_failed",
                                                 "corrupt",
                                                 "unsupported_version",
                                                 "locked",
                                                 "offset_out_of_range",
                                                 "record_too_large",
                                                 "unknown_topic",
                                                 "topic_exists",
                                                 "invalid_topic",
                                                 "invalid_setting",
                                                 "out_of_order_sequence",
                                                 "duplicate_sequence",
                                                 "producer_fenced",
                                                 "unknown_producer",
                                                 "partition_offline",
                                                 "timed_out",
                                                 "overloaded",
                                                 "closed",
                                                 "unknown_member",
                                                 "illegal_generation",
                                                 "rebalance_in_progress",
                                                 "inconsistent_protocol",
                                                 "group_not_empty",
                                                 "unknown_group",
                                                 "type_mismatch",
                                                 "plan_invalid",
                                                 "state_changed",
                                                 "bad_record",
                                                 "not_coordinator",
                                                 "cancelled",
                                                 "internal",
                                                 "member_id_required",
                                                 "fenced_instance",
                                                 "group_full",
                                                 "invalid_transaction_state",
                                                 "concurrent_transactions",
                                                 "invalid_producer_mapping",
                                                 "transaction_fenced",
                                                 "invalid_transaction_timeout",
                                                 "unknown_transaction",
                                                 "transaction_unverified",
                                                 "coordinator_fenced"};

}  // namespace

std::string_view name_of(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "unknown_error";
}

std::string error::to_string() const {
  std::string text{name_of(code_)};
  if (!message_.empty()) text.append(": ").append(message_);
  return text;
}

error error::with_context(std::string_view context) const {
  std::string text{context};
  if (!message_.empty()) text.append(": ").append(message_);
  return error{code_, std::move(text)};
}

}  // namespace penstock
