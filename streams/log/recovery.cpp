// What to believe after a crash. Everything is read and judged first; only then is the disk
// changed.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "streams/log/compaction.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/segmented_log.hpp"
#include "streams/log/sync_failure.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t snapshot_bytes_max = std::uint64_t{256} << 20;
constexpr std::uint64_t transactions_bytes_max = std::uint64_t{256} << 20;
constexpr std::uint64_t epochs_bytes_max = std::uint64_t{16} << 20;
constexpr std::size_t recovery_read_ahead = std::size_t{1} << 20;

}  // namespace

/// One opening of a folder.
class log_recovery {
 public:
  log_recovery(segmented_log& log, recovery_report& report) : log_(log), report_(report) {}

  result<void> run();

 private:
  struct scanned_segment {
    segment* of = nullptr;
    std::uint64_t good_bytes = 0;
    rebuilt_indexes indexes;
  };
  /// Where a scan stopped before the end of its segment.
  struct stop {
    std::size_t index = 0;
    std::uint64_t position = 0;
    found_at what = found_at::end;
    std::string reason;
  };

  result<void> list();
  result<void> load_epochs();
  result<void> make_segments();
  result<void> check_files_are_there();
  result<bool> believe_clean_shutdown();
  result<void> load_transactions(offset_t to, offset_t end);
  result<aborted_transactions> find_aborted(offset_t to);
  result<void> write_transactions();
  result<void> scan_all();
  result<std::optional<stop>> scan(std::size_t index);
  std::string mismatch(const batch_view& batch) const;
  /// Whether offsets before `base` are missing where nothing was compacted or deleted.
  bool is_gap(offset_t base) const { return base > expected_ && base > gaps_until_; }
  result<void> judge(const stop& at);
  result<void> repair();
  result<void> write_again();
  result<void> adopt_epochs(leader_epochs epochs);
  void adopt_snapshot_at_start();
  result<void> clear_leftovers();
  void note(std::string message) { report_.messages.push_back(std::move(message)); }
  error missing(offset_t from, offset_t to) const;
  error damage(const segment& in, std::uint64_t position, const std::string& what) const;

  segmented_log& log_;
  recovery_report& report_;
  std::optional<log_checkpoint> checkpoint_;
  std::vector<std::pair<offset_t, std::uint64_t>> files_;  // base offset and size of each `.log`
  std::vector<std::string> leftovers_;
  bool kafka_wrote_it_ = false;

  leader_epochs written_epochs_;
  leader_epochs epochs_;  // as the scan sees them
  bool epochs_known_ = false;
  producer_table producers_;
  std::map<offset_t, bytes> transaction_files_;  // each `.txnindex`, by its segment's base
  offset_t replay_from_ = 0;
  offset_t gaps_until_ = 0;  // offsets below it may be missing
  offset_t durable_ = 0;     // what lies below it was synced and may be acknowledged
  offset_t expected_ = 0;
  std::vector<scanned_segment> scanned_;
  std::size_t first_scanned_ = 0;
  std::size_t segments_kept_ = 0;
};

result<void> segmented_log::recover(recovery_report& report) {
  return log_recovery{*this, report}.run();
}

error log_recovery::damage(const segment& in, std::uint64_t position,
                           const std::string& what) const {
  return error{errc::corrupt,
               fmt::format("{} is damaged at byte {}: {}. Nothing was changed. Restore the folder "
                           "{} from a copy; or, to give up the records from offset {} on, remove "
                           "{} and {} there, cut the file at that byte and remove those after it",
                           in.path(), position, what, log_.folder_, expected_,
                           file_names::checkpoint, file_names::synced)};
}

