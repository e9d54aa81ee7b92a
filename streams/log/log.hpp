// The segments of one partition as one sequence of record batches: append, read, sync bookkeeping,
// retention, compaction, truncation. A plain object without threads: the partition actor owns it
// and calls it from one place; only `file::sync` of its files happens elsewhere, in the writer.
// Layout: docs/formats/log-folder.md (Kafka's own file formats).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/log/producers.hpp"
#include "streams/log/settings.hpp"
#include "streams/log/transactions.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {

/// What recovery found and did, for the log line and for `penstock log verify`.
struct recovery_report {
  bool clean = false;  // the clean-shutdown marker was there: nothing was scanned
  std::uint64_t bytes_scanned = 0;
  std::uint64_t bytes_cut = 0;        // torn tail removed from the last segment
  std::vector<std::string> messages;  // each thing cut or rebuilt, in words
};

struct append_result {
  offset_t base_offset = 0;  // offset of the first record appended (or, for a duplicate, back then)
  offset_t next_offset = 0;  // log end offset after it
  timestamp append_time = no_timestamp;  // with LogAppendTime
  bool duplicate = false;  // a repeat of an idempotent producer or a task: nothing was written
};

struct read_result {
  bytes batches;             // whole batches, the first containing or following `from`
  offset_t next_offset = 0;  // where to read next
};

/// Makes room for so many bytes of batches, which need not be set, and says where it is. A read may
/// ask again, for more; what it was given before is of no use to it then.
using batch_room = std::function<char*(std::size_t)>;

/// What a read has put into the room it asked for: as much as that at most.
struct read_extent {
  std::size_t bytes = 0;
  offset_t next_offset = 0;  // where to read next
  bool checked = false;      // it has been in memory since its checksums were right
};

/// Memory that stays as it is for as long as `owner` is held.
struct kept_memory {
  std::shared_ptr<const void> owner;
  std::size_t bytes = 0;  // all of it
};

class partition_log {
 public:
  /// Opens the folder `<data>/<topic>-<n>`, making it when missing, and recovers it: with the
  /// clean-shutdown marker nothing is scanned; without, segments from the recovery point on are
  /// read and checked, a torn tail of the last one is cut, damage before it is `corrupt` with file
  /// and position and changes nothing on disk. `unsupported_version` for files we do not know.
  static result<std::unique_ptr<partition_log>> open(disk& on, const clock& time,
                                                     const std::string& folder,
                                                     const log_settings& settings,
                                                     recovery_report* report = nullptr);
  virtual ~partition_log() = default;

  /// Appends one or more whole batches: each validated (header, CRC, records, size limit),
  /// idempotent sequences checked per batch (KIP-98 rules: `out_of_order_sequence`,
  /// `producer_fenced`, a repeat gives the first's offsets with `duplicate`), offsets assigned.
  /// All or nothing. `corrupt` (header or checksum), `invalid_argument` (records that do not fit
  /// their batch or the settings), `bad_record` (its time is too far from the node's),
  /// `record_too_large`, `disk_full`, `io_error`; after `sync_failed` the log is closed for good.
  /// Not durable until the files named by `unsynced` are synced. With `drop_repeats`, a batch whose
  /// `source_mark` has a sequence not above the last one of the same task is a duplicate, and one
  /// with a lower epoch is `producer_fenced`. With `kept`, in which the batches lie, the tail cache
  /// may keep them there; else it copies them.
  virtual result<append_result> append(bytes_view batches, epoch_t leader_epoch = 0,
                                       const kept_memory& kept = {}) = 0;

  /// Whole batches from `from` on, at most `bytes_max` bytes but at least one batch, none that
  /// starts at or after `limit` (high watermark or last stable offset). Empty at the end.
  /// `offset_out_of_range` below the start or above the end.
  result<read_result> read(offset_t from, std::size_t bytes_max, offset_t limit);

  /// The same into memory of the caller, without a copy on the way; no room is asked for when there
  /// is nothing to read.
  virtual result<read_extent> read_into(offset_t from, std::size_t bytes_max, offset_t limit,
                                        const batch_room& room) = 0;

  /// First record with a timestamp ≥ `time`: its offset and timestamp; nothing when all are older.
  struct time_hit {
    offset_t offset;
    timestamp time;
  };
  virtual result<std::optional<time_hit>> find_time(timestamp time) = 0;

