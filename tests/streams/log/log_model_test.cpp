// Random operations on a log and on a model of it that is too simple to be wrong, with crashes and
// faults in between. PENSTOCK_SEED is the first seed, PENSTOCK_RUNS how many, PENSTOCK_TRACE prints
// every operation.
#include <cstdlib>
#include <deque>
#include <map>
#include <set>

#include "streams/base/disk_simulated.hpp"
#include "streams/log/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scale.hpp"

namespace penstock {
namespace {

struct mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How often each thing happened, over all runs.
struct tally {
  std::map<std::string, std::uint64_t> counts;
  disk_faults faults;
  std::uint64_t operations = 0;
};

class model_run {
 public:
  model_run(std::uint64_t seed, tally& counted) : chance_(seed), tally_(counted) {
    settings_.segment_bytes = 200 + chance_.below(3000);
    settings_.index_interval_bytes = static_cast<std::uint32_t>(chance_.below(500));
    settings_.tail_cache_bytes = chance_.chance(1, 3)   ? 0u
                                 : chance_.chance(1, 2) ? 2048u
                                                        : 1u << 20;
    settings_.flush = static_cast<flush_policy>(chance_.below(3));
    settings_.segment_age = chance_.chance(1, 2) ? 0ms : 5000ms;
    settings_.cleanup_compact = chance_.chance(1, 3);
    settings_.cleanup_delete = !settings_.cleanup_compact || chance_.chance(1, 3);
    settings_.retention = chance_.chance(1, 2) ? duration{-1} : duration{60'000};
    settings_.retention_bytes = chance_.chance(2, 3) ? -1 : 4000;
    settings_.dirty_ratio_min = 0;
    settings_.tombstone_retention = 20s;
    settings_.drop_repeats = chance_.chance(1, 3);
    settings_.time_type =
        chance_.chance(1, 4) ? timestamp_type::log_append_time : timestamp_type::create_time;
    need(disk_.make_folder("/data"));
    need(disk_.sync_folder("/"));
  }

  void run() {
    open("first");
    const std::uint64_t operations = 100 + chance_.below(60);
    for (std::uint64_t i = 0; i < operations; ++i) {
      step();
      ++tally_.operations;
    }
    compare_all();
    close_and_open();
    const disk_faults& f = disk_.faults();
    tally_.faults.crashes += f.crashes;
    tally_.faults.lost_writes += f.lost_writes;
    tally_.faults.torn_writes += f.torn_writes;
    tally_.faults.lost_entries += f.lost_entries;
    tally_.faults.refused_full += f.refused_full;
    tally_.faults.failed_syncs += f.failed_syncs;
    tally_.faults.failed_reads += f.failed_reads;
    tally_.faults.failed_writes += f.failed_writes;
  }

 private:
  struct stored {
    record what;
    bool may_be_gone = false;  // compaction was free to remove it
  };
  struct batch_note {
    offset_t base, next;
    epoch_t epoch;
    std::int64_t producer = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t sequence = -1;
    std::optional<source_mark> mark;
    bool uncertain = false;  // whether the log knows it
  };

  void count(const std::string& what) {
    ++tally_.counts[what];
    static const bool trace = std::getenv("PENSTOCK_TRACE") != nullptr;
    if (!trace) return;
    std::printf("%s: model %lld to %lld, log %lld to %lld in %zu segments, synced to %lld\n",
                what.c_str(), static_cast<long long>(start_), static_cast<long long>(end_),
                log_ ? static_cast<long long>(log_->start_offset()) : -1,
                log_ ? static_cast<long long>(log_->end_offset()) : -1,
                log_ ? log_->segment_count() : 0,
                log_ ? static_cast<long long>(log_->synced_offset()) : -1);
    if (!history_.empty() && history_.back().mark) {
      std::printf("  %s %d %lld\n", history_.back().mark->task.c_str(), history_.back().mark->epoch,
                  static_cast<long long>(history_.back().mark->sequence));
    }
  }

  static void check(bool holds, const std::string& what) {
    if (!holds) throw mismatch{what};
  }
  template <class T>
  static void need(const result<T>& done) {
    if (!done) throw mismatch{done.error().to_string()};
  }

  // --- The operations -----------------------------------------------------------------------

  void step() {
    switch (chance_.below(24)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return append(plain_batches());
      case 6:
      case 7:
      case 8:
        return append_produced();
      case 9:
      case 10:
        return append_marked();
      case 11:
      case 12:
        return read_some();
      case 13:
      case 14:
        return sync(chance_.chance(1, 3));
      case 15:
        return retention();
      case 16:
        return compact();
      case 17:
        return delete_before();
      case 18:
        return truncate();
      case 19:
        return crash();
      case 20:
        return chance_.chance(1, 2) ? kill() : close_and_open();
      case 21:
        return fault();
      case 22:
        return find_time();
      default:
        clock_.advance(std::chrono::milliseconds(chance_.below(8000)));
        if (chance_.chance(1, 4)) epoch_ += static_cast<epoch_t>(chance_.below(3));
        return check_epochs();
    }
  }

  timestamp some_time() {
    if (chance_.chance(1, 20)) return no_timestamp;
    return clock_.now() - std::chrono::milliseconds(chance_.below(5000));
  }

  /// Adds records to a batch and to `records`.
  void fill(batch_builder& builder, std::vector<record>& records, std::size_t count,
            std::span<const header_view> headers = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      record r;
      r.time = some_time();
      if (settings_.cleanup_compact || chance_.chance(1, 2)) {
        r.key = "k" + std::to_string(chance_.below(8));
      }
      if (!settings_.cleanup_compact || chance_.chance(5, 6)) {
        r.value = std::to_string(unique_++) + std::string(chance_.below(60), 'v');
      }
      if (i == 0) {
        for (const header_view& h : headers) r.headers.push_back({bytes{h.name}, bytes{*h.value}});
      }
      // So large that it stays where it is when it may.
      if (r.value && chance_.chance(1, 50)) r.value->append(std::size_t{33} << 10, 'V');
      builder.add(r.time, r.key, r.value, i == 0 ? headers : std::span<const header_view>{});
      records.push_back(std::move(r));
    }
  }

