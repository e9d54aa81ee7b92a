#include "streams/log/segmented_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "streams/log/file_names.hpp"
#include "streams/log/sync_failure.hpp"
#include "streams/log/time_bounds.hpp"
#include "streams/record/batch_layout.hpp"

namespace penstock {
namespace {

/// Positions and relative offsets are 31 bits in Kafka's indexes.
constexpr std::uint64_t segment_bytes_most = std::numeric_limits<std::int32_t>::max();

/// Smaller batches are copied: that is cheaper than another write to the file.
constexpr std::size_t kept_batch_bytes_min = std::size_t{32} << 10;

}  // namespace

/// A batch that may be appended, and what is known of it.
struct segmented_log::accepted_batch {
  batch_view batch;
  batch_facts facts;
  std::optional<source_mark> mark;
  producer_verdict verdict;

  /// Whether it is stored as it came, but for offsets and epoch.
  bool stays_as_it_is() const {
    return !verdict.duplicate && batch.max_time() == facts.max_time &&
           batch.size() >= kept_batch_bytes_min;
  }
};

/// The batches of an append as they will be stored.
struct segmented_log::placed_batches {
  std::vector<bytes_view> pieces;  // all bytes, in order
  std::vector<batch_header> headers;
  bytes heads;  // of batches that stay where they are: their headers, with offsets and epoch
  offset_t next;

  void add(const accepted_batch& a, timestamp max_time) {
    const auto position = headers.empty() ? 0 : headers.back().position + headers.back().size;
    const offset_t last = next + a.batch.record_count() - 1;
    headers.push_back({position, a.batch.size(), next, last, max_time});
    next = last + 1;
  }
};

segmented_log::segmented_log(disk& on, const clock& time, std::string folder,
                             const log_settings& settings)
    : disk_(&on),
      clock_(&time),
      folder_(std::move(folder)),
      settings_(settings),
      mark_(on, folder_),
      cache_(settings.tail_cache_bytes) {}

result<std::unique_ptr<partition_log>> partition_log::open(disk& on, const clock& time,
                                                           const std::string& folder,
                                                           const log_settings& settings,
                                                           recovery_report* report) {
  recovery_report unread;
  auto log = std::make_unique<segmented_log>(on, time, folder, settings);
  PENSTOCK_TRY(log->recover(report != nullptr ? *report : unread));
  return std::unique_ptr<partition_log>{std::move(log)};
}

result<void> segmented_log::usable() const {
  if (closed_) return error{errc::closed, "the log " + folder_ + " is closed"};
  return {};
}

result<void> segmented_log::writable() const {
  PENSTOCK_TRY(usable());
  if (failed_) return failed_;
  return {};
}

std::string segmented_log::parent_folder() const {
  auto slash = folder_.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : folder_.substr(0, slash);
}

std::size_t segmented_log::segment_of(offset_t offset) const {
  auto above = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                [](offset_t wanted, const auto& s) { return wanted < s->base(); });
  return above == segments_.begin()
             ? 0
             : static_cast<std::size_t>(std::distance(segments_.begin(), above)) - 1;
}

offset_t segmented_log::end_of_segment(std::size_t index) const {
  return index + 1 < segments_.size() ? segments_[index + 1]->base() : end_offset_;
}

// --- Appending ------------------------------------------------------------------------------