result<void> log_recovery::run() {
  PENSTOCK_TRY(list());
  PENSTOCK_TRY(load_epochs());
  PENSTOCK_TRY(make_segments());
  log_.start_offset_ = checkpoint_ ? checkpoint_->start_offset : 0;
  log_.compacted_to_ = checkpoint_ ? checkpoint_->compacted_to : 0;
  log_.gaps_to_ = checkpoint_ ? checkpoint_->gaps_to : 0;
  log_.recovery_point_ = checkpoint_ ? checkpoint_->recovery_point : 0;
  log_.checkpoint_exists_ = checkpoint_.has_value();
  PENSTOCK_ASSIGN(durable_, log_.mark_.read());
  durable_ = std::max(durable_, log_.recovery_point_);
  // Nothing that a shutdown in order left behind can be lost by a crash.
  if (checkpoint_ && checkpoint_->clean)
    durable_ = std::max(durable_, checkpoint_->clean->end_offset);
  // What was deleted cannot be lost, though the removal of its files may be.
  if (durable_ <= log_.start_offset_) durable_ = 0;
  PENSTOCK_TRY(check_files_are_there());
  if (log_.segments_.empty()) {
    log_.end_offset_ = log_.start_offset_;
    log_.epochs_ = written_epochs_;
    PENSTOCK_TRY(clear_leftovers());
    auto first = std::make_unique<segment>(*log_.disk_, log_.folder_, log_.end_offset_, 0);
    PENSTOCK_TRY(first->create());
    log_.segments_.push_back(std::move(first));
    ++log_.entries_made_;
    log_.folder_is_new_ = true;  // or made in a life that ended before its entry was synced
    PENSTOCK_TRY(log_.rebuild_producers(log_.end_offset_, &report_.messages));
    report_.clean = true;
    log_.synced_offset_ = log_.end_offset_;
    return {};
  }
  PENSTOCK_ASSIGN(bool clean, believe_clean_shutdown());
  if (clean) {
    report_.clean = true;
    PENSTOCK_TRY(adopt_epochs(written_epochs_));
    if (!log_.snapshots_.empty() && log_.snapshots_.back() > log_.end_offset_) {
      // Taken of records that a crash has lost.
      PENSTOCK_TRY(log_.drop_snapshots_from(log_.end_offset_ + 1));
      PENSTOCK_TRY(log_.disk_->sync_folder(log_.folder_));
    }
    if (!leftovers_.empty()) {
      PENSTOCK_TRY(clear_leftovers());
    }
  } else {
    PENSTOCK_TRY(scan_all());
    PENSTOCK_TRY(clear_leftovers());
    PENSTOCK_TRY(repair());
  }
  log_.start_offset_ =
      std::max(log_.start_offset_, checkpoint_ ? offset_t{0} : log_.segments_.front()->base());
  PENSTOCK_ASSERT(log_.segments_.back()->base() <= log_.end_offset_, log_.end_offset_);
  log_.synced_offset_ = log_.end_offset_;
  log_.mark_.raise(log_.synced_offset_);
  return {};
}

/// Reads the checkpoint and the names of the folder.
result<void> log_recovery::list() {
  PENSTOCK_ASSIGN(bool there, log_.disk_->exists(log_.folder_));
  if (!there) {
    PENSTOCK_TRY(log_.disk_->make_folder(log_.folder_));
  }
  PENSTOCK_ASSIGN(checkpoint_, read_checkpoint(*log_.disk_, log_.folder_));
  PENSTOCK_TRY(finish_compaction(*log_.disk_, log_.folder_));
  PENSTOCK_ASSIGN(auto names, log_.disk_->list(log_.folder_));
  for (const std::string& name : names) {
    if (auto base = file_names::offset_in(name, file_names::log)) {
      PENSTOCK_ASSIGN(auto opened, log_.disk_->open(log_.path_of(name), open_mode::read));
      PENSTOCK_ASSIGN(std::uint64_t size, opened->size());
      files_.emplace_back(*base, size);
    } else if (auto at = file_names::offset_in(name, file_names::producers)) {
      log_.snapshots_.push_back(*at);
    } else if (auto of = file_names::offset_in(name, file_names::transactions)) {
      PENSTOCK_ASSIGN(transaction_files_[*of],
                      read_file(*log_.disk_, log_.path_of(name), transactions_bytes_max));
    } else if (name == file_names::partition_metadata) {
      kafka_wrote_it_ = true;
    } else if (name.ends_with(file_names::swap)) {
      return error{errc::corrupt, log_.path_of(name) +
                                      " is a compaction that Kafka did not finish: start Kafka "
                                      "on this folder once and stop it in order"};
    } else if (name.ends_with(file_names::cleaned) || name.ends_with(file_names::temporary) ||
               name.ends_with(file_names::deleted)) {
      leftovers_.push_back(name);
    }
  }
  for (const std::string& name : names) {
    for (auto suffix :
         {file_names::offset_index, file_names::time_index, file_names::transactions}) {
      auto base = file_names::offset_in(name, suffix);
      if (!base) continue;
      const bool owned = std::any_of(files_.begin(), files_.end(),
                                     [&](const auto& f) { return f.first == *base; });
      if (!owned) leftovers_.push_back(name);
    }
  }
  return {};
}

