// Walks the batches of a segment file from front to back: whole ones for recovery, compaction and
// verification, only their headers for finding a position. It trusts nothing it reads.
#pragma once

#include <cstdint>

#include "streams/base/disk.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// What the header of a batch says; cheaper than the batch.
struct batch_header {
  std::uint64_t position = 0;
  std::uint64_t size = 0;
  offset_t base_offset = 0;
  offset_t last_offset = 0;
  timestamp max_time = no_timestamp;
};

/// What stands at a position where a batch ought to be.
enum class found_at : std::uint8_t {
  batch,
  end,        // exactly the end of the range
  cut_short,  // the file ends inside it, or the rest of the file is zeros
  hole,       // zeros, and something else behind them: its write never arrived
  damaged,    // it is all there, and wrong
  unknown,    // another format than ours
};

class batch_walker {
 public:
  /// Batches in bytes [begin, end) of `from`, which must live longer. `read_ahead` is how much is
  /// read at a time.
  batch_walker(file& from, std::uint64_t begin, std::uint64_t end,
               std::size_t read_ahead = std::size_t{64} << 10);

  /// Where the next batch starts, or where the walk came to a stop.
  std::uint64_t position() const { return at_; }

  /// The next whole batch, its checksum not looked at; valid until the next call. Only I/O errors
  /// are errors. After anything but a batch the walk stands still.
  result<found_at> next(std::optional<batch_view>& to);

  /// The header of the next batch, which is skipped.
  result<found_at> next_header(batch_header& to);

  /// In words, why the walk stopped at a cut or a damage.
  const std::string& reason() const { return reason_; }

 private:
  result<bytes_view> peek(std::size_t wanted);
  result<found_at> stop(const error& why);

  file& from_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::size_t read_ahead_;
  bytes buffer_;
  std::uint64_t buffered_from_ = 0;
  std::size_t buffered_ = 0;
  std::string reason_;
};

/// Whether a sound batch starts anywhere in (begin, end) of `from` with a base offset in
/// [first, last]: the sign that damage before it is not just an unfinished end. Its position.
result<std::optional<std::uint64_t>> find_batch_after(file& from, std::uint64_t begin,
                                                      std::uint64_t end, offset_t first,
                                                      offset_t last);

/// Whether a whole page (4096 bytes, at a multiple of that) in [begin, end) of `from` is zeros, as
/// a page is that the file has room for and that was never written.
result<bool> has_empty_page(file& from, std::uint64_t begin, std::uint64_t end);

}  // namespace penstock