result<segmented_log::accepted_batch> segmented_log::judge_one(const batch_view& batch) const {
  if (batch.size() > settings_.message_bytes_max) {
    return error{errc::record_too_large,
                 fmt::format("a batch of {} bytes is larger than max.message.bytes, {}",
                             batch.size(), settings_.message_bytes_max)};
  }
  PENSTOCK_TRY(batch.check_crc());
  // The checksum is right, so this is what was sent: sending it again would not help.
  auto inspected = batch.inspect();
  if (!inspected) return error{errc::invalid_argument, inspected.error().message()};
  const batch_facts facts = *inspected;
  if (batch.record_count() == 0 || !facts.contiguous) {
    return error{errc::invalid_argument,
                 fmt::format("a batch has {} records at {} offsets", batch.record_count(),
                             batch.last_offset() - batch.base_offset() + 1)};
  }
  // Offsets that a group commits in a transaction are not counted.
  const bool uncounted = batch.is_transactional() && batch.base_sequence() == no_sequence;
  if (batch.producer_id() >= 0 && !batch.is_control() &&
      ((batch.base_sequence() < 0 && !uncounted) || batch.producer_epoch() < 0)) {
    return error{errc::invalid_argument,
                 fmt::format("producer {} sends sequence number {} and epoch {}",
                             batch.producer_id(), batch.base_sequence(), batch.producer_epoch())};
  }
  if (settings_.cleanup_compact && facts.null_key && !batch.is_control()) {
    return error{errc::invalid_argument,
                 "a record without a key cannot be kept in a compacted topic: give it a key or "
                 "set cleanup.policy=delete"};
  }
  PENSTOCK_TRY(check_times(batch, facts, settings_, clock_->now()));
  if (batch.time_type() == timestamp_type::log_append_time) {
    return error{errc::invalid_argument, "a batch says that the log has stamped it already"};
  }
  accepted_batch accepted{batch, facts, {}, {}};
  if (settings_.drop_repeats && !batch.is_control()) {
    PENSTOCK_ASSIGN(accepted.mark, source_mark_of(batch));
  }
  return accepted;
}

/// Whether a batch is a repeat or out of order, by what `table` has seen.
result<producer_verdict> segmented_log::judge_sequence(const producer_table& table,
                                                       const accepted_batch& a) {
  PENSTOCK_ASSIGN(producer_verdict verdict, table.check(a.batch));
  if (a.mark && !verdict.duplicate) {
    PENSTOCK_ASSIGN(verdict, table.check(*a.mark));
  }
  return verdict;
}

/// Every batch of an append, or why the whole append is refused.
result<std::vector<segmented_log::accepted_batch>> segmented_log::judge(bytes_view batches) const {
  std::vector<accepted_batch> accepted;
  if (batches.empty()) return error{errc::invalid_argument, "an append without a batch"};
  while (!batches.empty()) {
    PENSTOCK_ASSIGN(batch_view batch, batch_view::parse(batches));
    batches.remove_prefix(batch.size());
    PENSTOCK_ASSIGN(accepted_batch next, judge_one(batch));
    accepted.push_back(std::move(next));
  }
  if (accepted.size() == 1) {
    PENSTOCK_ASSIGN(accepted.front().verdict, judge_sequence(producers_, accepted.front()));
    return accepted;
  }
  // A batch's sequence may go on from another batch of the same append: it is judged against a
  // table in which those before it are.
  producer_table table;
  bool sequences = false;
  for (const accepted_batch& a : accepted) {
    sequences |= a.batch.producer_id() >= 0 || a.mark.has_value();
    table.adopt(producers_, a.batch.producer_id());
    if (a.mark) table.adopt(producers_, a.mark->task);
  }
  if (!sequences) return accepted;
  offset_t offset = end_offset_;
  for (accepted_batch& a : accepted) {
    PENSTOCK_ASSIGN(a.verdict, judge_sequence(table, a));
    if (a.verdict.duplicate) continue;
    table.record_at(offset, a.batch, clock_->now());
    if (a.mark) table.record(*a.mark);
    offset += a.batch.record_count();
  }
  return accepted;
}

/// The batches as compression.type wants them stored; empty when they are that already.
result<bytes> segmented_log::in_own_compression(const std::vector<accepted_batch>& from) const {
  const auto differs = [&](const accepted_batch& a) {
    return settings_.compression && !a.batch.is_control() &&
           a.batch.compression() != *settings_.compression;
  };
  bytes out;
  if (std::none_of(from.begin(), from.end(), differs)) return out;
  for (const accepted_batch& a : from) {
    if (differs(a)) {
      PENSTOCK_ASSIGN(const bytes changed, recompress(a.batch, *settings_.compression));
      out += changed;
    } else {
      out += a.batch.data();
    }
  }
  return out;
}