  virtual offset_t start_offset() const = 0;   // first offset that may be read
  virtual offset_t end_offset() const = 0;     // offset of the next record
  virtual offset_t synced_offset() const = 0;  // everything below survives a power loss
  virtual epoch_t latest_epoch() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
  virtual std::size_t segment_count() const = 0;

  /// Last sequence dropped-or-appended from an upstream task; nothing when it never wrote here.
  /// Survives restarts and delete-records.
  virtual std::optional<source_mark> last_from(const std::string& task) const = 0;

  /// Below it every transaction has ended, and the markers lie below `high_watermark`: what readers
  /// of committed records may see. Called with growing high watermarks.
  virtual offset_t last_stable_offset(offset_t high_watermark) = 0;

  /// Aborted transactions that may have records in [from, to), by the offsets of their markers.
  virtual std::vector<aborted_transaction> aborted_between(offset_t from, offset_t to) const = 0;

  /// Whether this producer has a transaction open here.
  virtual bool in_transaction(std::int64_t producer_id, std::int16_t epoch) const = 0;

  /// Idempotent producers that have written here and were not forgotten, by id.
  virtual std::vector<std::pair<std::int64_t, producer_entry>> producers() const = 0;

  /// Files with unsynced bytes and the end offset they reach: what the writer must sync.
  struct pending_sync {
    std::vector<std::string> files;
    std::vector<std::string> folders;  // created or renamed entries
    offset_t up_to = 0;
    std::uint64_t bytes = 0;

    // For `mark_synced`: what the log had done when this was taken.
    offset_t recovery_point = 0;  // scans need not go below it; 0: it stays where it is
    std::uint64_t appended = 0;
    std::uint64_t entries = 0;
    std::uint64_t truncations = 0;
  };

  /// A file that is gone when the writer comes to it (deleted, or replaced by compaction, which
  /// syncs by itself) needs no sync.
  virtual pending_sync unsynced() const = 0;

  /// Segments that take no more appends and are not known to be on disk, with their indexes: with
  /// `flush=none`, or after a crash. Synced behind everybody's back, they are not read again by the
  /// next recovery. No files: there are none.
  virtual pending_sync unsynced_segments() const = 0;

  /// The writer synced a `pending_sync` taken earlier. A checkpoint that cannot be written is left
  /// to the next one.
  virtual void mark_synced(const pending_sync& done) = 0;

  /// The writer could not: the log refuses every further append with this reason.
  virtual void mark_sync_failed(const error& why) = 0;

  /// Why the log takes no more appends, and believes no more syncs; none while it is sound.
  virtual const error& failure() const = 0;

  /// Deletes segments by time and size (`cleanup.policy=delete`) and below the start offset.
  /// Returns bytes freed.
  virtual result<std::uint64_t> apply_retention() = 0;

  /// One compaction pass (`cleanup.policy=compact`) over the closed segments: the latest value per
  /// key stays, tombstones go after `delete.retention.ms`. Offsets stay. Returns bytes freed.
  virtual result<std::uint64_t> compact() = 0;

  /// Moves the start offset up (delete-records, KIP-107); whole segments below it go.
  virtual result<offset_t> delete_before(offset_t offset) = 0;

  /// Removes everything at and after `offset` (replication). Producer state is rebuilt.
  virtual result<void> truncate_to(offset_t offset) = 0;

  /// First offset after the last one written in `epoch` or below (KIP-101 OffsetForLeaderEpoch).
  virtual std::pair<epoch_t, offset_t> end_of_epoch(epoch_t epoch) const = 0;

  /// New settings from now on; files are untouched.
  virtual void change_settings(const log_settings& settings) = 0;
  virtual const log_settings& settings() const = 0;

  /// Syncs everything, writes producer snapshot, checkpoints and the clean-shutdown marker. The
  /// log takes no calls afterwards.
  virtual result<void> close() = 0;
};

/// Reads a partition folder without changing it and reports everything that is wrong with it:
/// for `penstock log verify`. The folder may be in use. An empty list means sound.
struct damage {
  std::string file;
  std::uint64_t position = 0;
  std::string what;
  bool torn_tail = false;  // an unfinished last batch: recovery would cut it
};
result<std::vector<damage>> verify_folder(disk& on, const std::string& folder);

}  // namespace penstock