result<void> log_recovery::load_epochs() {
  const std::string name = log_.path_of(file_names::epochs);
  auto text = read_file(*log_.disk_, name, epochs_bytes_max);
  if (!text) {
    // No file: every record is of epoch 0, for the file is written before other records are.
    epochs_known_ = text.error() == errc::not_found;
    return epochs_known_ ? result<void>{} : std::move(text).error();
  }
  auto decoded = leader_epochs::decode(*text, name);
  if (decoded) {
    written_epochs_ = *std::move(decoded);
    epochs_known_ = true;
  } else if (decoded.error() == errc::corrupt) {
    note(name + " was damaged and is rebuilt from the records");
  } else {
    return std::move(decoded).error();
  }
  return {};
}

result<void> log_recovery::make_segments() {
  const offset_t start = checkpoint_ ? checkpoint_->start_offset : 0;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto& [base, size] = files_[i];
    // Deleted before a crash, but the removal of the file was lost.
    if (i + 1 < files_.size() && files_[i + 1].first <= start) {
      for (auto suffix : {file_names::log, file_names::offset_index, file_names::time_index,
                          file_names::transactions, file_names::producers, file_names::marks}) {
        leftovers_.push_back(file_names::of(base, suffix));
      }
      std::erase(log_.snapshots_, base);
      continue;
    }
    if (size > std::numeric_limits<std::int32_t>::max()) {
      return error{errc::corrupt,
                   fmt::format("{} has {} bytes, more than a segment can have",
                               log_.path_of(file_names::of(base, file_names::log)), size)};
    }
    log_.segments_.push_back(std::make_unique<segment>(*log_.disk_, log_.folder_, base, size));
  }
  return {};
}

error log_recovery::missing(offset_t from, offset_t to) const {
  return error{errc::corrupt,
               fmt::format("{} has no file for the offsets {} to {}: restore it from a copy, or "
                           "remove {} and {} there to accept the loss",
                           log_.folder_, from, to - 1, file_names::checkpoint, file_names::synced)};
}

/// What is known to be on disk is not silently taken for deleted.
result<void> log_recovery::check_files_are_there() {
  const bool none = log_.segments_.empty();
  if (!checkpoint_ && !none) return {};
  if (checkpoint_ && checkpoint_->clean && !none &&
      log_.segments_.back()->base() < checkpoint_->clean->last_segment) {
    return missing(checkpoint_->clean->last_segment, checkpoint_->clean->end_offset);
  }
  const offset_t first =
      none ? std::max(durable_, log_.recovery_point_) : log_.segments_.front()->base();
  if (first <= std::max(log_.start_offset_, log_.gaps_to_)) return {};
  return missing(log_.start_offset_, first);
}

/// With a shutdown in order, and nothing done since, nothing needs to be scanned.
result<bool> log_recovery::believe_clean_shutdown() {
  if (!checkpoint_ || !checkpoint_->clean || !epochs_known_) return false;
  PENSTOCK_ASSIGN(const bool unsure, sync_failure_noted(*log_.disk_, log_.folder_));
  if (unsure) return false;
  const clean_shutdown& clean = *checkpoint_->clean;
  segment& last = *log_.segments_.back();
  if (last.base() != clean.last_segment || last.size() != clean.last_segment_bytes) return false;
  // A crash may have taken later records and left their index entries.
  auto entries = last.index_entries();
  if (!entries ||
      *entries != std::pair<std::size_t, std::size_t>{clean.offset_entries, clean.time_entries}) {
    return false;
  }
  if (clean.has_producers) {
    auto loaded = log_.load_snapshot(clean.end_offset);
    if (!loaded && loaded.error() == errc::unsupported_version) return std::move(loaded).error();
    if (!loaded) return false;
    log_.producers_ = *std::move(loaded);
  }
  log_.end_offset_ = clean.end_offset;
  PENSTOCK_TRY(load_transactions(clean.end_offset, clean.end_offset));
  PENSTOCK_TRY(write_transactions());
  return true;
}