/// One copy into the buffer that readers will share; the log's fields are set there.
segmented_log::placed_batches segmented_log::copy(const std::vector<accepted_batch>& from,
                                                  std::size_t size, epoch_t epoch,
                                                  std::optional<timestamp> stamp) {
  char* const room = cache_.reserve(size);
  char* at = room;
  placed_batches placed{{{room, size}}, {}, {}, end_offset_};
  for (const accepted_batch& a : from) {
    if (a.verdict.duplicate) continue;
    a.batch.data().copy(at, a.batch.size());
    assign_offsets(at, placed.next, epoch);
    if (stamp) {
      stamp_append_time(at, *stamp);
    } else if (a.batch.max_time() != a.facts.max_time) {
      correct_max_time(at, a.facts.max_time);
    }
    placed.add(a, stamp.value_or(a.facts.max_time));
    at += a.batch.size();
  }
  PENSTOCK_ASSERT(static_cast<std::size_t>(at - room) == size, size);
  return placed;
}

/// Only the headers are copied.
segmented_log::placed_batches segmented_log::keep(const std::vector<accepted_batch>& from,
                                                  epoch_t epoch) {
  placed_batches placed{{}, {}, bytes(from.size() * batch_header_bytes, '\0'), end_offset_};
  char* head = placed.heads.data();
  for (const accepted_batch& a : from) {
    a.batch.data().copy(head, batch_header_bytes);
    assign_offsets(head, placed.next, epoch);
    placed.pieces.emplace_back(head, batch_header_bytes);
    placed.pieces.push_back(a.batch.payload());
    placed.add(a, a.facts.max_time);
    head += batch_header_bytes;
  }
  return placed;
}

result<append_result> segmented_log::append(bytes_view batches, epoch_t leader_epoch,
                                            const kept_memory& kept) {
  PENSTOCK_TRY(writable());
  PENSTOCK_ASSIGN(std::vector<accepted_batch> accepted, judge(batches));
  PENSTOCK_ASSIGN(const bytes recompressed, in_own_compression(accepted));
  if (!recompressed.empty()) {
    PENSTOCK_ASSIGN(accepted, judge(recompressed));
  }
  const timestamp now = clock_->now();
  const bool stamp = settings_.time_type == timestamp_type::log_append_time;

  append_result appended;
  std::uint64_t size = 0;
  std::size_t offsets = 0;
  timestamp newest = no_timestamp;
  for (const accepted_batch& a : accepted) {
    if (a.verdict.duplicate) continue;
    size += a.batch.size();
    offsets += static_cast<std::size_t>(a.batch.record_count());
    newest = std::max(newest, stamp ? now : a.facts.max_time);
  }
  if (size == 0) {
    const producer_verdict& first = accepted.front().verdict;
    const bool known = first.base_offset >= 0;
    appended.duplicate = true;
    appended.base_offset = known ? first.base_offset : end_offset_;
    appended.next_offset = known ? accepted.back().verdict.next_offset : end_offset_;
    return appended;
  }
  if (size > segment_bytes_most) {
    return error{errc::record_too_large,
                 fmt::format("an append of {} bytes does not fit a segment", size)};
  }
  if (leader_epoch < epochs_.latest()) {
    return error{errc::invalid_argument,
                 fmt::format("leader epoch {} is older than epoch {} of the last record",
                             leader_epoch, epochs_.latest())};
  }
  PENSTOCK_TRY(roll_if_due(size, offsets, newest));
  if (epochs_.is_new(leader_epoch)) {
    PENSTOCK_TRY(begin_epoch(leader_epoch));
  }

  // What is kept is counted as its batches are: they must be most of it.
  const bool stay =
      kept.owner && size >= kept.bytes / 2 && recompressed.empty() && !stamp &&
      std::all_of(accepted.begin(), accepted.end(), [](auto& a) { return a.stays_as_it_is(); });
  auto placed = stay ? keep(accepted, leader_epoch)
                     : copy(accepted, static_cast<std::size_t>(size), leader_epoch,
                            stamp ? std::optional{now} : std::nullopt);

  bool broken = false;
  auto done =
      active().append(placed.pieces, placed.headers, settings_.index_interval_bytes, broken);
  if (!done) {
    if (broken) {
      // Appends before it that nobody has synced yet went with the sync that failed.
      note_sync_failure(*disk_, folder_);
      failed_ =
          error{errc::partition_offline,
                "the log " + folder_ + " could not undo a failed write: " + done.error().message()};
    }
    return std::move(done).error();
  }
  appended.base_offset = end_offset_;
  appended.next_offset = placed.next;
  if (stamp) appended.append_time = now;
  std::size_t index = 0;
  for (const accepted_batch& a : accepted) {
    if (a.verdict.duplicate) continue;
    const batch_header& header = placed.headers[index];
    if (stay) {
      cache_.keep(header.base_offset, header.last_offset + 1, placed.pieces[index * 2],
                  placed.pieces[index * 2 + 1], kept.owner);
    } else {
      cache_.commit(header.base_offset, header.last_offset + 1, a.batch.size());
    }
    ++index;
    if (auto ended = producers_.record_at(header.base_offset, a.batch, now)) note_ended(*ended);
    if (a.mark) producers_.record(*a.mark);
  }
  cache_.trim();
  end_offset_ = placed.next;
  bytes_appended_ += size;
  changed_ = true;
  last_append_ = clock_->monotonic();
  return appended;
}

