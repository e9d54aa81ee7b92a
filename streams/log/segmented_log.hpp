// The one implementation of `partition_log`. Its parts are in files of their own: appending and
// reading in segmented_log.cpp, opening in recovery.cpp, deletion and truncation in retention.cpp,
// compaction in compaction.cpp.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "streams/log/checkpoint.hpp"
#include "streams/log/durable_mark.hpp"
#include "streams/log/epochs.hpp"
#include "streams/log/log.hpp"
#include "streams/log/producers.hpp"
#include "streams/log/segment.hpp"
#include "streams/log/tail_cache.hpp"

namespace penstock {

class segmented_log final : public partition_log {
 public:
  segmented_log(disk& on, const clock& time, std::string folder, const log_settings& settings);

  /// Reads the folder and makes sense of it; called once, by `open`.
  result<void> recover(recovery_report& report);

  result<append_result> append(bytes_view batches, epoch_t leader_epoch,
                               const kept_memory& kept) override;
  result<read_extent> read_into(offset_t from, std::size_t bytes_max, offset_t limit,
                                const batch_room& room) override;
  result<std::optional<time_hit>> find_time(timestamp time) override;
  offset_t start_offset() const override { return start_offset_; }
  offset_t end_offset() const override { return end_offset_; }
  offset_t synced_offset() const override { return synced_offset_; }
  epoch_t latest_epoch() const override { return epochs_.latest(); }
  std::uint64_t size_bytes() const override;
  std::size_t segment_count() const override { return segments_.size(); }
  std::optional<source_mark> last_from(const std::string& task) const override;
  offset_t last_stable_offset(offset_t high_watermark) override;
  std::vector<aborted_transaction> aborted_between(offset_t from, offset_t to) const override {
    return aborted_.between(from, to);
  }
  bool in_transaction(std::int64_t producer_id, std::int16_t epoch) const override;
  std::vector<std::pair<std::int64_t, producer_entry>> producers() const override {
    return producers_.list();
  }
  pending_sync unsynced() const override;
  pending_sync unsynced_segments() const override;
  void mark_synced(const pending_sync& done) override;
  void mark_sync_failed(const error& why) override;
  const error& failure() const override { return failed_; }
  result<std::uint64_t> apply_retention() override;
  result<std::uint64_t> compact() override;
  result<offset_t> delete_before(offset_t offset) override;
  result<void> truncate_to(offset_t offset) override;
  std::pair<epoch_t, offset_t> end_of_epoch(epoch_t epoch) const override;
  void change_settings(const log_settings& settings) override;
  const log_settings& settings() const override { return settings_; }
  result<void> close() override;

 private:
  friend class log_recovery;
  friend class log_compaction;

  struct accepted_batch;
  struct placed_batches;

  /// Why no call can be served, if so.
  result<void> usable() const;
  result<void> writable() const;
  std::string path_of(std::string_view name) const { return folder_ + "/" + std::string{name}; }
  std::string parent_folder() const;
  segment& active() { return *segments_.back(); }

  /// Index of the segment that has or would have `offset`.
  std::size_t segment_of(offset_t offset) const;
  /// First offset that belongs to the segment after this one.
  offset_t end_of_segment(std::size_t index) const;

  // Appending.
  result<std::vector<accepted_batch>> judge(bytes_view batches) const;
  result<accepted_batch> judge_one(const batch_view& batch) const;
  static result<producer_verdict> judge_sequence(const producer_table& table,
                                                 const accepted_batch& a);
  result<bytes> in_own_compression(const std::vector<accepted_batch>& from) const;
  placed_batches copy(const std::vector<accepted_batch>& from, std::size_t size, epoch_t epoch,
                      std::optional<timestamp> stamp);
  placed_batches keep(const std::vector<accepted_batch>& from, epoch_t epoch);
  result<void> roll_if_due(std::uint64_t bytes_more, std::size_t offsets_more, timestamp newest);
  result<void> roll();
  void name_unsynced_folders(pending_sync& pending) const;
  /// `segment::seal` or `sync`, after whose failure nothing may be believed to be on disk.
  result<void> trusted(result<void> synced);
  result<void> begin_epoch(epoch_t epoch);

  // Reading.
  struct reading;
  result<bool> read_segment(std::size_t index, reading& to);

  // What is on disk beside the segments.
  log_checkpoint checkpoint_now() const;
  result<void> write_checkpoint(const std::optional<clean_shutdown>& clean = {});
  result<void> write_epochs();
  result<void> take_snapshot();
  result<void> drop_snapshots_from(offset_t offset);
  result<void> drop_stale_snapshots();
  result<void> rebuild_producers(offset_t to, std::vector<std::string>* messages);
  result<producer_table> load_snapshot(offset_t offset) const;

  // Transactions.
  void note_ended(const ended_transaction& ended);
  std::vector<aborted_transaction> aborted_in(std::size_t segment) const;
  result<void> sync_transaction_indexes();

  // Deleting.
  result<std::uint64_t> remove_first_segments(std::size_t count);
  void release_idle();
  void forget_places();

  disk* disk_;
  const clock* clock_;
  std::string folder_;
  log_settings settings_;

  std::deque<std::unique_ptr<segment>> segments_;  // by base offset; the last one is written
  offset_t start_offset_ = 0;
  offset_t end_offset_ = 0;
  offset_t synced_offset_ = 0;
  durable_mark mark_;  // what is left of `synced_offset_` after a crash
  offset_t recovery_point_ = 0;
  offset_t compacted_to_ = 0;
  offset_t gaps_to_ = 0;
  bool checkpoint_exists_ = false;

  leader_epochs epochs_;
  producer_table producers_;
  aborted_transactions aborted_;
  std::deque<ended_transaction> ended_;  // of which readers may not have seen the marker
  std::set<offset_t> indexes_to_sync_;   // segments whose `.txnindex` has unsynced bytes
  std::vector<offset_t> snapshots_;      // offsets that have a `.snapshot` file, growing
  tail_cache cache_;

  // Counters that grow, so that a sync taken earlier can be told from what came later.
  std::uint64_t bytes_appended_ = 0;
  std::uint64_t bytes_synced_ = 0;
  std::uint64_t entries_made_ = 0;  // files created or renamed in the folder
  std::uint64_t entries_synced_ = 0;
  std::uint64_t truncations_ = 0;
  bool folder_is_new_ = false;

  /// Where a reader that goes on will find its next batch, without asking the index.
  struct reading_place {
    offset_t segment_base = -1;
    offset_t next_offset = -1;
    std::uint64_t position = 0;
  };
  reading_place places_[4];
  std::size_t place_used_ = 0;

  std::chrono::nanoseconds last_append_{0};
  bool changed_ = false;  // since the last shutdown in order
  bool closed_ = false;
  error failed_;  // why nothing is appended any more
};

}  // namespace penstock
