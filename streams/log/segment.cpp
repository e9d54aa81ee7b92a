#include "streams/log/segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "streams/log/file_names.hpp"

namespace penstock {
namespace {

constexpr std::size_t header_read_ahead = std::size_t{8} << 10;

std::int32_t relative(offset_t offset, offset_t base) {
  PENSTOCK_ASSERT(offset >= base && offset - base <= INT32_MAX, offset, base);
  return static_cast<std::int32_t>(offset - base);
}

}  // namespace

void index_builder::see(const batch_header& batch, offset_t segment_base) {
  if (to_millis(batch.max_time) > max_.time) {
    max_ = {to_millis(batch.max_time), relative(batch.last_offset, segment_base)};
  }
}

index_builder::outcome index_builder::add(const batch_header& batch, offset_t segment_base,
                                          std::uint32_t interval_bytes) {
  outcome made;
  see(batch, segment_base);
  if (bytes_since_entry_ > interval_bytes) {
    made.offset = offset_entry{relative(batch.last_offset, segment_base),
                               static_cast<std::int32_t>(batch.position)};
    made.time = finish();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.size;
  return made;
}

std::optional<time_entry> index_builder::finish() {
  if (max_.time <= last_indexed_time_) return std::nullopt;
  last_indexed_time_ = max_.time;
  return max_;
}

void index_builder::resume(std::optional<time_entry> last, std::uint64_t bytes_since_entry) {
  *this = {};
  bytes_since_entry_ = bytes_since_entry;
  if (!last) return;
  max_ = *last;
  last_indexed_time_ = last->time;
}

void rebuilt_indexes::add(const batch_header& batch, offset_t segment_base,
                          std::uint32_t interval_bytes) {
  index_builder::outcome made = builder.add(batch, segment_base, interval_bytes);
  if (made.offset) offsets.push_back(*made.offset);
  if (made.time) times.push_back(*made.time);
}

segment::segment(disk& on, std::string folder, offset_t base, std::uint64_t size)
    : disk_(&on),
      folder_(std::move(folder)),
      base_(base),
      size_(size),
      tail_known_(size == 0),
      offsets_(on, folder_ + "/" + file_names::of(base, file_names::offset_index)),
      times_(on, folder_ + "/" + file_names::of(base, file_names::time_index)) {}

std::string segment::path() const {
  return folder_ + "/" + file_names::of(base_, file_names::log);
}

error segment::damage_at(std::uint64_t position, const std::string& what) const {
  return error{errc::corrupt, fmt::format("{} is damaged at byte {}: {}", path(), position, what)};
}

result<void> segment::create() {
  PENSTOCK_ASSERT(size_ == 0, size_);
  PENSTOCK_TRY(disk_->remove(offsets_.path()));
  PENSTOCK_TRY(disk_->remove(times_.path()));
  PENSTOCK_TRY(disk_->remove(folder_ + "/" + file_names::of(base_, file_names::transactions)));
  PENSTOCK_ASSIGN(file_, disk_->open(path(), open_mode::create));
  writable_ = true;
  return file_->truncate(0);
}

result<std::shared_ptr<file>> segment::open_log(bool write) {
  if (!file_ || (write && !writable_)) {
    PENSTOCK_ASSIGN(file_, disk_->open(path(), write ? open_mode::read_write : open_mode::read));
    writable_ = write;
  }
  return file_;
}

result<void> segment::append(std::span<const bytes_view> pieces,
                             std::span<const batch_header> headers, std::uint32_t interval_bytes,
                             bool& broken) {
  PENSTOCK_TRY(load_tail());
  PENSTOCK_ASSIGN(auto log, open_log(true));
  auto at = size_;
  result<void> written;
  for (auto piece = pieces.begin(); written && piece != pieces.end(); ++piece) {
    written = log->write_at(at, *piece);
    at += piece->size();
  }
  if (!written) {
    // What was refused must not come back: after a power loss the write without the truncation
    // would be a record.
    broken = !log->truncate(size_) || !log->sync();
    return written;
  }
  if (size_ == 0) first_time_ = headers.front().max_time;
  const auto begin = std::exchange(size_, at);
  for (batch_header header : headers) {
    header.position += begin;
    index_builder::outcome made = builder_.add(header, base_, interval_bytes);
    // An index that cannot be written stays in memory and is tried again: the records are in.
    if (made.offset) (void)offsets_.push(*made.offset).has_value();
    if (made.time) (void)times_.push(*made.time).has_value();
  }
  return {};
}

result<std::size_t> segment::read_at(std::uint64_t position, char* to, std::size_t length) {
  if (position >= size_) return std::size_t{0};
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, size_ - position));
  PENSTOCK_ASSIGN(auto log, open_log(false));
  PENSTOCK_ASSIGN(std::size_t got, log->read_at(position, to, length));
  if (got < length) return damage_at(position + got, "the file is shorter than it was");
  return got;
}