  batch_options some_options() {
    batch_options options;
    options.compression = chance_.chance(1, 3) ? static_cast<codec>(chance_.below(5)) : codec::none;
    return options;
  }

  struct attempt {
    bytes batches;
    std::vector<std::vector<record>> records;  // of each batch
    std::vector<batch_note> notes;
  };

  attempt plain_batches() {
    attempt a;
    for (std::uint64_t n = 1 + chance_.below(chance_.chance(1, 4) ? 4 : 1); n > 0; --n) {
      batch_builder builder{some_options()};
      fill(builder, a.records.emplace_back(), 1 + chance_.below(4));
      a.batches += builder.finish();
      a.notes.push_back({});
    }
    return a;
  }

  /// Sometimes from memory that the log may keep: what it keeps too long is gone.
  result<append_result> append_now(const bytes& batches) {
    if (chance_.chance(1, 2)) return log_->append(batches, epoch_);
    const auto held = std::make_shared<const bytes>(batches);
    return log_->append(*held, epoch_, {held, held->size()});
  }

  void append(attempt a) {
    const offset_t base = log_->end_offset();
    check(base == end_, "the end offset is not the model's");
    auto done = append_now(a.batches);
    if (!done) return failed("append", done.error());
    count("append");
    check(!done->duplicate, "a new batch is taken for a duplicate");
    check(done->base_offset == base, "an append has another base offset");
    for (std::size_t i = 0; i < a.records.size(); ++i) {
      batch_note note = a.notes[i];
      note.base = end_;
      note.epoch = epoch_;
      for (record& r : a.records[i]) {
        r.offset = end_++;
        if (settings_.time_type == timestamp_type::log_append_time) r.time = clock_.now();
        records_.push_back({std::move(r), false});
      }
      note.next = end_;
      history_.push_back(std::move(note));
    }
    check(done->next_offset == end_, "an append ends elsewhere");
  }

