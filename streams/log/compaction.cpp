#include "streams/log/compaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "streams/base/crc32c.hpp"
#include "streams/log/checkpoint.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/segmented_log.hpp"
#include "streams/record/batch_layout.hpp"
#include "streams/record/transaction_marker.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t replacement_bytes_max = std::uint64_t{1} << 20;

/// What the keys of one pass may take; a log with more is compacted in several passes.
constexpr std::size_t key_bytes_max = std::size_t{128} << 20;
constexpr std::size_t key_overhead_bytes = 64;

constexpr std::size_t write_buffer_bytes = std::size_t{1} << 20;

std::string path_of(const std::string& folder, offset_t base, std::string_view suffix) {
  return folder + "/" + file_names::of(base, suffix);
}

}  // namespace

bytes encode(const replacement& planned) {
  bytes text = fmt::format("penstock-compaction 1\nempty {}\nfrom {}\n", planned.empty ? 1 : 0,
                           fmt::join(planned.from, " "));
  return text + fmt::format("crc {:08x}\n", crc32c(text));
}

result<replacement> decode_replacement(bytes_view text, const std::string& name) {
  replacement planned;
  std::istringstream in{bytes{text}};
  std::string word;
  int version = 0, empty = 0;
  in >> word >> version;
  if (in && word == "penstock-compaction" && version > 1 && ends_with_its_crc(text)) {
    return error{errc::unsupported_version,
                 fmt::format("{} has version {}; a newer Penstock wrote it", name, version)};
  }
  in >> word >> empty >> word;
  planned.empty = empty != 0;
  for (offset_t base = 0; in >> base;) planned.from.push_back(base);
  if (planned.from.empty() || encode(planned) != text) {
    return error{errc::corrupt, name + " is damaged: restore the folder from a copy"};
  }
  return planned;
}

result<void> finish_compaction(disk& on, const std::string& folder) {
  const std::string name = folder + "/" + std::string{file_names::compaction};
  auto text = read_file(on, name, replacement_bytes_max);
  if (!text) {
    return text.error() == errc::not_found ? result<void>{} : std::move(text).error();
  }
  PENSTOCK_ASSIGN(replacement planned, decode_replacement(*text, name));
  for (offset_t base : planned.from) {
    const bool replaced = base == planned.from.front() && !planned.empty;
    for (auto suffix : {file_names::offset_index, file_names::time_index, file_names::transactions,
                        file_names::log}) {
      const std::string final_name = path_of(folder, base, suffix);
      const std::string cleaned = final_name + std::string{file_names::cleaned};
      if (replaced) {
        PENSTOCK_ASSIGN(bool waiting, on.exists(cleaned));
        if (waiting) PENSTOCK_TRY(on.rename(cleaned, final_name));
      } else {
        PENSTOCK_TRY(on.remove(final_name));
      }
    }
  }
  PENSTOCK_TRY(on.sync_folder(folder));
  // Durably gone: carried out again later, it would remove segments of the same names.
  PENSTOCK_TRY(on.remove(name));
  return on.sync_folder(folder);
}

/// One pass over a log.
class log_compaction {
 public:
  explicit log_compaction(segmented_log& log) : log_(log), now_(log.clock_->now()) {}

  result<std::uint64_t> run();

 private:
  /// The segment that a group of old ones becomes.
  struct output {
    output(disk& on, const std::string& folder, offset_t base_offset)
        : base(base_offset),
          offsets(on, path_of(folder, base, file_names::offset_index) +
                          std::string{file_names::cleaned}),
          times(on,
                path_of(folder, base, file_names::time_index) + std::string{file_names::cleaned}) {}
    offset_t base;
    std::shared_ptr<file> log;
    bytes buffer;
    std::uint64_t written = 0;
    bool stamped = false;  // a marker has got its delete horizon
    index_builder builder;
    sparse_index<offset_entry> offsets;
    sparse_index<time_entry> times;
    std::uint64_t size() const { return written + buffer.size(); }
  };