result<void> segmented_log::roll_if_due(std::uint64_t bytes_more, std::size_t offsets_more,
                                        timestamp newest) {
  segment& last = active();
  if (last.size() == 0) return {};
  const std::uint64_t limit = std::min(settings_.segment_bytes, segment_bytes_most);
  bool due = last.size() + bytes_more > limit;
  due |= end_offset_ + static_cast<offset_t>(offsets_more) - last.base() >
         std::numeric_limits<std::int32_t>::max();
  if (!due && settings_.segment_age > duration::zero() && newest != no_timestamp) {
    PENSTOCK_ASSIGN(auto first, last.first_time());
    // Times come from outside; the difference of two of them may not fit.
    due = first && *first != no_timestamp && newest > *first &&
          static_cast<std::uint64_t>(to_millis(newest)) -
                  static_cast<std::uint64_t>(to_millis(*first)) >
              static_cast<std::uint64_t>(settings_.segment_age.count());
  }
  return due ? roll() : result<void>{};
}

result<void> segmented_log::trusted(result<void> synced) {
  if (!synced && synced.error() == errc::sync_failed) mark_sync_failed(synced.error());
  return synced;
}

// --- Transactions ---------------------------------------------------------------------------

/// The batch that ends the transaction is in the log. An index that cannot be written is made again
/// from the records, when the log is opened the next time.
void segmented_log::note_ended(const ended_transaction& ended) {
  const offset_t seen = settings_.flush == flush_policy::batch ? synced_offset_ : end_offset_;
  while (!ended_.empty() && ended_.front().last_offset < seen) ended_.pop_front();
  ended_.push_back(ended);
  if (ended.committed) return;
  const auto stable = producers_.first_open().value_or(ended.last_offset + 1);
  const offset_t base = active().base();
  const auto before = aborted_.marked_in(base, ended.last_offset).size();
  aborted_.add({ended.producer_id, ended.first_offset, ended.last_offset, stable});
  auto write = [&]() -> result<void> {
    PENSTOCK_ASSIGN(auto index, disk_->open(path_of(file_names::of(base, file_names::transactions)),
                                            open_mode::create));
    indexes_to_sync_.insert(base);
    return index->write_at(before * aborted_transaction::bytes_each,
                           encode({aborted_.all().back()}));
  };
  if (auto written = write(); !written && !failed_) {
    failed_ = error{errc::partition_offline, "the log " + folder_ +
                                                 " cannot note that a transaction was aborted: " +
                                                 written.error().message()};
  }
}

std::vector<aborted_transaction> segmented_log::aborted_in(std::size_t segment) const {
  const bool last = segment + 1 == segments_.size();
  return aborted_.marked_in(segments_[segment]->base(),
                            last ? std::numeric_limits<offset_t>::max() : end_of_segment(segment));
}

