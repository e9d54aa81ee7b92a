// The records of `__transaction_state` in Kafka's own schemas: what the transaction coordinator
// keeps of each transactional id, and replays when it starts. Bytes: docs/formats/transactions.md.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"

namespace penstock {

inline constexpr std::string_view transactions_topic = "__transaction_state";

enum class transaction_state : std::int8_t {
  empty = 0,
  ongoing = 1,
  prepare_commit = 2,  // decided, markers are being written
  prepare_abort = 3,
  complete_commit = 4,
  complete_abort = 5,
};

/// As Kafka's tools print it ("PrepareCommit").
std::string_view name_of(transaction_state state);

/// TransactionLogValue.
struct transaction_value {
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  duration timeout{0};
  transaction_state state = transaction_state::empty;
  std::set<topic_partition> partitions;
  timestamp last_update = no_timestamp;
  timestamp start = no_timestamp;

  bool is_preparing() const {
    return state == transaction_state::prepare_commit || state == transaction_state::prepare_abort;
  }
  friend bool operator==(const transaction_value&, const transaction_value&) = default;
};

/// TransactionLogKey, version 0.
bytes encode_transaction_key(std::string_view id);

/// Version 0. The names of topics must be shorter than 32 KiB.
bytes encode(const transaction_value& value);

/// `corrupt` when lengths lie or bytes are left over; `unsupported_version` for keys above version
/// 0 and values above version 1.
result<std::string> decode_transaction_key(bytes_view from);
result<transaction_value> decode_transaction_value(bytes_view from);

}  // namespace penstock