  result<bool> worthwhile();
  result<void> map_keys();
  result<std::size_t> group_from(std::size_t first) const;
  result<std::uint64_t> rewrite(std::size_t first, std::size_t count);
  result<void> rewrite_batch(const batch_view& batch, output& to);
  bool keeps(const record_view& r, const batch_view& batch) const;
  bool aborted(const batch_view& batch) const;
  result<void> rewrite_marker(const batch_view& marker, output& to);
  result<void> write_transactions(std::size_t first, std::size_t count);
  result<void> put(bytes_view batch, output& to);
  result<void> flush(output& to);
  result<void> replace(std::size_t first, std::size_t count, const output& by);
  template <class F>
  result<void> walk(segment& in, F each);

  segmented_log& log_;
  timestamp now_;
  std::size_t cleanable_ = 0;  // segments before this index may be touched
  offset_t map_end_ = 0;       // the map knows all keys below it that are dirty
  absl::flat_hash_map<bytes, offset_t> latest_;
  absl::flat_hash_map<std::int64_t, std::vector<aborted_transaction>> aborted_;  // by producer
  absl::flat_hash_map<std::int64_t, bool> kept_;  // records of the transaction that goes on
  std::vector<offset_t> markers_gone_;
  batch_cursor cursor_;
};

result<std::uint64_t> segmented_log::compact() {
  PENSTOCK_TRY(writable());
  if (!settings_.cleanup_compact || segments_.size() < 2) return std::uint64_t{0};
  return log_compaction{*this}.run();
}

template <class F>
result<void> log_compaction::walk(segment& in, F each) {
  PENSTOCK_ASSIGN(auto log, in.open_log(false));
  batch_walker walker{*log, 0, in.size(), write_buffer_bytes};
  std::optional<batch_view> batch;
  while (true) {
    PENSTOCK_ASSIGN(found_at what, walker.next(batch));
    if (what == found_at::end) return {};
    auto sound =
        what == found_at::batch ? batch->check_crc() : result<void>{errc::corrupt, walker.reason()};
    if (!sound) {
      return error{errc::corrupt,
                   fmt::format("cannot compact {}: damaged before byte {}: {}", in.path(),
                               walker.position(), sound.error().message())};
    }
    PENSTOCK_ASSIGN(bool more, each(*batch));
    if (!more) return {};
  }
}

/// Whether enough of the closed segments is new since the last pass.
result<bool> log_compaction::worthwhile() {
  std::uint64_t dirty = 0, total = 0;
  // Whether the records of an open transaction count is not known yet.
  const offset_t stable = log_.producers_.first_open().value_or(log_.end_offset_);
  for (std::size_t i = 0; i + 1 < log_.segments_.size(); ++i) {
    segment& closed = *log_.segments_[i];
    if (log_.end_of_segment(i) > stable) break;
    if (log_.settings_.compaction_lag_min > duration::zero()) {
      PENSTOCK_ASSIGN(timestamp newest, closed.max_time());
      if (newest > now_ - log_.settings_.compaction_lag_min) break;
    }
    ++cleanable_;
    total += closed.size();
    if (log_.end_of_segment(i) > log_.compacted_to_) dirty += closed.size();
  }
  return dirty > 0 &&
         static_cast<double>(dirty) >= log_.settings_.dirty_ratio_min * static_cast<double>(total);
}

result<void> log_compaction::map_keys() {
  std::size_t key_bytes = 0;
  map_end_ = log_.compacted_to_;
  for (std::size_t i = log_.segment_of(log_.compacted_to_); i < cleanable_; ++i) {
    if (key_bytes > key_bytes_max) break;
    auto read_keys = [&](const batch_view& batch) -> result<bool> {
      if (batch.next_offset() <= log_.compacted_to_) return true;
      if (!batch.is_control() && !aborted(batch)) {
        PENSTOCK_TRY(cursor_.open(batch));
        record_view r;
        while (true) {
          PENSTOCK_ASSIGN(bool more, cursor_.next(r));
          if (!more) break;
          if (!r.key) continue;
          const absl::string_view key{r.key->data(), r.key->size()};
          if (auto known = latest_.find(key); known != latest_.end()) {
            known->second = r.offset;
          } else {
            latest_.emplace(*r.key, r.offset);
            key_bytes += r.key->size() + key_overhead_bytes;
          }
        }
      }
      map_end_ = batch.next_offset();
      return key_bytes <= key_bytes_max;
    };
    PENSTOCK_TRY(walk(*log_.segments_[i], read_keys));
    if (key_bytes <= key_bytes_max) map_end_ = std::max(map_end_, log_.end_of_segment(i));
  }
  return {};
}

