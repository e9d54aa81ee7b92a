// The newest batches of a partition in memory, so that readers at the tail cost no system call: a
// queue of buffers that are written once, and of batches that stay in the memory in which they
// came. It doubles as the buffer from which batches are written to the file, so an append copies
// its bytes once at most. Owned by a log; one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/log/log.hpp"

namespace penstock {

class tail_cache {
 public:
  explicit tail_cache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void change_limit(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  /// Room for `size` bytes behind the newest batch, to be filled with whole batches. Valid until
  /// the next call; forgotten unless committed.
  char* reserve(std::size_t size);

  /// One of the batches that were put into the reserved room, in order.
  void commit(offset_t base_offset, offset_t next_offset, std::size_t size);

  /// A batch behind the newest that lies elsewhere for as long as `owner` is held: its header,
  /// which is copied, and what is behind it.
  void keep(offset_t base_offset, offset_t next_offset, bytes_view header, bytes_view rest,
            std::shared_ptr<const void> owner);

  /// Drops the oldest buffers beyond the limit; after the last batch of an append.
  void trim();

  /// Puts into `room` whole batches from the one that holds `from`, at most `bytes_max` bytes but
  /// at least one, none that starts at or after `limit`. Nothing when `from` is older than the
  /// cache.
  std::optional<read_extent> read(offset_t from, std::size_t bytes_max, offset_t limit,
                                  const batch_room& room) const;

  void clear() { buffers_.clear(); }
  std::size_t size_bytes() const;

 private:
  struct batch {
    offset_t base_offset;
    offset_t next_offset;
    std::size_t position;
  };
  struct buffer {
    std::unique_ptr<char[]> data;
    std::size_t capacity = 0;
    std::size_t used = 0;
    std::vector<batch> batches;
    std::shared_ptr<const void> owner;  // of `rest`; then `data` is but the header of one batch
    bytes_view rest;
  };

  void drop_unused();

  std::size_t bytes_max_;
  std::deque<buffer> buffers_;  // oldest first; no offset is missing between them
};

}  // namespace penstock