/// Takes over what the indexes say of markers before `to`; a damaged one is made again.
result<void> log_recovery::load_transactions(offset_t to, offset_t end) {
  for (std::size_t i = 0; i < log_.segments_.size() && log_.segments_[i]->base() < to; ++i) {
    auto file = transaction_files_.find(log_.segments_[i]->base());
    if (file == transaction_files_.end()) continue;
    const std::string name = log_.path_of(file_names::of(file->first, file_names::transactions));
    const offset_t high = i + 1 < log_.segments_.size() ? log_.segments_[i + 1]->base() : end;
    auto entries = decode_aborted(file->second, file->first, high, name);
    if (!entries && entries.error() == errc::unsupported_version) return entries.error();
    if (!entries) {
      note(entries.error().message() + "; it is made again from the records");
      PENSTOCK_ASSIGN(log_.aborted_, find_aborted(to));
      return {};
    }
    for (const auto& each : *entries)
      if (each.last_offset < to) log_.aborted_.add(each);
  }
  return {};
}

/// By reading every batch before `to`.
result<aborted_transactions> log_recovery::find_aborted(offset_t to) {
  aborted_transactions found;
  producer_table seen;
  for (std::size_t i = 0; i < log_.segments_.size() && log_.segments_[i]->base() < to; ++i) {
    segment& in = *log_.segments_[i];
    PENSTOCK_ASSIGN(auto log, in.open_log(false));
    batch_walker walker{*log, 0, in.size(), recovery_read_ahead};
    std::optional<batch_view> batch;
    while (true) {
      PENSTOCK_ASSIGN(found_at what, walker.next(batch));
      if (what != found_at::batch || batch->base_offset() >= to) break;
      const auto ended = seen.record(*batch, log_.clock_->now());
      if (!ended || ended->committed) continue;
      found.add({ended->producer_id, ended->first_offset, ended->last_offset,
                 seen.first_open().value_or(ended->last_offset + 1)});
    }
  }
  return found;
}

/// Makes the indexes on disk those that are in memory.
result<void> log_recovery::write_transactions() {
  for (std::size_t i = 0; i < log_.segments_.size(); ++i) {
    const offset_t base = log_.segments_[i]->base();
    const bytes wanted = encode(log_.aborted_in(i));
    const auto file = transaction_files_.find(base);
    const bool same = file == transaction_files_.end() ? wanted.empty() : file->second == wanted;
    if (same) continue;
    PENSTOCK_TRY(write_file(*log_.disk_,
                            log_.path_of(file_names::of(base, file_names::transactions)), wanted));
  }
  return {};
}