result<std::uint64_t> log_compaction::run() {
  PENSTOCK_ASSIGN(bool worth_it, worthwhile());
  if (!worth_it) return std::uint64_t{0};
  for (const auto& each : log_.aborted_.all()) aborted_[each.producer_id].push_back(each);
  PENSTOCK_TRY(map_keys());
  // The batches from which producers could be rebuilt go, so the snapshot at the active segment
  // must be where recovery begins; with flush=none it is not yet.
  if (log_.recovery_point_ < log_.active().base()) {
    for (std::size_t i = 0; i + 1 < log_.segments_.size(); ++i) {
      if (log_.end_of_segment(i) <= log_.recovery_point_) continue;
      PENSTOCK_TRY(log_.trusted(log_.segments_[i]->seal(true)));
    }
    PENSTOCK_TRY(log_.sync_transaction_indexes());
    log_.recovery_point_ = log_.active().base();
  }
  // Before offsets go missing, recovery must know that they may.
  log_.gaps_to_ = std::max(log_.gaps_to_, map_end_);
  PENSTOCK_TRY(log_.write_checkpoint());
  log_.changed_ = true;
  std::uint64_t freed = 0;
  for (std::size_t first = 0; first < cleanable_ && log_.segments_[first]->base() < map_end_;) {
    PENSTOCK_ASSIGN(std::size_t count, group_from(first));
    const std::size_t before = log_.segments_.size();
    PENSTOCK_ASSIGN(std::uint64_t less, rewrite(first, count));
    freed += less;
    cleanable_ -= before - log_.segments_.size();
    if (before - log_.segments_.size() < count) ++first;  // else nothing is left of the group
  }
  log_.compacted_to_ = map_end_;
  PENSTOCK_TRY(log_.write_checkpoint());
  log_.cache_.clear();
  PENSTOCK_TRY(log_.drop_stale_snapshots());
  return freed;
}

/// As many segments as one new one can surely hold.
result<std::size_t> log_compaction::group_from(std::size_t first) const {
  const offset_t base = log_.segments_[first]->base();
  std::uint64_t size = 0;
  std::size_t count = 0;
  for (std::size_t i = first; i < cleanable_; ++i, ++count) {
    if (log_.segments_[i]->base() >= map_end_) break;
    size += log_.segments_[i]->size();
    const bool fits = size <= log_.settings_.segment_bytes &&
                      log_.end_of_segment(i) - base <= std::numeric_limits<std::int32_t>::max();
    if (count > 0 && !fits) break;
  }
  return count;
}

result<std::uint64_t> log_compaction::rewrite(std::size_t first, std::size_t count) {
  output made{*log_.disk_, log_.folder_, log_.segments_[first]->base()};
  const std::string name = path_of(log_.folder_, made.base, file_names::log);
  PENSTOCK_ASSIGN(made.log,
                  log_.disk_->open(name + std::string{file_names::cleaned}, open_mode::create));
  PENSTOCK_TRY(made.log->truncate(0));
  PENSTOCK_TRY(made.offsets.restart());
  PENSTOCK_TRY(made.times.restart());
  std::uint64_t before = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    before += log_.segments_[i]->size();
    auto copy = [&](const batch_view& batch) -> result<bool> {
      PENSTOCK_TRY(rewrite_batch(batch, made));
      return true;
    };
    PENSTOCK_TRY(walk(*log_.segments_[i], copy));
  }
  PENSTOCK_TRY(flush(made));
  if (auto last = made.builder.finish()) PENSTOCK_TRY(made.times.push(*last));
  PENSTOCK_TRY(made.offsets.flush_and_sync());
  PENSTOCK_TRY(made.times.flush_and_sync());
  PENSTOCK_TRY(made.log->sync());
  if (count == 1 && made.written == before && !made.stamped) {
    // Nothing to gain: the old files stay.
    for (const std::string& path :
         {name + std::string{file_names::cleaned}, made.offsets.path(), made.times.path()}) {
      PENSTOCK_TRY(log_.disk_->remove(path));
    }
    return std::uint64_t{0};
  }
  for (const offset_t at : std::exchange(markers_gone_, {})) log_.aborted_.drop_marked_at(at);
  PENSTOCK_TRY(write_transactions(first, count));
  PENSTOCK_TRY(log_.disk_->sync_folder(log_.folder_));
  PENSTOCK_TRY(replace(first, count, made));
  return before - std::min(before, made.written);
}

