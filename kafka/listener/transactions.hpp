// What the handlers of other requests need of transactions. Private to this folder.
#pragma once

#include <functional>
#include <string>

#include "kafka/listener/session.hpp"

namespace penstock::kafka {

/// Appends a batch of the transaction of `transactional_id`. Where the batch begins it in its
/// partition, the coordinator is asked first whether the partition is in the transaction.
void append_transactional(session& with, const std::string& transactional_id,
                          const append_request& what,
                          std::function<void(const append_reply&)> then);

/// Init-producer-id with a transactional id.
void init_transactional(session& with, exchange_ptr<init_producer_id_request> x);

}  // namespace penstock::kafka