/// A position at or before the first batch that ends at or behind `offset`.
result<std::uint64_t> segment::start_for(offset_t offset) {
  if (offset <= base_) return std::uint64_t{0};
  const std::int64_t wanted = offset - base_;
  auto found = offsets_.last_that([&](const offset_entry& e) { return e.relative <= wanted; });
  if (!found && found.error() != errc::corrupt) return std::move(found).error();
  if (found && !*found) return std::uint64_t{0};
  if (found) {
    auto position = static_cast<std::uint64_t>(std::max((*found)->position, 0));
    PENSTOCK_ASSIGN(auto log, open_log(false));
    batch_walker walker{*log, std::min(position, size_), size_, batch_header_bytes};
    batch_header header;
    PENSTOCK_ASSIGN(found_at what, walker.next_header(header));
    if (what == found_at::batch && header.last_offset == base_ + (*found)->relative) {
      return position;
    }
  }
  // An index that does not fit its log is not believed.
  PENSTOCK_TRY(rebuild());
  return std::uint64_t{0};
}

result<std::optional<batch_header>> segment::find(offset_t offset) {
  PENSTOCK_ASSIGN(std::uint64_t start, start_for(offset));
  PENSTOCK_ASSIGN(auto log, open_log(false));
  batch_walker walker{*log, start, size_, header_read_ahead};
  batch_header header;
  while (true) {
    PENSTOCK_ASSIGN(found_at what, walker.next_header(header));
    if (what == found_at::end) return std::optional<batch_header>{};
    if (what != found_at::batch) return damage_at(walker.position(), walker.reason());
    if (header.last_offset >= offset) return std::optional{header};
  }
}

result<std::optional<batch_header>> segment::find_time(timestamp time, offset_t from) {
  const std::int64_t wanted = to_millis(time);
  auto older = times_.last_that([&](const time_entry& e) { return e.time < wanted; });
  if (!older && older.error() != errc::corrupt) return std::move(older).error();
  if (!older) {
    PENSTOCK_TRY(rebuild());
  }
  // Everything up to the entry's batch is older than wanted.
  if (older && *older) from = std::max(from, base_ + (*older)->relative + 1);
  PENSTOCK_ASSIGN(std::uint64_t start, start_for(from));
  PENSTOCK_ASSIGN(auto log, open_log(false));
  batch_walker walker{*log, start, size_, header_read_ahead};
  batch_header header;
  while (true) {
    PENSTOCK_ASSIGN(found_at what, walker.next_header(header));
    if (what == found_at::end) return std::optional<batch_header>{};
    if (what != found_at::batch) return damage_at(walker.position(), walker.reason());
    if (header.last_offset >= from && header.max_time >= time) return std::optional{header};
  }
}

result<timestamp> segment::max_time() {
  PENSTOCK_TRY(load_tail());
  return builder_.max_time();
}

result<std::optional<timestamp>> segment::first_time() {
  if (!first_time_ && size_ > 0) {
    PENSTOCK_ASSIGN(auto found, find(base_));
    if (found) first_time_ = found->max_time;
  }
  return first_time_;
}

