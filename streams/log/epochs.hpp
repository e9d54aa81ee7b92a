// Which leader epoch wrote which offsets (KIP-101), as Kafka's `leader-epoch-checkpoint` keeps it:
// the first offset of each epoch. A log without the file is all of epoch 0.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"

namespace penstock {

class leader_epochs {
 public:
  /// The epoch of the newest record; 0 when there is none.
  epoch_t latest() const { return starts_.empty() ? 0 : starts_.back().first; }

  /// The epoch that wrote `offset`.
  epoch_t at(offset_t offset) const;

  /// Whether records of `epoch` at `offset` would open a new epoch, which must be on disk before
  /// the records are.
  bool is_new(epoch_t epoch) const { return epoch > latest(); }
  void begin(epoch_t epoch, offset_t offset);

  /// First offset after the last one written in `epoch` or below, and the epoch that it ends; for a
  /// log that ends at `end_offset`.
  std::pair<epoch_t, offset_t> end_of(epoch_t epoch, offset_t start_offset,
                                      offset_t end_offset) const;

  /// Forgets epochs that begin at `offset` or later.
  void truncate_to(offset_t offset);

  bool only_zero() const { return starts_.empty(); }

  /// Kafka's text: version 0, how many, then one "epoch offset" a line.
  bytes encode() const;
  static result<leader_epochs> decode(bytes_view text, const std::string& name);

 private:
  std::vector<std::pair<epoch_t, offset_t>> starts_;  // growing in both
};

}  // namespace penstock