/// Before the recovery point moves up: segments below it are not scanned for markers.
result<void> segmented_log::sync_transaction_indexes() {
  for (const offset_t base : indexes_to_sync_) {
    const std::string path = path_of(file_names::of(base, file_names::transactions));
    PENSTOCK_ASSIGN(const bool there, disk_->exists(path));
    if (!there) continue;  // deleted with its segment
    PENSTOCK_ASSIGN(auto index, disk_->open(path, open_mode::read_write));
    PENSTOCK_TRY(trusted(index->sync()));
  }
  indexes_to_sync_.clear();
  return {};
}

offset_t segmented_log::last_stable_offset(offset_t high_watermark) {
  offset_t stable = std::min(high_watermark, producers_.first_open().value_or(high_watermark));
  while (!ended_.empty() && ended_.front().last_offset < high_watermark) ended_.pop_front();
  for (const ended_transaction& each : ended_) stable = std::min(stable, each.first_offset);
  return std::max(stable, std::min(start_offset_, high_watermark));
}

bool segmented_log::in_transaction(std::int64_t producer_id, std::int16_t epoch) const {
  const producer_entry* entry = producers_.find(producer_id);
  return entry != nullptr && entry->epoch == epoch && entry->transaction_start >= 0;
}

/// Begins a new segment. Unless nobody asked for syncs, everything before it is on disk first, and
/// the checkpoint says so: damage below the recovery point is never the mark of a crash.
result<void> segmented_log::roll() {
  const bool durable = settings_.flush != flush_policy::none;
  // Under another policy before, older segments may have been left unsynced.
  for (std::size_t i = durable ? segment_of(synced_offset_) : segments_.size() - 1;
       i < segments_.size(); ++i) {
    PENSTOCK_TRY(trusted(segments_[i]->seal(durable)));
  }
  if (durable) PENSTOCK_TRY(sync_transaction_indexes());
  producers_.expire(clock_->now());
  PENSTOCK_TRY(take_snapshot());
  if (durable) {
    recovery_point_ = end_offset_;
    PENSTOCK_TRY(write_checkpoint());  // syncs the folder as well
    synced_offset_ = end_offset_;
    mark_.raise(synced_offset_);
    bytes_synced_ = bytes_appended_;
    entries_synced_ = entries_made_;
  } else if (!checkpoint_exists_) {
    PENSTOCK_TRY(write_checkpoint());
  }
  auto next = std::make_unique<segment>(*disk_, folder_, end_offset_, 0);
  PENSTOCK_TRY(next->create());
  active().release();
  segments_.push_back(std::move(next));
  ++entries_made_;
  changed_ = true;
  return drop_stale_snapshots();
}

result<void> segmented_log::begin_epoch(epoch_t epoch) {
  leader_epochs before = epochs_;
  // A log of which Kafka or nobody wrote an epoch file is all of epoch 0 so far.
  if (epochs_.only_zero() && end_offset_ > start_offset_) epochs_.begin(0, start_offset_);
  epochs_.begin(epoch, end_offset_);
  auto written = write_epochs();
  if (!written) epochs_ = std::move(before);
  return written;
}

// --- Reading --------------------------------------------------------------------------------

/// What one read has so far.
struct segmented_log::reading {
  std::size_t bytes_max;
  offset_t limit;
  const batch_room& room;
  char* to = nullptr;
  read_extent got;
};

result<read_result> partition_log::read(offset_t from, std::size_t bytes_max, offset_t limit) {
  read_result got;
  PENSTOCK_ASSIGN(const auto extent, read_into(from, bytes_max, limit, [&](std::size_t size) {
                    got.batches.resize(size);
                    return got.batches.data();
                  }));
  got.batches.resize(extent.bytes);
  got.next_offset = extent.next_offset;
  return got;
}

result<read_extent> segmented_log::read_into(offset_t from, std::size_t bytes_max, offset_t limit,
                                             const batch_room& room) {
  PENSTOCK_TRY(usable());
  if (from < start_offset_ || from > end_offset_) {
    return error{errc::offset_out_of_range,
                 fmt::format("offset {} is not in {}, which has offsets {} to {}", from, folder_,
                             start_offset_, end_offset_)};
  }
  limit = std::min(limit, end_offset_);
  if (from >= limit) return read_extent{0, from};
  if (const auto cached = cache_.read(from, bytes_max, limit, room)) return *cached;
  reading to{bytes_max, limit, room, nullptr, {0, from}};
  for (std::size_t i = segment_of(from); i < segments_.size(); ++i) {
    PENSTOCK_ASSIGN(bool more, read_segment(i, to));
    if (!more) break;
  }
  // Behind the last batch of a compacted segment there may be no record before the limit.
  if (to.got.bytes == 0) to.got.next_offset = std::max(to.got.next_offset, limit);
  return to.got;
}

