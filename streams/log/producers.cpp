#include "streams/log/producers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "streams/base/coding.hpp"
#include "streams/base/crc32c.hpp"
#include "streams/record/transaction_marker.hpp"

namespace penstock {
namespace {

constexpr std::int16_t snapshot_version = 1;  // Kafka's
constexpr std::int16_t extras_version = 1;    // ours
constexpr std::size_t snapshot_header_bytes = 6;
constexpr std::size_t snapshot_entry_bytes = 46;
constexpr duration idle_max = 24h;  // producer.id.expiration.ms
constexpr std::size_t producers_max = 100'000;

std::int32_t next_in_sequence(std::int32_t sequence) {
  return sequence == std::numeric_limits<std::int32_t>::max() ? 0 : sequence + 1;
}

void seal(bytes& snapshot) {
  store_be(snapshot.data() + 2, crc32c(bytes_view{snapshot}.substr(snapshot_header_bytes)));
}

struct sealed {
  byte_reader in;
  std::int16_t version;
  std::int16_t known;
  const std::string& name;

  /// When everything was read. The checksum does not cover the version: one that is not ours on
  /// bytes that are is damage.
  result<void> finish(bool sound) const {
    if (in.at_end() && sound && version == known) return {};
    if (version <= known || (in.at_end() && sound))
      return error{errc::corrupt, name + " is damaged"};
    return error{errc::unsupported_version,
                 fmt::format("{} has version {}; version {} is read", name, version, known)};
  }
};

result<sealed> open_sealed(bytes_view snapshot, std::int16_t known, const std::string& name) {
  byte_reader in{snapshot};
  auto version = in.be<std::int16_t>();
  auto crc = in.be<std::uint32_t>();
  if (!in.ok() || crc != crc32c(snapshot.substr(snapshot_header_bytes))) {
    return error{errc::corrupt, name + " is damaged"};
  }
  return sealed{in, version, known, name};
}

}  // namespace

std::int32_t produced_batch::base_sequence() const {
  std::int64_t base = std::int64_t{last_sequence} - offset_delta;
  return static_cast<std::int32_t>(base < 0 ? base + (std::int64_t{1} << 31) : base);
}

void producer_entry::add(const produced_batch& batch) {
  if (count == batches_kept) {
    std::move(batches.begin() + 1, batches.end(), batches.begin());
    --count;
  }
  batches[count++] = batch;
}

result<producer_verdict> producer_table::check(const batch_view& batch) const {
  if (batch.producer_id() < 0) return producer_verdict{};
  if (batch.is_control()) {
    PENSTOCK_TRY(check_marker(batch));
    return producer_verdict{};
  }
  auto found = producers_.find(batch.producer_id());
  // A producer that is new here, or forgotten, may start anywhere (KIP-360).
  if (found == producers_.end()) return producer_verdict{};
  const producer_entry& entry = found->second;
  if (batch.producer_epoch() < entry.epoch) {
    return error{errc::producer_fenced,
                 fmt::format("producer {} has epoch {}, a newer one with epoch {} writes here",
                             batch.producer_id(), batch.producer_epoch(), entry.epoch)};
  }
  if (batch.base_sequence() == no_sequence) return producer_verdict{};
  if (batch.producer_epoch() > entry.epoch) {
    if (batch.base_sequence() == 0) return producer_verdict{};
    return error{errc::out_of_order_sequence,
                 fmt::format("producer {} begins epoch {} with sequence number {}, not 0",
                             batch.producer_id(), batch.producer_epoch(), batch.base_sequence())};
  }
  for (std::size_t i = 0; i < entry.count; ++i) {
    const produced_batch& before = entry.batches[i];
    if (before.base_sequence() == batch.base_sequence() &&
        before.last_sequence == batch.last_sequence()) {
      return producer_verdict{true, before.base_offset(), before.last_offset + 1};
    }
  }
  if (entry.count == 0) return producer_verdict{};
  std::int32_t last = entry.batches[entry.count - 1].last_sequence;
  if (batch.base_sequence() == next_in_sequence(last)) return producer_verdict{};
  return error{errc::out_of_order_sequence,
               fmt::format("producer {} sends sequence number {} after {}", batch.producer_id(),
                           batch.base_sequence(), last)};
}

result<void> producer_table::check_marker(const batch_view& batch) const {
  const auto marker = marker_of(batch);
  if (!marker)
    return error{errc::invalid_argument, "a control batch of a producer is no transaction marker"};
  const producer_entry* entry = find(batch.producer_id());
  if (entry == nullptr) return {};
  if (batch.producer_epoch() < entry->epoch) {
    return error{errc::producer_fenced,
                 fmt::format("the marker of producer {} has epoch {}, it writes with epoch {}",
                             batch.producer_id(), batch.producer_epoch(), entry->epoch)};
  }
  if (marker->coordinator_epoch < entry->coordinator_epoch) {
    return error{
        errc::coordinator_fenced,
        fmt::format("the marker of producer {} is of coordinator epoch {}, {} was here",
                    batch.producer_id(), marker->coordinator_epoch, entry->coordinator_epoch)};
  }
  return {};
}

result<producer_verdict> producer_table::check(const source_mark& mark) const {
  auto found = marks_.find(mark.task);
  if (found == marks_.end()) return producer_verdict{};
  if (mark.epoch < found->second.epoch) {
    return error{errc::producer_fenced,
                 fmt::format("task {} has epoch {}, a newer run with epoch {} writes here",
                             mark.task, mark.epoch, found->second.epoch)};
  }
  return producer_verdict{mark.sequence <= found->second.sequence, -1, -1};
}

std::optional<ended_transaction> producer_table::record_at(offset_t base, const batch_view& batch,
                                                           timestamp now) {
  if (batch.producer_id() < 0) return std::nullopt;
  const offset_t last = base + (batch.last_offset() - batch.base_offset());
  std::optional<transaction_marker> marker;
  if (batch.is_control()) {
    marker = marker_of(batch);
    if (!marker) return std::nullopt;
  }
  producer_entry& entry = producers_[batch.producer_id()];
  if (batch.producer_epoch() != entry.epoch) {
    entry.epoch = batch.producer_epoch();
    entry.count = 0;
  }
  entry.last_time = now;
  if (marker) {
    entry.coordinator_epoch = marker->coordinator_epoch;
    if (entry.transaction_start < 0) return std::nullopt;
    const ended_transaction ended{batch.producer_id(), entry.transaction_start, last,
                                  marker->commit};
    open_.erase(entry.transaction_start);
    entry.transaction_start = -1;
    return ended;
  }
  if (batch.is_transactional() && entry.transaction_start < 0) {
    entry.transaction_start = base;
    open_[entry.transaction_start] = batch.producer_id();
  }
  if (batch.base_sequence() == no_sequence) return std::nullopt;
  entry.add({batch.last_sequence(), last, static_cast<std::int32_t>(last - base)});
  return std::nullopt;
}

void producer_table::record(source_mark mark) {
  task_state& state = marks_[std::move(mark.task)];
  state.epoch = std::max(state.epoch, mark.epoch);
  state.sequence = std::max(state.sequence, mark.sequence);
}

void producer_table::adopt(const producer_table& from, std::int64_t producer_id) {
  auto found = from.producers_.find(producer_id);
  if (found == from.producers_.end()) return;
  producers_[producer_id] = found->second;
  if (found->second.transaction_start >= 0) open_[found->second.transaction_start] = producer_id;
}

void producer_table::adopt(const producer_table& from, const std::string& task) {
  auto found = from.marks_.find(task);
  if (found != from.marks_.end()) marks_[task] = found->second;
}

std::optional<source_mark> producer_table::last_from(const std::string& task) const {
  auto found = marks_.find(task);
  if (found == marks_.end()) return std::nullopt;
  return source_mark{task, found->second.epoch, found->second.sequence};
}

const producer_entry* producer_table::find(std::int64_t producer_id) const {
  auto found = producers_.find(producer_id);
  return found == producers_.end() ? nullptr : &found->second;
}

std::optional<offset_t> producer_table::first_open() const {
  return open_.empty() ? std::nullopt : std::optional{open_.begin()->first};
}

std::vector<std::pair<std::int64_t, producer_entry>> producer_table::list() const {
  std::vector<std::pair<std::int64_t, producer_entry>> all{producers_.begin(), producers_.end()};
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

void producer_table::expire(timestamp now) {
  absl::erase_if(producers_, [&](const auto& p) {
    return p.second.transaction_start < 0 && now - p.second.last_time >= idle_max;
  });
  if (producers_.size() <= producers_max) return;
  std::vector<std::pair<timestamp, std::int64_t>> silent;
  for (const auto& [id, entry] : producers_) {
    if (entry.transaction_start < 0) silent.emplace_back(entry.last_time, id);
  }
  // A tenth more than needed, so that this is not done for every batch.
  std::size_t spare = producers_.size() - producers_max + producers_max / 10;
  spare = std::min(spare, silent.size());
  std::nth_element(silent.begin(), silent.begin() + static_cast<std::ptrdiff_t>(spare),
                   silent.end());
  for (std::size_t i = 0; i < spare; ++i) producers_.erase(silent[i].second);
}

bytes producer_table::encode_producers() const {
  // In order, so that equal tables make equal files.
  std::vector<std::int64_t> ids;
  for (const auto& [id, entry] : producers_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  bytes out;
  put_be(out, snapshot_version);
  put_be<std::uint32_t>(out, 0);
  put_be(out, static_cast<std::int32_t>(ids.size()));
  for (std::int64_t id : ids) {
    const producer_entry& entry = producers_.at(id);
    produced_batch last;
    if (entry.count > 0) last = entry.batches[entry.count - 1];
    put_be(out, id);
    put_be(out, entry.epoch);
    put_be(out, last.last_sequence);
    put_be(out, last.last_offset);
    put_be(out, last.offset_delta);
    put_be(out, to_millis(entry.last_time));
    put_be(out, entry.coordinator_epoch);
    put_be(out, entry.transaction_start);
  }
  seal(out);
  return out;
}

bytes producer_table::encode_extras() const {
  std::vector<std::int64_t> ids;
  for (const auto& [id, entry] : producers_) {
    if (entry.count > 1) ids.push_back(id);
  }
  std::vector<std::string> tasks;
  for (const auto& [task, state] : marks_) tasks.push_back(task);
  if (ids.empty() && tasks.empty()) return {};
  std::sort(ids.begin(), ids.end());
  std::sort(tasks.begin(), tasks.end());
  bytes out;
  put_be(out, extras_version);
  put_be<std::uint32_t>(out, 0);
  put_be(out, static_cast<std::int32_t>(tasks.size()));
  for (const std::string& task : tasks) {
    const task_state& state = marks_.at(task);
    put_be(out, static_cast<std::int32_t>(task.size()));
    out.append(task);
    put_be(out, state.epoch);
    put_be(out, state.sequence);
  }
  put_be(out, static_cast<std::int32_t>(ids.size()));
  for (std::int64_t id : ids) {
    const producer_entry& entry = producers_.at(id);
    put_be(out, id);
    put_be(out, static_cast<std::int8_t>(entry.count - 1));
    for (std::size_t i = 0; i + 1 < entry.count; ++i) {
      put_be(out, entry.batches[i].last_sequence);
      put_be(out, entry.batches[i].last_offset);
      put_be(out, entry.batches[i].offset_delta);
    }
  }
  seal(out);
  return out;
}

result<producer_table> producer_table::decode(bytes_view producers, bytes_view extras,
                                              const std::string& name) {
  producer_table table;
  PENSTOCK_ASSIGN(sealed snapshot, open_sealed(producers, snapshot_version, name));
  byte_reader& in = snapshot.in;
  auto entries = in.be<std::int32_t>();
  for (std::int32_t i = 0; in.ok() && i < entries; ++i) {
    auto id = in.be<std::int64_t>();
    producer_entry entry;
    produced_batch last;
    entry.epoch = in.be<std::int16_t>();
    last.last_sequence = in.be<std::int32_t>();
    last.last_offset = in.be<std::int64_t>();
    last.offset_delta = in.be<std::int32_t>();
    entry.last_time = from_millis(in.be<std::int64_t>());
    entry.coordinator_epoch = in.be<std::int32_t>();
    entry.transaction_start = in.be<std::int64_t>();
    if (last.last_offset >= 0 && last.last_sequence >= 0) entry.add(last);
    if (!in.ok()) continue;
    table.producers_[id] = entry;
    if (entry.transaction_start >= 0) table.open_[entry.transaction_start] = id;
  }
  PENSTOCK_TRY(snapshot.finish(entries >= 0));
  if (extras.empty()) return table;
  PENSTOCK_TRY(table.add_extras(extras, name + " (marks)"));
  return table;
}

result<void> producer_table::add_extras(bytes_view extras, const std::string& name) {
  PENSTOCK_ASSIGN(sealed marks, open_sealed(extras, extras_version, name));
  byte_reader& in = marks.in;
  auto tasks = in.be<std::int32_t>();
  for (std::int32_t i = 0; in.ok() && i < tasks; ++i) {
    bytes task{in.take(in.be<std::uint32_t>())};
    auto epoch = in.be<std::int32_t>();
    auto sequence = in.be<std::int64_t>();
    if (in.ok()) marks_[std::move(task)] = task_state{epoch, sequence};
  }
  auto longer = in.be<std::int32_t>();
  for (std::int32_t i = 0; in.ok() && i < longer; ++i) {
    auto found = producers_.find(in.be<std::int64_t>());
    auto count = in.be<std::int8_t>();
    producer_entry full;
    for (std::int8_t k = 0; in.ok() && k < count; ++k) {
      produced_batch before;
      before.last_sequence = in.be<std::int32_t>();
      before.last_offset = in.be<std::int64_t>();
      before.offset_delta = in.be<std::int32_t>();
      full.add(before);
    }
    if (!in.ok() || found == producers_.end() || found->second.count == 0) continue;
    full.add(found->second.batches[0]);
    found->second.batches = full.batches;
    found->second.count = full.count;
  }
  return marks.finish(true);
}

}  // namespace penstock
