// The control batch that ends a transaction in a partition (KIP-98): one record whose key says
// commit or abort and whose value names the coordinator's epoch. Partitions and the group
// coordinator write it when the transaction coordinator asks; logs read it.
// docs/formats/transactions.md has the bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "streams/base/bytes.hpp"
#include "streams/base/time.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

struct transaction_marker {
  bool commit = false;
  std::int32_t coordinator_epoch = 0;
  friend bool operator==(const transaction_marker&, const transaction_marker&) = default;
};

/// The batch at offset 0; the log assigns its own.
bytes encode_marker(const transaction_marker& marker, std::int64_t producer_id,
                    std::int16_t producer_epoch, timestamp now);

/// Nothing when the batch is none: data, a control batch of another kind, or damaged.
std::optional<transaction_marker> marker_of(const batch_view& batch);

}  // namespace penstock