/// Adds batches of one segment. False when the reader has enough.
result<bool> segmented_log::read_segment(std::size_t index, reading& to) {
  segment& in = *segments_[index];
  if (in.base() >= to.limit) return false;
  if (in.size() == 0) return true;
  const offset_t from = to.got.next_offset;
  std::optional<std::uint64_t> position;
  for (const reading_place& place : places_) {
    if (place.next_offset == from && place.segment_base == in.base()) position = place.position;
  }
  if (!position) {
    PENSTOCK_ASSIGN(auto found, in.find(from));
    if (!found) return true;
    position = found->position;
  }
  const std::size_t before = to.got.bytes;
  const bool first = before == 0;
  std::size_t wanted = to.bytes_max > before ? to.bytes_max - before : 0;
  if (first) wanted = std::max(wanted, batch_header_bytes);
  if (wanted < batch_header_bytes) return false;
  std::size_t end = before;
  bool enough = false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (first) {
      std::uint64_t left = in.size() - *position;
      for (std::size_t i = index + 1; i < segments_.size() && left < wanted; ++i)
        left += segments_[i]->size();
      wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
      to.to = to.room(wanted);
    }
    const auto here =
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted, in.size() - *position));
    PENSTOCK_ASSIGN(const std::size_t there, in.read_at(*position, to.to + before, here));
    PENSTOCK_ASSERT(there == here, there, here);
    end = before;
    std::size_t missing = 0;
    while (end + batch_header_bytes <= before + here) {
      const char* batch = to.to + end;
      auto length = load_be<std::int32_t>(batch + batch_layout::at_length);
      auto base = load_be<std::int64_t>(batch + batch_layout::at_base_offset);
      auto size = static_cast<std::size_t>(std::max(length, 0)) + batch_layout::length_counts_from;
      auto last = base + std::max(load_be<std::int32_t>(batch + batch_layout::at_last_delta), 0);
      if (size < batch_header_bytes || batch[batch_layout::at_magic] != batch_layout::magic_v2 ||
          base < in.base() || last < to.got.next_offset || last >= end_of_segment(index) ||
          size > in.size() - *position - (end - before)) {
        return error{
            errc::corrupt,
            fmt::format("{} is damaged at byte {}: no record batch of these offsets is there",
                        in.path(), *position + (end - before))};
      }
      if (base >= to.limit) {
        enough = true;
        break;
      }
      if (end + size > before + here) {
        missing = size;
        break;
      }
      end += size;
      to.got.next_offset = last + 1;
    }
    if (end > before || !first || enough) break;
    // The first batch is given whole, whatever its size.
    if (missing == 0) break;
    wanted = missing;
  }
  to.got.bytes = end;
  const std::uint64_t behind = *position + (end - before);
  enough |= behind < in.size() || end >= to.bytes_max;
  if (behind < in.size()) {
    places_[place_used_++ % std::size(places_)] = {in.base(), to.got.next_offset, behind};
  }
  return !enough;
}

result<std::optional<partition_log::time_hit>> segmented_log::find_time(timestamp time) {
  PENSTOCK_TRY(usable());
  bytes whole;
  batch_cursor cursor;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    segment& in = *segments_[i];
    if (in.size() == 0 || end_of_segment(i) <= start_offset_) continue;
    PENSTOCK_ASSIGN(timestamp newest, in.max_time());
    if (newest < time) continue;
    offset_t from = std::max(start_offset_, in.base());
    while (true) {
      PENSTOCK_ASSIGN(auto header, in.find_time(time, from));
      if (!header) break;
      whole.resize(static_cast<std::size_t>(header->size));
      PENSTOCK_TRY(in.read_at(header->position, whole.data(), whole.size()));
      PENSTOCK_ASSIGN(batch_view batch, batch_view::parse(whole));
      PENSTOCK_TRY(cursor.open(batch));
      record_view r;
      while (true) {
        PENSTOCK_ASSIGN(bool more, cursor.next(r));
        if (!more) break;
        if (r.time >= time && r.offset >= start_offset_) {
          return std::optional{time_hit{r.offset, r.time}};
        }
      }
      from = header->last_offset + 1;  // its header promised a time that no record has
    }
  }
  return std::optional<time_hit>{};
}

