// Looks at every byte of a folder and changes none.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "streams/log/batch_walker.hpp"
#include "streams/log/checkpoint.hpp"
#include "streams/log/compaction.hpp"
#include "streams/log/durable_mark.hpp"
#include "streams/log/epochs.hpp"
#include "streams/log/file_names.hpp"
#include "streams/log/log.hpp"
#include "streams/log/producers.hpp"
#include "streams/log/sparse_index.hpp"
#include "streams/log/transactions.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t small_file_bytes_max = std::uint64_t{256} << 20;
constexpr std::uint64_t index_bytes_max = std::uint64_t{1} << 30;
constexpr std::size_t verify_read_ahead = std::size_t{1} << 20;

class folder_check {
 public:
  folder_check(disk& on, std::string folder) : disk_(on), folder_(std::move(folder)) {}

  result<std::vector<damage>> run();

 private:
  struct batch_place {
    std::uint64_t position;
    offset_t last_offset;
    std::int64_t max_time;
  };

  void found(std::string_view name, std::uint64_t position, std::string what, bool torn = false) {
    damages_.push_back({folder_ + "/" + std::string{name}, position, std::move(what), torn});
  }
  result<void> check_small_files();
  result<void> check_segment(offset_t base, bool is_last);
  std::string mismatch(const batch_view& batch) const;
  bool is_gap(offset_t base) const { return base > expected_ && base > gaps_until_; }
  result<std::optional<std::uint64_t>> sound_after(file& log, std::uint64_t position,
                                                   std::uint64_t size, offset_t base);
  result<void> check_offset_index(offset_t base, const std::vector<batch_place>& batches);
  result<void> check_time_index(offset_t base, const std::vector<batch_place>& batches);
  result<void> check_transactions(offset_t base, const std::vector<batch_place>& batches);
  result<std::optional<bytes>> read_if_there(const std::string& name, std::uint64_t limit);

  disk& disk_;
  std::string folder_;
  std::vector<std::string> names_;
  std::vector<damage> damages_;
  std::optional<leader_epochs> epochs_;
  offset_t gaps_until_ = 0;
  offset_t durable_ = 0;  // what lies below it was synced: no crash explains damage there
  offset_t expected_ = 0;
  std::uint64_t last_bytes_ = 0;  // of the segment looked at last
};

result<std::optional<bytes>> folder_check::read_if_there(const std::string& name,
                                                         std::uint64_t limit) {
  auto text = read_file(disk_, folder_ + "/" + name, limit);
  if (text) return std::optional{*std::move(text)};
  if (text.error() == errc::not_found) return std::optional<bytes>{};
  return std::move(text).error();
}

result<std::vector<damage>> folder_check::run() {
  PENSTOCK_ASSIGN(names_, disk_.list(folder_));
  PENSTOCK_TRY(check_small_files());
  std::vector<offset_t> bases;
  for (const std::string& name : names_) {
    if (auto base = file_names::offset_in(name, file_names::log)) bases.push_back(*base);
  }
  for (std::size_t i = 0; i < bases.size(); ++i) {
    if (i == 0 && bases[0] > gaps_until_) {
      found(file_names::of(bases[0], file_names::log), 0,
            fmt::format("the first segment begins at offset {}, and there is no file for the "
                        "offsets {} to {}",
                        bases[0], gaps_until_, bases[0] - 1));
    }
    if (i > 0 && (bases[i] < expected_ || is_gap(bases[i]))) {
      found(file_names::of(bases[i], file_names::log), 0,
            fmt::format("the segment begins at offset {}, the one before it ends at {}", bases[i],
                        expected_));
    }
    expected_ = bases[i];
    PENSTOCK_TRY(check_segment(bases[i], i + 1 == bases.size()));
  }
  // Said already where the last segment ends in damage.
  const auto said = [&](const damage& each) {
    return each.file.ends_with(file_names::log) && !bases.empty() &&
           each.file == folder_ + "/" + file_names::of(bases.back(), file_names::log);
  };
  if (expected_ < durable_ && durable_ > gaps_until_ &&
      std::none_of(damages_.begin(), damages_.end(), said)) {
    const std::string name =
        bases.empty() ? "" : "/" + file_names::of(bases.back(), file_names::log);
    // First: what indexes say of records that are gone is the lesser part.
    damages_.insert(damages_.begin(), {folder_ + name, last_bytes_,
                                       fmt::format("the log ends at offset {}, but was on disk up "
                                                   "to {}",
                                                   expected_, durable_)});
  }
  return std::move(damages_);
}