bool log_compaction::aborted(const batch_view& batch) const {
  if (!batch.is_transactional() || batch.is_control()) return false;
  const auto found = aborted_.find(batch.producer_id());
  return found != aborted_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const auto& each) { return each.covers(batch); });
}

/// The index beside the segment that a group becomes; written wherever there was one before.
result<void> log_compaction::write_transactions(std::size_t first, std::size_t count) {
  const auto entries = log_.aborted_.marked_in(log_.segments_[first]->base(),
                                               log_.end_of_segment(first + count - 1));
  const std::string name =
      path_of(log_.folder_, log_.segments_[first]->base(), file_names::transactions);
  PENSTOCK_ASSIGN(const bool there, log_.disk_->exists(name));
  if (entries.empty() && !there) return {};
  PENSTOCK_ASSIGN(auto index,
                  log_.disk_->open(name + std::string{file_names::cleaned}, open_mode::create));
  PENSTOCK_TRY(index->truncate(0));
  PENSTOCK_TRY(index->write_at(0, encode(entries)));
  return index->sync();
}

/// A marker goes when all records of its transaction have gone, and then delete.retention.ms later.
result<void> log_compaction::rewrite_marker(const batch_view& marker, output& to) {
  const bool needed = std::exchange(kept_[marker.producer_id()], false);
  if (needed || marker.base_offset() >= map_end_) return put(marker.data(), to);
  if (marker.delete_horizon()) {
    if (now_ < *marker.delete_horizon()) return put(marker.data(), to);
    markers_gone_.push_back(marker.base_offset());
    return {};
  }
  batch_options options;
  options.producer_id = marker.producer_id();
  options.producer_epoch = marker.producer_epoch();
  options.base_sequence = marker.base_sequence();
  options.time_type = marker.time_type();
  options.transactional = true;
  options.control = true;
  options.delete_horizon = now_ + log_.settings_.tombstone_retention;
  batch_builder builder{options};
  PENSTOCK_TRY(cursor_.open(marker));
  record_view r;
  PENSTOCK_ASSIGN([[maybe_unused]] const bool more, cursor_.next(r));
  builder.add(r.time, r.key, r.value);
  to.stamped = true;
  bytes rebuilt{builder.finish(marker.base_offset())};
  assign_offsets(rebuilt.data(), marker.base_offset(), marker.leader_epoch());
  return put(rebuilt, to);
}

bool log_compaction::keeps(const record_view& r, const batch_view& batch) const {
  if (r.offset < log_.start_offset_) return false;
  if (r.offset >= map_end_) return true;
  if (!r.key) return false;  // nothing can ever supersede it
  const absl::string_view key{r.key->data(), r.key->size()};
  if (auto found = latest_.find(key); found != latest_.end() && found->second > r.offset) {
    return false;
  }
  return r.value || !batch.delete_horizon() || now_ < *batch.delete_horizon();
}