std::uint64_t segmented_log::size_bytes() const {
  std::uint64_t size = 0;
  for (const auto& s : segments_) size += s->size();
  return size;
}

std::optional<source_mark> segmented_log::last_from(const std::string& task) const {
  return producers_.last_from(task);
}

std::pair<epoch_t, offset_t> segmented_log::end_of_epoch(epoch_t epoch) const {
  return epochs_.end_of(epoch, start_offset_, end_offset_);
}

void segmented_log::change_settings(const log_settings& settings) {
  settings_ = settings;
  cache_.change_limit(settings.tail_cache_bytes);
}

// --- Syncing --------------------------------------------------------------------------------

partition_log::pending_sync segmented_log::unsynced() const {
  pending_sync pending;
  pending.up_to = end_offset_;
  pending.bytes = bytes_appended_ - bytes_synced_;
  pending.appended = bytes_appended_;
  pending.entries = entries_made_;
  pending.truncations = truncations_;
  if (synced_offset_ < end_offset_) {
    for (std::size_t i = segment_of(synced_offset_); i < segments_.size(); ++i) {
      if (segments_[i]->size() > 0) pending.files.push_back(segments_[i]->path());
    }
  }
  name_unsynced_folders(pending);
  return pending;
}

partition_log::pending_sync segmented_log::unsynced_segments() const {
  pending_sync pending;
  const segment& open = *segments_.back();
  if (recovery_point_ >= open.base()) return pending;
  pending.up_to = open.base();
  pending.recovery_point = open.base();
  pending.appended = bytes_appended_ - std::min(bytes_appended_, open.size());
  pending.bytes = pending.appended - std::min(pending.appended, bytes_synced_);
  pending.entries = entries_made_;
  pending.truncations = truncations_;
  for (std::size_t i = segment_of(recovery_point_); i + 1 < segments_.size(); ++i) {
    for (const auto suffix : {file_names::log, file_names::offset_index, file_names::time_index,
                              file_names::transactions})
      pending.files.push_back(path_of(file_names::of(segments_[i]->base(), suffix)));
  }
  name_unsynced_folders(pending);
  return pending;
}

void segmented_log::name_unsynced_folders(pending_sync& pending) const {
  if (entries_made_ == entries_synced_) return;
  if (folder_is_new_) pending.folders.push_back(parent_folder());
  pending.folders.push_back(folder_);
}

void segmented_log::mark_synced(const pending_sync& done) {
  // A sync that succeeds behind one that failed may have found nothing to do.
  if (failed_) return;
  // What was truncated and written anew in between is not what was synced.
  if (done.truncations != truncations_) return;
  PENSTOCK_ASSERT(done.up_to <= end_offset_, done.up_to, end_offset_);
  synced_offset_ = std::max(synced_offset_, done.up_to);
  mark_.raise(synced_offset_);
  bytes_synced_ = std::max(bytes_synced_, done.appended);
  entries_synced_ = std::max(entries_synced_, done.entries);
  if (entries_synced_ == entries_made_) folder_is_new_ = false;
  if (done.recovery_point <= recovery_point_) return;
  const offset_t point_before = std::exchange(recovery_point_, done.recovery_point);
  if (!write_checkpoint()) recovery_point_ = point_before;
}

void segmented_log::mark_sync_failed(const error& why) {
  if (failed_) return;
  note_sync_failure(*disk_, folder_);
  failed_ =
      error{errc::sync_failed, "the log " + folder_ +
                                   " takes no more records since a sync failed: " + why.message() +
                                   "; check the disk, then restart"};
}