result<void> folder_check::check_small_files() {
  const std::string checkpoint_name{file_names::checkpoint};
  auto checkpoint = read_checkpoint(disk_, folder_);
  if (!checkpoint) {
    found(checkpoint_name, 0, checkpoint.error().message());
    gaps_until_ = std::numeric_limits<offset_t>::max();
  } else if (*checkpoint) {
    gaps_until_ = std::max((*checkpoint)->gaps_to, (*checkpoint)->start_offset);
    durable_ = (*checkpoint)->recovery_point;
    if ((*checkpoint)->clean) durable_ = std::max(durable_, (*checkpoint)->clean->end_offset);
  } else if (std::count(names_.begin(), names_.end(), file_names::partition_metadata) > 0) {
    gaps_until_ = std::numeric_limits<offset_t>::max();  // Kafka's, perhaps compacted
  }
  PENSTOCK_ASSIGN(offset_t synced, durable_mark(disk_, folder_).read());
  durable_ = std::max(durable_, synced);
  if (checkpoint && *checkpoint && durable_ <= (*checkpoint)->start_offset) durable_ = 0;
  PENSTOCK_ASSIGN(auto epochs,
                  read_if_there(std::string{file_names::epochs}, small_file_bytes_max));
  auto decoded = leader_epochs::decode(epochs.value_or("0\n0\n"), std::string{file_names::epochs});
  if (decoded) {
    epochs_ = *std::move(decoded);
  } else {
    found(file_names::epochs, 0, decoded.error().message());
  }
  PENSTOCK_ASSIGN(auto planned,
                  read_if_there(std::string{file_names::compaction}, small_file_bytes_max));
  if (planned) {
    auto understood = decode_replacement(*planned, std::string{file_names::compaction});
    if (!understood) found(file_names::compaction, 0, understood.error().message());
  }
  for (const std::string& name : names_) {
    auto offset = file_names::offset_in(name, file_names::producers);
    if (!offset) continue;
    PENSTOCK_ASSIGN(auto producers, read_if_there(name, small_file_bytes_max));
    PENSTOCK_ASSIGN(auto marks, read_if_there(file_names::of(*offset, file_names::marks),
                                              small_file_bytes_max));
    if (!producers) continue;  // removed while we look
    auto table = producer_table::decode(*producers, marks.value_or(bytes{}), name);
    if (!table) found(name, 0, table.error().message());
  }
  return {};
}

std::string folder_check::mismatch(const batch_view& batch) const {
  const offset_t base = batch.base_offset();
  if (base < expected_ || is_gap(base)) {
    return fmt::format("a record batch has offset {} where {} is expected", base, expected_);
  }
  if (epochs_ && epochs_->at(base) != batch.leader_epoch()) {
    return fmt::format("the record batch at offset {} has leader epoch {} where {} is expected",
                       base, batch.leader_epoch(), epochs_->at(base));
  }
  return {};
}

/// Where a sound batch follows behind a damaged position.
result<std::optional<std::uint64_t>> folder_check::sound_after(file& log, std::uint64_t position,
                                                               std::uint64_t size, offset_t base) {
  return find_batch_after(log, position, size, expected_ + 1,
                          base + std::numeric_limits<std::int32_t>::max());
}

