// One file of batches with a first offset, and the two indexes into it. Owned by a log, which
// decides what to append and when to begin the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "streams/base/disk.hpp"
#include "streams/log/batch_walker.hpp"
#include "streams/log/sparse_index.hpp"

namespace penstock {

/// Decides which batches get index entries: one per interval of bytes, as Kafka does it. Used while
/// appending and, with the same outcome, while rebuilding.
class index_builder {
 public:
  struct outcome {
    std::optional<offset_entry> offset;
    std::optional<time_entry> time;
  };

  /// The next batch of the segment; `position` is where it starts.
  outcome add(const batch_header& batch, offset_t segment_base, std::uint32_t interval_bytes);

  /// The entry that makes a finished segment's time index complete.
  std::optional<time_entry> finish();

  timestamp max_time() const { return from_millis(max_.time); }

  /// Goes on from a segment whose last entries and tail are known.
  void resume(std::optional<time_entry> last, std::uint64_t bytes_since_entry);
  void see(const batch_header& batch, offset_t segment_base);

 private:
  std::uint64_t bytes_since_entry_ = 0;
  time_entry max_;
  std::int64_t last_indexed_time_ = to_millis(no_timestamp);
};

/// The index entries of a segment as a scan of its log makes them.
struct rebuilt_indexes {
  index_builder builder;
  std::vector<offset_entry> offsets;
  std::vector<time_entry> times;

  void add(const batch_header& batch, offset_t segment_base, std::uint32_t interval_bytes);
};

class segment {
 public:
  segment(disk& on, std::string folder, offset_t base, std::uint64_t size);

  offset_t base() const { return base_; }
  std::uint64_t size() const { return size_; }
  std::string path() const;

  /// Makes the files of a new segment; leftovers of an older one with this base go.
  result<void> create();

  /// Writes `pieces`, one behind the other, at the end: the batches `headers`, whose positions
  /// count from there. On an error the file is as it was before, or, when even that fails, `broken`
  /// says so.
  result<void> append(std::span<const bytes_view> pieces, std::span<const batch_header> headers,
                      std::uint32_t interval_bytes, bool& broken);

  /// Up to `length` bytes at `position`, never beyond the end.
  result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length);

  /// The header of the first batch that ends at or behind `offset`; nothing when all end before.
  result<std::optional<batch_header>> find(offset_t offset);

  /// The first batch with a timestamp of at least `time` that ends at or behind `from`.
  result<std::optional<batch_header>> find_time(timestamp time, offset_t from);

  /// Largest timestamp of its records.
  result<timestamp> max_time();

  /// Largest timestamp of its first batch; nothing while it is empty.
  result<std::optional<timestamp>> first_time();

  /// No more appends: the indexes are complete and in their files, with `sync` on disk like the
  /// log.
  result<void> seal(bool sync);
  result<void> sync();

  /// Keeps the bytes before `position`, the start of the batch with `next_offset` or the end.
  result<void> truncate(std::uint64_t position, offset_t next_offset);

  /// Entries of the offset index and of the time index.
  result<std::pair<std::size_t, std::size_t>> index_entries();

  /// Takes over what a scan found: `size` sound bytes and new indexes.
  result<void> install(std::uint64_t size, rebuilt_indexes indexes);

  /// Removes all files of the segment.
  result<void> remove();

  /// Gives up open files; they are opened again when they are needed.
  void release();

  /// The log file, for walking it.
  result<std::shared_ptr<file>> open_log(bool write);

 private:
  result<std::uint64_t> start_for(offset_t offset);
  result<void> load_tail();
  result<void> rebuild();
  error damage_at(std::uint64_t position, const std::string& what) const;

  disk* disk_;
  std::string folder_;
  offset_t base_;
  std::uint64_t size_;
  std::shared_ptr<file> file_;
  bool writable_ = false;
  bool tail_known_ = false;  // builder_ describes the whole segment
  index_builder builder_;
  std::optional<timestamp> first_time_;
  sparse_index<offset_entry> offsets_;
  sparse_index<time_entry> times_;
};

}  // namespace penstock