result<void> segmented_log::close() {
  PENSTOCK_TRY(usable());
  if (failed_) {
    closed_ = true;
    return failed_;
  }
  if (changed_) {
    for (std::size_t i = segment_of(recovery_point_); i < segments_.size(); ++i) {
      PENSTOCK_TRY(trusted(segments_[i]->seal(true)));
    }
    PENSTOCK_TRY(sync_transaction_indexes());
    PENSTOCK_TRY(disk_->sync_folder(folder_));
    producers_.expire(clock_->now());
    if (!producers_.empty()) {
      PENSTOCK_TRY(take_snapshot());
    }
    recovery_point_ = std::max(recovery_point_, active().base());
    PENSTOCK_ASSIGN(auto entries, active().index_entries());
    clean_shutdown clean{active().base(), active().size(), entries.first,
                         entries.second,  end_offset_,     !producers_.empty()};
    PENSTOCK_TRY(write_checkpoint(clean));
    PENSTOCK_TRY(drop_stale_snapshots());
    synced_offset_ = end_offset_;
    mark_.raise(synced_offset_);
  }
  mark_.release();
  cache_.clear();
  for (auto& s : segments_) s->release();
  closed_ = true;
  return {};
}

// --- Beside the segments --------------------------------------------------------------------

log_checkpoint segmented_log::checkpoint_now() const {
  log_checkpoint now;
  now.recovery_point = recovery_point_;
  now.start_offset = start_offset_;
  now.compacted_to = compacted_to_;
  now.gaps_to = gaps_to_;
  return now;
}

result<void> segmented_log::write_checkpoint(const std::optional<clean_shutdown>& clean) {
  log_checkpoint now = checkpoint_now();
  now.clean = clean;
  if (folder_is_new_) {
    PENSTOCK_TRY(disk_->sync_folder(parent_folder()));
    folder_is_new_ = false;
  }
  PENSTOCK_TRY(write_file(*disk_, path_of(file_names::checkpoint), encode(now)));
  checkpoint_exists_ = true;
  return {};
}

result<void> segmented_log::write_epochs() {
  return write_file(*disk_, path_of(file_names::epochs), epochs_.encode());
}

/// What is known of producers and tasks at the end of the log. The marks first: a snapshot without
/// its marks would forget tasks.
result<void> segmented_log::take_snapshot() {
  const std::string marks = path_of(file_names::of(end_offset_, file_names::marks));
  const bytes extras = producers_.encode_extras();
  if (extras.empty()) {
    PENSTOCK_TRY(disk_->remove(marks));
  } else {
    PENSTOCK_TRY(write_file(*disk_, marks, extras));
  }
  PENSTOCK_TRY(write_file(*disk_, path_of(file_names::of(end_offset_, file_names::producers)),
                          producers_.encode_producers()));
  if (snapshots_.empty() || snapshots_.back() < end_offset_) snapshots_.push_back(end_offset_);
  return {};
}

result<void> segmented_log::drop_snapshots_from(offset_t offset) {
  while (!snapshots_.empty() && snapshots_.back() >= offset) {
    PENSTOCK_TRY(disk_->remove(path_of(file_names::of(snapshots_.back(), file_names::producers))));
    PENSTOCK_TRY(disk_->remove(path_of(file_names::of(snapshots_.back(), file_names::marks))));
    snapshots_.pop_back();
  }
  return {};
}

/// Snapshots are kept at the start of each segment, for truncation, and at the end of the log.
result<void> segmented_log::drop_stale_snapshots() {
  if (snapshots_.empty()) return {};
  std::vector<offset_t> kept;
  for (offset_t offset : snapshots_) {
    const bool at_segment = std::any_of(segments_.begin(), segments_.end(),
                                        [&](const auto& s) { return s->base() == offset; });
    if (at_segment || offset == snapshots_.back()) {
      kept.push_back(offset);
      continue;
    }
    PENSTOCK_TRY(disk_->remove(path_of(file_names::of(offset, file_names::producers))));
    PENSTOCK_TRY(disk_->remove(path_of(file_names::of(offset, file_names::marks))));
  }
  snapshots_ = std::move(kept);
  return {};
}

}  // namespace penstock