/// Scans from the recovery point, or from the newest usable snapshot of producers before it.
result<void> log_recovery::scan_all() {
  const offset_t from = log_.segments_[log_.segment_of(log_.recovery_point_)]->base();
  replay_from_ = 0;
  bool have_producers = false;
  for (auto at = log_.snapshots_.rbegin(); at != log_.snapshots_.rend() && !have_producers; ++at) {
    if (*at > from) continue;
    auto loaded = log_.load_snapshot(*at);
    if (!loaded && loaded.error() != errc::corrupt && loaded.error() != errc::not_found) {
      return std::move(loaded).error();
    }
    if (!loaded) {
      note(loaded.error().message() + "; it is rebuilt from the records");
      continue;
    }
    producers_ = *std::move(loaded);
    replay_from_ = *at;
    have_producers = true;
  }
  first_scanned_ = log_.segment_of(have_producers ? std::min(from, replay_from_) : 0);
  if (!have_producers || !epochs_known_) first_scanned_ = 0;

  PENSTOCK_TRY(load_transactions(replay_from_, std::numeric_limits<offset_t>::max()));

  gaps_until_ = std::max(log_.gaps_to_, log_.start_offset_);
  if (!checkpoint_ && (log_.settings_.cleanup_compact || kafka_wrote_it_)) {
    gaps_until_ = std::numeric_limits<offset_t>::max();
  }
  expected_ = log_.segments_[first_scanned_]->base();
  for (std::size_t i = first_scanned_; i < log_.segments_.size(); ++i) {
    segment& next = *log_.segments_[i];
    if (next.base() < expected_ || is_gap(next.base())) {
      // The end of the segment before it is gone at the border of a batch.
      stop gap{i - 1, scanned_.back().good_bytes, found_at::cut_short,
               fmt::format("the offsets {} to {} are missing", expected_, next.base() - 1)};
      return judge(gap);
    }
    expected_ = std::max(expected_, next.base());
    PENSTOCK_ASSIGN(auto stopped, scan(i));
    if (stopped) return judge(*stopped);
  }
  segments_kept_ = log_.segments_.size();
  // A last segment that was begun and not synced may be gone; what lies before it may not, unless
  // it was compacted or deleted away. Its offsets are not given out again.
  if (durable_ <= gaps_until_) expected_ = std::max(expected_, durable_);
  if (expected_ < durable_) {
    return damage(
        *log_.segments_.back(), log_.segments_.back()->size(),
        fmt::format("the log ends at offset {}, but was on disk up to {}", expected_, durable_));
  }
  return {};
}

/// What does not fit in a batch that is sound by itself; empty when all does.
std::string log_recovery::mismatch(const batch_view& batch) const {
  const offset_t base = batch.base_offset();
  if (base < expected_ || is_gap(base)) {
    return fmt::format("a record batch has offset {} where {} is expected", base, expected_);
  }
  const epoch_t epoch = batch.leader_epoch();
  const epoch_t should = epochs_known_ ? written_epochs_.at(base) : epochs_.latest();
  if (epochs_known_ ? epoch != should : epoch < should) {
    return fmt::format("the record batch at offset {} has leader epoch {} where {} is expected",
                       base, epoch, should);
  }
  return {};
}

result<std::optional<log_recovery::stop>> log_recovery::scan(std::size_t index) {
  segment& in = *log_.segments_[index];
  PENSTOCK_ASSIGN(auto log, in.open_log(false));
  batch_walker walker{*log, 0, in.size(), recovery_read_ahead};
  scanned_segment& found = scanned_.emplace_back();
  found.of = &in;
  std::optional<batch_view> batch;
  while (true) {
    const std::uint64_t position = walker.position();
    PENSTOCK_ASSIGN(found_at what, walker.next(batch));
    std::string reason = walker.reason();
    if (what == found_at::batch) {
      auto sound = batch->check_crc();
      reason = sound ? mismatch(*batch) : sound.error().message();
      if (!reason.empty()) what = found_at::damaged;
    }
    report_.bytes_scanned += walker.position() - position;
    if (what != found_at::batch) {
      found.good_bytes = position;
      if (what == found_at::end) return std::optional<stop>{};
      return std::optional{stop{index, position, what, std::move(reason)}};
    }
    found.indexes.add(
        {position, batch->size(), batch->base_offset(), batch->last_offset(), batch->max_time()},
        in.base(), log_.settings_.index_interval_bytes);
    if (!epochs_known_ && epochs_.is_new(batch->leader_epoch())) {
      epochs_.begin(batch->leader_epoch(), batch->base_offset());
    }
    if (batch->base_offset() >= replay_from_) {
      const auto ended = producers_.record(*batch, log_.clock_->now());
      if (ended && !ended->committed) {
        log_.aborted_.add({ended->producer_id, ended->first_offset, ended->last_offset,
                           producers_.first_open().value_or(ended->last_offset + 1)});
      }
      if (log_.settings_.drop_repeats && !batch->is_control()) {
        auto mark = source_mark_of(*batch);
        if (mark && *mark) producers_.record(**std::move(mark));
      }
    }
    expected_ = batch->next_offset();
  }
}