  void append_produced() {
    const auto producer = static_cast<std::int64_t>(chance_.below(3));
    const std::vector<batch_note> before = batches_of(producer);
    if (std::any_of(before.begin(), before.end(), [](const auto& b) { return b.uncertain; }))
      return;
    const std::int16_t last_epoch = before.empty() ? std::int16_t{0} : before.back().producer_epoch;
    std::vector<batch_note> same_epoch;
    for (const batch_note& b : before) {
      if (b.producer_epoch == last_epoch) same_epoch.push_back(b);
    }
    batch_options options = some_options();
    options.producer_id = producer;
    options.producer_epoch = last_epoch;
    std::size_t size = 1 + chance_.below(3);
    std::optional<errc> refused;
    const batch_note* repeated = nullptr;
    options.base_sequence =
        same_epoch.empty()
            ? 0
            : same_epoch.back().sequence +
                  static_cast<std::int32_t>(same_epoch.back().next - same_epoch.back().base);
    switch (chance_.below(6)) {
      case 0:
        if (same_epoch.empty()) break;
        repeated = &same_epoch[same_epoch.size() - 1 -
                               chance_.below(std::min<std::size_t>(same_epoch.size(), 5))];
        options.base_sequence = repeated->sequence;
        size = static_cast<std::size_t>(repeated->next - repeated->base);
        break;
      case 1:
        if (same_epoch.empty()) break;
        options.base_sequence += 1 + static_cast<std::int32_t>(chance_.below(5));
        refused = errc::out_of_order_sequence;
        break;
      case 2:
        if (before.empty()) break;
        options.producer_epoch = static_cast<std::int16_t>(last_epoch + 1);
        options.base_sequence = 0;
        break;
      case 3:
        if (last_epoch == 0) break;
        options.producer_epoch = static_cast<std::int16_t>(last_epoch - 1);
        refused = errc::producer_fenced;
        break;
      default:
        break;
    }
    attempt a;
    batch_builder builder{options};
    fill(builder, a.records.emplace_back(), size);
    a.batches = builder.finish();
    batch_note& note = a.notes.emplace_back();
    note.producer = producer;
    note.producer_epoch = options.producer_epoch;
    note.sequence = options.base_sequence;
    if (repeated != nullptr) {
      auto done = append_now(a.batches);
      if (!done) return failed("repeat", done.error());
      count("repeat of a producer");
      check(done->duplicate, "a repeated batch is appended again");
      check(done->base_offset == repeated->base && done->next_offset == repeated->next,
            "a repeat has other offsets than the first");
    } else if (refused) {
      auto done = append_now(a.batches);
      check(!done && done.error() == *refused, "a batch out of sequence is not refused");
      count("refused sequence");
    } else {
      append(std::move(a));
    }
  }

  void append_marked() {
    const std::string task = "t" + std::to_string(chance_.below(2));
    if (is_uncertain(task)) return;
    auto last = last_mark(task);
    source_mark mark{task, last ? last->epoch : 0, last ? last->sequence : -1};
    const bool repeat = last && chance_.chance(1, 3);
    if (chance_.chance(1, 5)) ++mark.epoch;
    if (!repeat) mark.sequence += 1 + static_cast<std::int64_t>(chance_.below(4));
    const bytes value = encode(mark);
    std::vector<header_view> headers{{source_mark_header, value}};
    attempt a;
    batch_builder builder{some_options()};
    fill(builder, a.records.emplace_back(), 1 + chance_.below(3), headers);
    a.batches = builder.finish();
    a.notes.emplace_back().mark = mark;
    if (repeat && settings_.drop_repeats) {
      auto done = append_now(a.batches);
      if (!done) return failed("repeat", done.error());
      check(done->duplicate, "a repeat of a task is appended again");
      count("repeat of a task");
    } else {
      append(std::move(a));
    }
  }

  void sync(bool delayed) {
    if (delayed) {
      // The writer works while the log goes on.
      pending_ = what_is_unsynced();
      return;
    }
    auto pending = pending_ ? *std::exchange(pending_, std::nullopt) : what_is_unsynced();
    auto done = write_back(pending);
    if (!done) {
      log_->mark_sync_failed(done.error());
      check(!append_now(plain_batches().batches), "an append after a failed sync");
      count("failed sync");
      return chance_.chance(1, 2) ? crash() : kill();
    }
    log_->mark_synced(pending);
    count(pending.recovery_point > 0 ? "sync of closed segments" : "sync");
  }

  partition_log::pending_sync what_is_unsynced() {
    if (chance_.chance(1, 2)) return log_->unsynced();
    return log_->unsynced_segments();
  }

  result<void> write_back(const partition_log::pending_sync& pending) {
    for (const std::string& path : pending.files) {
      auto opened = disk_.open(path, open_mode::read_write);
      if (!opened && opened.error() == errc::not_found) continue;
      PENSTOCK_TRY(opened);
      PENSTOCK_TRY((*opened)->sync());
    }
    for (const std::string& folder : pending.folders) PENSTOCK_TRY(disk_.sync_folder(folder));
    return {};
  }

  void retention() {
    auto freed = log_->apply_retention();
    if (!freed) return failed("retention", freed.error());
    if (!settings_.cleanup_delete) check(log_->start_offset() <= start_, "records went unasked");
    moved_start();
    count("retention");
  }

