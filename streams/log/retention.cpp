// Deleting from the front and from the back of a log.
#include <fmt/format.h>

#include <algorithm>

#include "streams/log/file_names.hpp"
#include "streams/log/segmented_log.hpp"

namespace penstock {
namespace {

/// After this long without an append a log gives its cache and its open files back.
constexpr std::chrono::seconds idle_after{60};

}  // namespace

void segmented_log::forget_places() {
  for (reading_place& place : places_) place = {};
}

void segmented_log::release_idle() {
  if (clock_->monotonic() - last_append_ < idle_after) return;
  cache_.clear();
  mark_.release();
  for (auto& s : segments_) s->release();
}

result<std::uint64_t> segmented_log::apply_retention() {
  PENSTOCK_TRY(writable());
  release_idle();
  const timestamp now = clock_->now();
  producers_.expire(now);
  std::uint64_t left = size_bytes();
  std::size_t count = 0;
  for (; count < segments_.size(); ++count) {
    segment& oldest = *segments_[count];
    if (oldest.size() == 0 && count + 1 == segments_.size()) break;
    bool due = count + 1 < segments_.size() && end_of_segment(count) <= start_offset_;
    if (!due && settings_.cleanup_delete) {
      due = settings_.retention_bytes >= 0 &&
            left - oldest.size() >= static_cast<std::uint64_t>(settings_.retention_bytes);
      if (!due && settings_.retention >= duration::zero()) {
        PENSTOCK_ASSIGN(timestamp newest, oldest.max_time());
        due = newest != no_timestamp && newest < now - settings_.retention;
      }
    }
    if (!due) break;
    left -= oldest.size();
  }
  return remove_first_segments(count);
}

/// Removes whole segments; the start offset is on disk before the first file goes.
result<std::uint64_t> segmented_log::remove_first_segments(std::size_t count) {
  if (count == 0) return std::uint64_t{0};
  if (count == segments_.size()) {
    PENSTOCK_TRY(roll());
  }
  const offset_t start_before = start_offset_;
  const offset_t point_before = recovery_point_;
  start_offset_ = std::max(start_offset_, end_of_segment(count - 1));
  recovery_point_ = std::max(recovery_point_, segments_[count]->base());
  if (start_offset_ > start_before) {
    auto written = write_checkpoint();
    if (!written) {
      start_offset_ = start_before;
      recovery_point_ = point_before;
      return std::move(written).error();
    }
  }
  std::uint64_t freed = 0;
  for (; count > 0; --count) {
    PENSTOCK_TRY(segments_.front()->remove());
    freed += segments_.front()->size();
    std::erase(snapshots_, segments_.front()->base());
    segments_.pop_front();
  }
  aborted_.drop_before(segments_.front()->base());
  changed_ = true;
  forget_places();
  return freed;
}

result<offset_t> segmented_log::delete_before(offset_t offset) {
  PENSTOCK_TRY(writable());
  if (offset > end_offset_ || offset < 0) {
    return error{errc::offset_out_of_range,
                 fmt::format("cannot delete records before {} in {}, which ends at {}", offset,
                             folder_, end_offset_)};
  }
  if (offset <= start_offset_) return start_offset_;
  const offset_t before = std::exchange(start_offset_, offset);
  auto written = write_checkpoint();
  if (!written) {
    start_offset_ = before;
    return std::move(written).error();
  }
  changed_ = true;
  if (offset == end_offset_ && active().size() > 0) {
    PENSTOCK_TRY(roll());
  }
  std::size_t count = 0;
  while (count + 1 < segments_.size() && end_of_segment(count) <= start_offset_) ++count;
  PENSTOCK_ASSIGN([[maybe_unused]] std::uint64_t freed, remove_first_segments(count));
  return start_offset_;
}

result<void> segmented_log::truncate_to(offset_t offset) {
  PENSTOCK_TRY(writable());
  if (offset < start_offset_ || offset < 0) {
    return error{errc::offset_out_of_range,
                 fmt::format("cannot cut {} at offset {}, before its start {}", folder_, offset,
                             start_offset_)};
  }
  if (offset >= end_offset_) return {};
  const std::size_t index = segment_of(offset);
  segment& last = *segments_[index];
  PENSTOCK_ASSIGN(auto header, last.find(offset));
  const std::uint64_t position = header ? header->position : last.size();
  const offset_t new_end =
      std::max(header ? std::min(header->base_offset, offset) : offset, start_offset_);

  // From here on an interrupted truncation must be followed by a scan.
  recovery_point_ = std::min(recovery_point_, last.base());
  compacted_to_ = std::min(compacted_to_, new_end);
  gaps_to_ = std::min(gaps_to_, new_end);
  ++truncations_;
  changed_ = true;
  cache_.clear();
  forget_places();
  PENSTOCK_TRY(mark_.forget());
  PENSTOCK_TRY(write_checkpoint());  // syncs the folder as well
  while (segments_.size() > index + 1) {
    PENSTOCK_TRY(segments_.back()->remove());
    segments_.pop_back();
  }
  end_offset_ = new_end;
  ended_.clear();  // what is left is durable, or not acknowledged
  aborted_.drop_from(new_end);
  const std::string index_name = path_of(file_names::of(last.base(), file_names::transactions));
  PENSTOCK_ASSIGN(const bool indexed, disk_->exists(index_name));
  if (indexed) PENSTOCK_TRY(write_file(*disk_, index_name, encode(aborted_in(index))));
  PENSTOCK_TRY(last.truncate(position, new_end));
  PENSTOCK_TRY(trusted(last.sync()));
  // Brought back by a crash, a snapshot of what was cut would be taken for one of what follows.
  PENSTOCK_TRY(drop_snapshots_from(new_end + 1));
  PENSTOCK_TRY(disk_->sync_folder(folder_));
  synced_offset_ = std::min(synced_offset_, new_end);
  const bytes epochs_before = epochs_.encode();
  epochs_.truncate_to(new_end);
  if (epochs_.encode() != epochs_before) {
    PENSTOCK_TRY(write_epochs());
  }
  return rebuild_producers(new_end, nullptr);
}

}  // namespace penstock