/// Copies a batch, without the records that go.
result<void> log_compaction::rewrite_batch(const batch_view& batch, output& to) {
  if (marker_of(batch)) return rewrite_marker(batch, to);
  if (batch.is_control() || batch.base_offset() >= map_end_) {
    if (batch.is_transactional()) kept_[batch.producer_id()] = true;
    return put(batch.data(), to);
  }
  if (aborted(batch)) return {};
  PENSTOCK_TRY(cursor_.open(batch));
  record_view r;
  std::int32_t kept = 0;
  bool tombstones = false;
  while (true) {
    PENSTOCK_ASSIGN(bool more, cursor_.next(r));
    if (!more) break;
    if (!keeps(r, batch)) continue;
    ++kept;
    tombstones |= !r.value;
  }
  if (kept == 0) return {};
  if (batch.is_transactional()) kept_[batch.producer_id()] = true;
  const bool begins_horizon = tombstones && !batch.delete_horizon();
  if (kept == batch.record_count() && !begins_horizon) return put(batch.data(), to);

  batch_options options;
  options.compression = batch.compression();
  options.time_type = batch.time_type();
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  options.delete_horizon = batch.delete_horizon();
  if (begins_horizon) options.delete_horizon = now_ + log_.settings_.tombstone_retention;
  batch_builder builder{options};
  PENSTOCK_TRY(cursor_.open(batch));
  while (true) {
    PENSTOCK_ASSIGN(bool more, cursor_.next(r));
    if (!more) break;
    if (!keeps(r, batch)) continue;
    builder.add_at(static_cast<std::int32_t>(r.offset - batch.base_offset()), r.time, r.key,
                   r.value, headers_of(r));
  }
  bytes rebuilt{builder.finish(batch.base_offset())};
  // The batch goes on covering all its offsets and sequence numbers.
  store_be<std::int32_t>(rebuilt.data() + batch_layout::at_last_delta,
                         static_cast<std::int32_t>(batch.last_offset() - batch.base_offset()));
  batch_layout::renew_crc(rebuilt.data(), rebuilt.size());
  assign_offsets(rebuilt.data(), batch.base_offset(), batch.leader_epoch());
  return put(rebuilt, to);
}

result<void> log_compaction::put(bytes_view batch, output& to) {
  PENSTOCK_ASSIGN(batch_view view, batch_view::parse(batch));
  if (to.size() + batch.size() > std::numeric_limits<std::int32_t>::max()) {
    return error{errc::internal, "a compacted segment of " + log_.folder_ + " becomes too large"};
  }
  batch_header header{to.size(), batch.size(), view.base_offset(), view.last_offset(),
                      view.max_time()};
  index_builder::outcome entries =
      to.builder.add(header, to.base, log_.settings_.index_interval_bytes);
  if (entries.offset) PENSTOCK_TRY(to.offsets.push(*entries.offset));
  if (entries.time) PENSTOCK_TRY(to.times.push(*entries.time));
  to.buffer.append(batch);
  return to.buffer.size() >= write_buffer_bytes ? flush(to) : result<void>{};
}

result<void> log_compaction::flush(output& to) {
  PENSTOCK_TRY(to.log->write_at(to.written, to.buffer));
  to.written += to.buffer.size();
  to.buffer.clear();
  return {};
}

result<void> log_compaction::replace(std::size_t first, std::size_t count, const output& by) {
  replacement planned;
  planned.empty = by.written == 0;
  for (std::size_t i = first; i < first + count; ++i) {
    planned.from.push_back(log_.segments_[i]->base());
    log_.segments_[i]->release();
  }
  PENSTOCK_TRY(write_file(*log_.disk_, log_.path_of(file_names::compaction), encode(planned)));
  auto done = finish_compaction(*log_.disk_, log_.folder_);
  if (!done) {
    // Half way between old and new: the next opening goes on from there.
    log_.failed_ = error{errc::partition_offline,
                         "the log " + log_.folder_ + " could not finish a compaction: " +
                             done.error().message() + "; restart to repeat it"};
    return done;
  }
  auto at = log_.segments_.begin() + static_cast<std::ptrdiff_t>(first);
  log_.segments_.erase(at, at + static_cast<std::ptrdiff_t>(count));
  if (!planned.empty) {
    log_.segments_.insert(
        log_.segments_.begin() + static_cast<std::ptrdiff_t>(first),
        std::make_unique<segment>(*log_.disk_, log_.folder_, by.base, by.written));
  }
  // At once: the pass may fail in a later group, and readers must not go on in the middle of a file
  // that is another one now.
  log_.forget_places();
  return {};
}

}  // namespace penstock