  void compact() {
    if (settings_.cleanup_compact) {
      std::map<bytes, offset_t> latest;
      for (const stored& s : records_) latest[*s.what.key] = s.what.offset;
      for (stored& s : records_) {
        s.may_be_gone |= latest[*s.what.key] > s.what.offset || !s.what.value;
      }
      compacted_end_ = end_;
    }
    auto freed = log_->compact();
    if (!freed) return failed("compact", freed.error());
    if (*freed > 0) count("compaction");
  }

  void delete_before() {
    const offset_t to = start_ + static_cast<offset_t>(
                                     chance_.below(static_cast<std::uint64_t>(end_ - start_) + 1));
    // Nobody may delete what is not committed yet.
    if (to > log_->synced_offset()) {
      pending_.reset();
      sync(false);
    }
    auto moved = log_->delete_before(to);
    if (!moved) return failed("delete_before", moved.error());
    check(*moved == to && log_->start_offset() == to, "delete_before stopped elsewhere");
    moved_start();
    count("delete_before");
  }

  void truncate() {
    const offset_t lowest = std::max(start_, compacted_end_);
    if (end_ <= lowest) return;
    const offset_t to =
        end_ - static_cast<offset_t>(chance_.below(static_cast<std::uint64_t>(end_ - lowest) + 1));
    auto done = log_->truncate_to(to);
    if (!done) return failed("truncate", done.error());
    check(log_->end_offset() <= to, "truncate_to left records");
    for (const batch_note& b : history_) {
      if (b.next <= to)
        check(log_->end_offset() >= b.next,
              "truncate_to " + std::to_string(to) + " left " + std::to_string(log_->end_offset()));
    }
    adopt_end();
    count("truncate");
  }

  void read_some() {
    const offset_t from =
        start_ +
        static_cast<offset_t>(chance_.below(static_cast<std::uint64_t>(end_ - start_) + 1));
    compare_from(from, chance_.below(2000));
    check(log_->read(end_ + 1, 10, end_ + 1).error() == errc::offset_out_of_range,
          "beyond the end");
    if (start_ > 0) {
      check(log_->read(start_ - 1, 10, end_).error() == errc::offset_out_of_range,
            "before the start");
    }
    count("read");
  }

  void find_time() {
    if (compacted_end_ > 0) return;
    const timestamp wanted = some_time();
    const record* expected = nullptr;
    for (const stored& s : records_) {
      if (s.what.offset >= start_ && s.what.time >= wanted) {
        expected = &s.what;
        break;
      }
    }
    auto found = log_->find_time(wanted);
    if (!found) return failed("find_time", found.error());
    check(found->has_value() == (expected != nullptr), "find_time disagrees");
    if (expected == nullptr) return;
    check((*found)->offset == expected->offset && (*found)->time == expected->time,
          "find_time finds another record");
    count("find_time");
  }

  void fault() {
    switch (chance_.below(4)) {
      case 0:
        disk_.set_space_left(chance_.below(400));
        break;
      case 1:
        disk_.fail_writes(1);
        break;
      case 2:
        disk_.fail_syncs(1);
        break;
      default:
        disk_.fail_reads(1);
    }
    fault_is_set_ = true;
    for (int i = 0; i < 4; ++i) {
      switch (chance_.below(5)) {
        case 0:
          sync(false);
          break;
        case 1:
          compact();
          break;
        case 2:
          retention();
          break;
        default:
          append(plain_batches());
      }
    }
    clear_faults();
    compare_all();
  }

  void clear_faults() {
    disk_.set_space_left(std::nullopt);
    disk_.fail_writes(0);
    disk_.fail_syncs(0);
    disk_.fail_reads(0);
    fault_is_set_ = false;
  }

  /// An operation that may only fail when a fault was asked for; the log is as it was before.
  void failed(const char* what, const error& why) {
    check(fault_is_set_, std::string{what} + " failed: " + why.to_string());
    count(std::string{"refused "} + std::string{name_of(why.code())});
    moved_start();
    check(log_->end_offset() == end_ || std::string{what} == "truncate", "a failure left records");
    // What the partition does: a log that has failed is not even read any more.
    if (log_->failure()) {
      chance_.chance(1, 2) ? crash() : kill();
    }
  }

  // --- Ends and beginnings ------------------------------------------------------------------

  void open(const char* why) {
    recovery_report report;
    auto opened = partition_log::open(disk_, clock_, folder_, settings_, &report);
    if (!opened)
      throw mismatch{std::string{"opening after "} + why + ": " + opened.error().to_string()};
    log_ = *std::move(opened);
    pending_.reset();
    if (report.bytes_cut > 0) count("cut a torn end");
  }