/// A torn end is cut; anything else is refused.
result<void> log_recovery::judge(const stop& at) {
  segment& in = *log_.segments_[at.index];
  const bool is_last = at.index + 1 == log_.segments_.size();
  if (at.what == found_at::unknown) {
    return error{errc::unsupported_version,
                 fmt::format("{} at byte {}: {}", in.path(), at.position, at.reason)};
  }
  if (expected_ < durable_) {
    return damage(in, at.position,
                  fmt::format("{}, and the log was on disk up to offset {}", at.reason, durable_));
  }
  PENSTOCK_ASSIGN(auto log, in.open_log(false));
  PENSTOCK_ASSIGN(auto follows,
                  find_batch_after(*log, at.position, in.size(), expected_ + 1,
                                   in.base() + std::numeric_limits<std::int32_t>::max()));
  // Pages reach the disk in any order: what was being written when the power went may have holes.
  bool hole = at.what == found_at::hole;
  if (follows && !hole) {
    PENSTOCK_ASSIGN(hole, has_empty_page(*log, at.position, *follows));
  }
  if (follows && !hole) {
    return damage(in, at.position,
                  fmt::format("{}, and sound batches follow at byte {}", at.reason, *follows));
  }
  if (!is_last) {
    // Segments below the recovery point are synced before the next one begins. Above it they were
    // rolled with flush=none, and a power loss may have taken their ends.
    const offset_t next_base = log_.segments_[at.index + 1]->base();
    const bool was_synced = !checkpoint_ || next_base <= log_.recovery_point_;
    if (was_synced) {
      return damage(in, at.position, fmt::format("{}, and a later segment follows", at.reason));
    }
    for (std::size_t i = at.index + 1; i < log_.segments_.size(); ++i) {
      report_.bytes_cut += log_.segments_[i]->size();
      note(fmt::format("removed {}, {} bytes: records before it were lost with flush=none",
                       log_.segments_[i]->path(), log_.segments_[i]->size()));
    }
  }
  report_.bytes_cut += in.size() - at.position;
  note(fmt::format("cut {} bytes behind offset {} at byte {} of {}: {}", in.size() - at.position,
                   expected_, at.position, in.path(), at.reason));
  segments_kept_ = at.index + 1;
  return {};
}

/// An epoch may have been written down whose records were lost.
result<void> log_recovery::adopt_epochs(leader_epochs epochs) {
  log_.epochs_ = std::move(epochs);
  log_.epochs_.truncate_to(log_.end_offset_);
  const bool same = epochs_known_ && log_.epochs_.encode() == written_epochs_.encode();
  return same ? result<void>{} : log_.write_epochs();
}

/// Makes the disk what the scan believes.
result<void> log_recovery::repair() {
  PENSTOCK_TRY(write_again());
  while (log_.segments_.size() > segments_kept_) {
    PENSTOCK_TRY(log_.segments_.back()->remove());
    log_.segments_.pop_back();
  }
  for (std::size_t i = 0; i < scanned_.size() && first_scanned_ + i < segments_kept_; ++i) {
    scanned_segment& found = scanned_[i];
    PENSTOCK_TRY(found.of->install(found.good_bytes, std::move(found.indexes)));
    const bool is_last = first_scanned_ + i + 1 == segments_kept_;
    if (is_last) {
      PENSTOCK_TRY(log_.trusted(found.of->sync()));
    } else {
      PENSTOCK_TRY(log_.trusted(found.of->seal(true)));
      found.of->release();
    }
  }
  PENSTOCK_TRY(forget_sync_failure(*log_.disk_, log_.folder_));
  log_.end_offset_ = std::max(expected_, log_.segments_.back()->base());
  if (log_.end_offset_ < log_.start_offset_) {
    // Everything that was left had been deleted already; the rest was lost unsynced.
    note(fmt::format("{} goes on at its start offset {}: it ended at {}", log_.folder_,
                     log_.start_offset_, log_.end_offset_));
    log_.end_offset_ = log_.start_offset_;
    adopt_snapshot_at_start();
  }
  PENSTOCK_TRY(adopt_epochs(epochs_known_ ? written_epochs_ : epochs_));
  PENSTOCK_TRY(log_.drop_snapshots_from(log_.end_offset_ + 1));
  PENSTOCK_TRY(log_.disk_->sync_folder(log_.folder_));
  PENSTOCK_TRY(log_.disk_->sync_folder(log_.parent_folder()));
  log_.producers_ = std::move(producers_);
  PENSTOCK_TRY(write_transactions());
  log_.changed_ = true;
  return {};
}