result<void> folder_check::check_segment(offset_t base, bool is_last) {
  const std::string name = file_names::of(base, file_names::log);
  PENSTOCK_ASSIGN(auto log, disk_.open(folder_ + "/" + name, open_mode::read));
  PENSTOCK_ASSIGN(std::uint64_t size, log->size());
  last_bytes_ = size;
  std::vector<batch_place> batches;
  std::uint64_t position = 0;
  while (position < size) {
    batch_walker walker{*log, position, size, verify_read_ahead};
    std::optional<batch_view> batch;
    found_at what = found_at::batch;
    while (true) {
      position = walker.position();
      PENSTOCK_ASSIGN(what, walker.next(batch));
      if (what != found_at::batch) break;
      auto sound = batch->validate();
      std::string reason = sound ? mismatch(*batch) : sound.error().message();
      if (!reason.empty()) {
        PENSTOCK_ASSIGN(auto follows, sound_after(*log, position, size, base));
        found(name, position, std::move(reason), is_last && !follows && expected_ >= durable_);
      }
      batches.push_back({position, batch->last_offset(), to_millis(batch->max_time())});
      expected_ = std::max(expected_, batch->next_offset());
    }
    if (what == found_at::end) break;
    PENSTOCK_ASSIGN(auto follows, sound_after(*log, position, size, base));
    const bool unfinished = what == found_at::hole || (!follows && what != found_at::unknown);
    found(name, position, walker.reason(), is_last && unfinished && expected_ >= durable_);
    if (!follows) break;
    // Go on behind the damage; the offsets that it swallowed are not reported once more.
    position = *follows;
    char raw[sizeof(offset_t)];
    PENSTOCK_TRY(log->read_at(position, raw, sizeof raw));
    expected_ = load_be<offset_t>(raw);
  }
  PENSTOCK_TRY(check_offset_index(base, batches));
  PENSTOCK_TRY(check_transactions(base, batches));
  return check_time_index(base, batches);
}

result<void> folder_check::check_offset_index(offset_t base,
                                              const std::vector<batch_place>& batches) {
  const std::string name = file_names::of(base, file_names::offset_index);
  PENSTOCK_ASSIGN(auto index, read_if_there(name, index_bytes_max));
  if (!index) return {};
  if (index->size() % offset_entry::bytes_each != 0) {
    found(name, index->size(), "the size is not a number of entries");
  }
  for (std::size_t at = 0; at + offset_entry::bytes_each <= index->size();
       at += offset_entry::bytes_each) {
    const offset_entry entry = offset_entry::read(index->data() + at);
    if (at > 0 && entry == offset_entry{}) break;  // Kafka makes room ahead and leaves zeros
    auto batch = std::lower_bound(
        batches.begin(), batches.end(), entry.position, [](const batch_place& b, auto position) {
          return b.position < static_cast<std::uint64_t>(std::max(position, 0));
        });
    if (batch == batches.end() || batch->position != static_cast<std::uint64_t>(entry.position) ||
        batch->last_offset != base + entry.relative) {
      found(name, at,
            fmt::format("the entry for offset {} at position {} fits no record batch",
                        base + entry.relative, entry.position));
    }
  }
  return {};
}

/// Markers that compaction has dropped may still have their entry.
result<void> folder_check::check_transactions(offset_t base,
                                              const std::vector<batch_place>& batches) {
  const std::string name = file_names::of(base, file_names::transactions);
  PENSTOCK_ASSIGN(auto index, read_if_there(name, index_bytes_max));
  if (!index) return {};
  const offset_t high =
      std::max(batches.empty() ? base : batches.back().last_offset + 1, expected_);
  auto entries = decode_aborted(*index, base, high, name);
  if (!entries) found(name, 0, entries.error().message());
  return {};
}

result<void> folder_check::check_time_index(offset_t base,
                                            const std::vector<batch_place>& batches) {
  const std::string name = file_names::of(base, file_names::time_index);
  PENSTOCK_ASSIGN(auto index, read_if_there(name, index_bytes_max));
  if (!index) return {};
  if (index->size() % time_entry::bytes_each != 0) {
    found(name, index->size(), "the size is not a number of entries");
  }
  std::int64_t before = std::numeric_limits<std::int64_t>::min();
  for (std::size_t at = 0; at + time_entry::bytes_each <= index->size();
       at += time_entry::bytes_each) {
    const time_entry entry = time_entry::read(index->data() + at);
    if (at > 0 && entry.time == 0 && entry.relative == 0) break;  // room that Kafka made ahead
    auto batch = std::lower_bound(
        batches.begin(), batches.end(), base + entry.relative,
        [](const batch_place& b, offset_t offset) { return b.last_offset < offset; });
    if (batch == batches.end() || batch->last_offset != base + entry.relative ||
        batch->max_time != entry.time || entry.time <= before) {
      found(name, at,
            fmt::format("the entry for time {} at offset {} fits no record batch", entry.time,
                        base + entry.relative));
    }
    before = entry.time;
  }
  return {};
}

}  // namespace

result<std::vector<damage>> verify_folder(disk& on, const std::string& folder) {
  return folder_check{on, folder}.run();
}

}  // namespace penstock