  void kill() {
    clear_faults();
    log_.reset();
    open("kill");
    check(log_->end_offset() == end_, "a killed process lost records");
    check(log_->start_offset() == start_, "a killed process moved the start");
    compare_all();
    count("kill");
  }

  void crash() {
    clear_faults();
    const offset_t synced = log_->synced_offset();
    log_.reset();
    disk_.crash(chance_);
    open("crash");
    check(log_->end_offset() >= synced, "a crash lost records that were synced");
    check(log_->end_offset() <= std::max(end_, start_), "a crash made records");
    if (log_->end_offset() < end_) count("lost unsynced records");
    check(log_->start_offset() == start_, "a crash moved the start");
    adopt_end();
    // Deleted before they were synced: what they told of producers and tasks may be known or not.
    for (batch_note& b : history_) b.uncertain |= b.base >= synced && b.base < start_;
    compare_all();
    check_sound();
    count("crash");
  }

  void close_and_open() {
    auto closed = log_->close();
    if (!closed) throw mismatch{"close: " + closed.error().to_string()};
    log_.reset();
    check_sound();
    if (chance_.chance(1, 2)) disk_.crash(chance_);  // takes nothing from a closed log
    recovery_report report;
    log_ = *partition_log::open(disk_, clock_, folder_, settings_, &report);
    pending_.reset();
    check(report.clean || report.bytes_scanned == 0, "a closed log was scanned");
    check(log_->end_offset() == end_ && log_->start_offset() == start_, "closing moved an end");
    compare_all();
    count("close");
  }

  // --- The model ----------------------------------------------------------------------------

  void moved_start() {
    check(log_->start_offset() >= start_, "the start went back");
    start_ = log_->start_offset();
    while (!records_.empty() && records_.front().what.offset < start_) records_.pop_front();
  }

  void adopt_end() {
    end_ = log_->end_offset();
    while (!records_.empty() && records_.back().what.offset >= end_) records_.pop_back();
    // A batch goes as a whole, also one whose first records were deleted.
    while (!history_.empty() && history_.back().next > end_) history_.pop_back();
    check(records_.empty() || (!history_.empty() && history_.back().next == end_),
          "a batch is there in part");
    if (!history_.empty()) epoch_ = std::max(history_.back().epoch, log_->latest_epoch());
  }

  std::vector<batch_note> batches_of(std::int64_t producer) const {
    std::vector<batch_note> found;
    for (const batch_note& b : history_) {
      if (b.producer == producer) found.push_back(b);
    }
    return found;
  }

  bool is_uncertain(const std::string& task) const {
    return std::any_of(history_.begin(), history_.end(), [&](const batch_note& b) {
      return b.uncertain && b.mark && b.mark->task == task;
    });
  }

  std::optional<source_mark> last_mark(const std::string& task) const {
    std::optional<source_mark> last;
    for (const batch_note& b : history_) {
      if (!b.mark || b.mark->task != task) continue;
      if (!last) last = source_mark{task, 0, -1};
      last->epoch = std::max(last->epoch, b.mark->epoch);
      last->sequence = std::max(last->sequence, b.mark->sequence);
    }
    return last;
  }

  void check_epochs() {
    const epoch_t latest = history_.empty() ? 0 : history_.back().epoch;
    // An epoch may have begun whose first append failed.
    check(log_->latest_epoch() >= latest && log_->latest_epoch() <= epoch_,
          "the latest epoch is " + std::to_string(log_->latest_epoch()) + ", not " +
              std::to_string(latest));
    if (log_->latest_epoch() > latest) return;
    if (compacted_end_ > 0) return;
    for (epoch_t e = 0; e <= latest; ++e) {
      std::pair<epoch_t, offset_t> expected{latest, end_};
      if (e < latest) {
        epoch_t ended = 0;
        for (const batch_note& b : history_) {
          if (b.epoch > e) {
            expected = {ended, std::max(b.base, start_)};
            break;
          }
          ended = b.epoch;
        }
      }
      const auto found = log_->end_of_epoch(e);
      // The log may remember an epoch of which truncation left only records below its start.
      const bool remembers = start_ > 0 && found.first > expected.first && found.first <= e;
      check(found.second == expected.second && (found.first == expected.first || remembers),
            "an epoch ends elsewhere");
    }
  }

  static std::string text_of(const std::optional<source_mark>& mark) {
    if (!mark) return "missing";
    return "epoch " + std::to_string(mark->epoch) + " sequence " + std::to_string(mark->sequence);
  }