/// Deleted records are gone, what they told of producers and tasks is not.
void log_recovery::adopt_snapshot_at_start() {
  for (auto at = log_.snapshots_.rbegin(); at != log_.snapshots_.rend(); ++at) {
    if (*at > log_.start_offset_) continue;
    if (*at <= expected_) return;
    if (auto loaded = log_.load_snapshot(*at)) {
      producers_ = *std::move(loaded);
      return;
    }
  }
}

/// After a sync that failed in the last run, what is read may be in the kernel's cache alone, and
/// clean there. Written again, it reaches the disk with the next sync.
result<void> log_recovery::write_again() {
  PENSTOCK_ASSIGN(bool failed, sync_failure_noted(*log_.disk_, log_.folder_));
  if (!failed) return {};
  bytes piece;
  for (std::size_t i = 0; i < scanned_.size() && first_scanned_ + i < segments_kept_; ++i) {
    PENSTOCK_ASSIGN(auto log, scanned_[i].of->open_log(true));
    for (std::uint64_t at = 0; at < scanned_[i].good_bytes; at += piece.size()) {
      piece.resize(static_cast<std::size_t>(
          std::min<std::uint64_t>(recovery_read_ahead, scanned_[i].good_bytes - at)));
      PENSTOCK_ASSIGN(std::size_t got, log->read_at(at, piece.data(), piece.size()));
      PENSTOCK_ASSERT(got == piece.size(), got, piece.size());
      PENSTOCK_TRY(log->write_at(at, piece));
    }
  }
  return {};
}

result<void> log_recovery::clear_leftovers() {
  for (const std::string& name : leftovers_) {
    PENSTOCK_TRY(log_.disk_->remove(log_.path_of(name)));
  }
  return {};
}

result<producer_table> segmented_log::load_snapshot(offset_t offset) const {
  const std::string name = path_of(file_names::of(offset, file_names::producers));
  PENSTOCK_ASSIGN(bytes producers, read_file(*disk_, name, snapshot_bytes_max));
  auto extras =
      read_file(*disk_, path_of(file_names::of(offset, file_names::marks)), snapshot_bytes_max);
  if (!extras && extras.error() != errc::not_found) return std::move(extras).error();
  return producer_table::decode(producers, extras.value_or(bytes{}), name);
}

/// From the newest snapshot at or before `to` and the batches behind it.
result<void> segmented_log::rebuild_producers(offset_t to, std::vector<std::string>* messages) {
  producer_table rebuilt;
  offset_t from = 0;
  for (auto at = snapshots_.rbegin(); at != snapshots_.rend(); ++at) {
    if (*at > to) continue;
    auto loaded = load_snapshot(*at);
    if (loaded) {
      rebuilt = *std::move(loaded);
      from = *at;
      break;
    }
    if (loaded.error() == errc::unsupported_version) return std::move(loaded).error();
    if (messages != nullptr) messages->push_back(loaded.error().message());
  }
  for (std::size_t i = segment_of(from); i < segments_.size(); ++i) {
    PENSTOCK_ASSIGN(auto log, segments_[i]->open_log(false));
    batch_walker walker{*log, 0, segments_[i]->size(), recovery_read_ahead};
    std::optional<batch_view> batch;
    while (true) {
      PENSTOCK_ASSIGN(found_at what, walker.next(batch));
      if (what == found_at::end) break;
      if (what != found_at::batch) {
        return error{errc::corrupt,
                     fmt::format("{} is damaged at byte {}: {}", segments_[i]->path(),
                                 walker.position(), walker.reason())};
      }
      if (batch->base_offset() < from) continue;
      if (batch->base_offset() >= to) break;
      rebuilt.record(*batch, clock_->now());
      if (!settings_.drop_repeats || batch->is_control()) continue;
      PENSTOCK_ASSIGN(auto mark, source_mark_of(*batch));
      if (mark) rebuilt.record(*std::move(mark));
    }
  }
  producers_ = std::move(rebuilt);
  return {};
}

}  // namespace penstock