/// Learns the largest timestamp and the distance to the last index entry from the indexes and the
/// batches behind their last entries.
result<void> segment::load_tail() {
  if (tail_known_) return {};
  auto last_offset = offsets_.last();
  auto last_time = times_.last();
  for (const auto* failed :
       {last_offset ? nullptr : &last_offset.error(), last_time ? nullptr : &last_time.error()}) {
    if (failed == nullptr) continue;
    if (failed->code() != errc::corrupt) return *failed;
    return rebuild();
  }
  std::uint64_t from = 0;
  // Without a time entry nothing is known of the batches before the last offset entry.
  if (*last_offset && *last_time) {
    from = static_cast<std::uint64_t>(std::max((*last_offset)->position, 0));
    if (from >= size_) return rebuild();
  }
  builder_.resume(*last_time, size_ - from);
  PENSTOCK_ASSIGN(auto log, open_log(false));
  batch_walker walker{*log, from, size_, header_read_ahead};
  batch_header header;
  while (true) {
    PENSTOCK_ASSIGN(found_at what, walker.next_header(header));
    if (what == found_at::end) break;
    if (what != found_at::batch) return damage_at(walker.position(), walker.reason());
    builder_.see(header, base_);
  }
  tail_known_ = true;
  return {};
}

result<void> segment::rebuild() {
  constexpr std::uint32_t interval_bytes = 4096;
  PENSTOCK_ASSIGN(auto log, open_log(false));
  batch_walker walker{*log, 0, size_};
  batch_header header;
  rebuilt_indexes indexes;
  while (true) {
    PENSTOCK_ASSIGN(found_at what, walker.next_header(header));
    if (what == found_at::end) break;
    if (what != found_at::batch) return damage_at(walker.position(), walker.reason());
    if (header.base_offset < base_) return damage_at(header.position, "an offset goes backwards");
    indexes.add(header, base_, interval_bytes);
  }
  return install(size_, std::move(indexes));
}

result<void> segment::install(std::uint64_t size, rebuilt_indexes indexes) {
  PENSTOCK_TRY(offsets_.restart());
  PENSTOCK_TRY(times_.restart());
  for (const offset_entry& entry : indexes.offsets) PENSTOCK_TRY(offsets_.push(entry));
  for (const time_entry& entry : indexes.times) PENSTOCK_TRY(times_.push(entry));
  if (size < size_) {
    PENSTOCK_ASSIGN(auto log, open_log(true));
    PENSTOCK_TRY(log->truncate(size));
  }
  size_ = size;
  builder_ = indexes.builder;
  tail_known_ = true;
  if (size == 0) first_time_.reset();
  return {};
}

result<void> segment::seal(bool sync_too) {
  PENSTOCK_TRY(load_tail());
  if (auto last = builder_.finish()) {
    PENSTOCK_TRY(times_.push(*last));
  }
  if (!sync_too) {
    PENSTOCK_TRY(offsets_.flush());
    return times_.flush();
  }
  PENSTOCK_TRY(offsets_.flush_and_sync());
  PENSTOCK_TRY(times_.flush_and_sync());
  return sync();
}

result<std::pair<std::size_t, std::size_t>> segment::index_entries() {
  PENSTOCK_ASSIGN(std::size_t offsets, offsets_.count());
  PENSTOCK_ASSIGN(std::size_t times, times_.count());
  return std::pair{offsets, times};
}

result<void> segment::sync() {
  PENSTOCK_ASSIGN(auto log, open_log(true));
  return log->sync();
}

result<void> segment::truncate(std::uint64_t position, offset_t next_offset) {
  PENSTOCK_ASSERT(position <= size_, position, size_);
  PENSTOCK_ASSIGN(std::size_t offsets_kept, offsets_.count_that([&](const offset_entry& e) {
    return e.position >= 0 && static_cast<std::uint64_t>(e.position) < position;
  }));
  PENSTOCK_ASSIGN(std::size_t times_kept, times_.count_that([&](const time_entry& e) {
    return base_ + e.relative < next_offset;
  }));
  PENSTOCK_TRY(offsets_.keep(offsets_kept));
  PENSTOCK_TRY(times_.keep(times_kept));
  PENSTOCK_ASSIGN(auto log, open_log(true));
  PENSTOCK_TRY(log->truncate(position));
  size_ = position;
  if (size_ == 0) first_time_.reset();
  tail_known_ = size_ == 0;
  builder_ = {};
  return load_tail();
}

result<void> segment::remove() {
  release();
  for (auto suffix : {file_names::offset_index, file_names::time_index, file_names::transactions,
                      file_names::producers, file_names::marks}) {
    PENSTOCK_TRY(disk_->remove(folder_ + "/" + file_names::of(base_, suffix)));
  }
  return disk_->remove(path());
}

void segment::release() {
  file_.reset();
  offsets_.release();
  times_.release();
}

}  // namespace penstock