  void check_sound() {
    auto damages = verify_folder(disk_, folder_);
    need(damages);
    for (const damage& d : *damages) {
      throw mismatch{d.file + " at " + std::to_string(d.position) + ": " + d.what};
    }
  }

  void compare_all() {
    moved_start();
    compare_from(start_, 1 + chance_.below(1000));
    check_epochs();
    for (const char* task : {"t0", "t1"}) {
      if (settings_.drop_repeats && !is_uncertain(task)) {
        auto in_log = log_->last_from(task), in_model = last_mark(task);
        check(in_log == in_model, std::string{"the last mark of "} + task + " is " +
                                      text_of(in_log) + ", not " + text_of(in_model));
      }
    }
  }

  void compare_from(offset_t from, std::size_t bytes_max) {
    auto expected = records_.begin();
    while (expected != records_.end() && expected->what.offset < from) ++expected;
    batch_cursor cursor;
    offset_t next = from;
    while (next < end_) {
      auto got = log_->read(next, bytes_max, end_);
      if (!got && fault_is_set_) return;
      need(got);
      check(got->next_offset > next, "a read does not advance");
      bytes_view left = got->batches;
      while (!left.empty()) {
        auto batch = batch_view::parse(left);
        need(batch);
        need(batch->validate());
        left.remove_prefix(batch->size());
        need(cursor.open(*batch));
        record_view r;
        while (cursor.next(r).value()) {
          if (r.offset < from) continue;
          while (expected != records_.end() && expected->what.offset < r.offset &&
                 expected->may_be_gone) {
            ++expected;
          }
          check(expected != records_.end(), "a record too much");
          check(own(r) == expected->what, "another record at offset " + std::to_string(r.offset) +
                                              ", expected " +
                                              std::to_string(expected->what.offset));
          ++expected;
        }
      }
      next = got->next_offset;
    }
    while (expected != records_.end() && expected->may_be_gone) ++expected;
    check(expected == records_.end(),
          "records are missing at the end, from offset " +
              std::to_string(expected == records_.end() ? 0 : expected->what.offset) +
              ", read up to " + std::to_string(next) + " of " + std::to_string(end_));
  }

  random chance_;
  tally& tally_;
  simulated_disk disk_;
  manual_clock clock_;
  log_settings settings_;
  const std::string folder_ = "/data/topic-0";
  std::unique_ptr<partition_log> log_;
  std::optional<partition_log::pending_sync> pending_;
  bool fault_is_set_ = false;
  std::uint64_t unique_ = 0;
  epoch_t epoch_ = 0;

  std::deque<stored> records_;
  std::vector<batch_note> history_;  // every batch ever, but truncated ones
  offset_t start_ = 0;
  offset_t end_ = 0;
  offset_t compacted_end_ = 0;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("random operations and crashes leave a log that equals its model", "[log][slow]") {
  const std::uint64_t first = from_environment("PENSTOCK_SEED", 1);
  const std::uint64_t runs = from_environment("PENSTOCK_RUNS", test::scaled(10'000));
  tally counted;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    try {
      model_run{seed, counted}.run();
    } catch (const mismatch& m) {
      FAIL("seed " << seed << ": " << m.what() << "\nreplay it with\n  PENSTOCK_SEED=" << seed
                   << " PENSTOCK_RUNS=1 build/dev/bin/test_streams \"random operations and crashes "
                      "leave a log that equals its model\"");
    }
  }
  std::string summary;
  for (const auto& [what, times] : counted.counts) {
    summary += "  " + what + ": " + std::to_string(times) + "\n";
  }
  const disk_faults& f = counted.faults;
  std::printf(
      "%llu runs, %llu operations\n%s  faults: %llu crashes, %llu writes lost, %llu torn, %llu "
      "entries lost, %llu on a full disk, %llu syncs, %llu reads and %llu writes failed\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(counted.operations),
      summary.c_str(), static_cast<unsigned long long>(f.crashes),
      static_cast<unsigned long long>(f.lost_writes),
      static_cast<unsigned long long>(f.torn_writes),
      static_cast<unsigned long long>(f.lost_entries),
      static_cast<unsigned long long>(f.refused_full),
      static_cast<unsigned long long>(f.failed_syncs),
      static_cast<unsigned long long>(f.failed_reads),
      static_cast<unsigned long long>(f.failed_writes));
  CHECK(counted.operations >= 100 * runs);
}

}  // namespace penstock
