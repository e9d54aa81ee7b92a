#include "streams/log/transactions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "streams/base/coding.hpp"

namespace penstock {
namespace {

constexpr std::int16_t index_version = 0;  // Kafka's

auto first_marked_at(const std::deque<aborted_transaction>& all, offset_t offset) {
  return std::lower_bound(all.begin(), all.end(), offset,
                          [](const auto& each, offset_t at) { return each.last_offset < at; });
}

}  // namespace

bytes encode(const std::vector<aborted_transaction>& entries) {
  bytes out;
  for (const auto& each : entries) {
    put_be(out, index_version);
    put_be(out, each.producer_id);
    put_be(out, each.first_offset);
    put_be(out, each.last_offset);
    put_be(out, each.last_stable_offset);
  }
  return out;
}

result<std::vector<aborted_transaction>> decode_aborted(bytes_view from, offset_t low,
                                                        offset_t high, const std::string& name) {
  std::vector<aborted_transaction> entries;
  const auto damaged = [&](std::string_view what) {
    return error{errc::corrupt,
                 fmt::format("{} is damaged at byte {}: {}", name,
                             entries.size() * aborted_transaction::bytes_each, what)};
  };
  byte_reader in{from};
  while (in.left() >= aborted_transaction::bytes_each) {
    if (const auto version = in.be<std::int16_t>(); version != index_version) {
      return error{errc::unsupported_version,
                   fmt::format("{} has an entry of version {}; version {} is read", name, version,
                               index_version)};
    }
    aborted_transaction each;
    each.producer_id = in.be<std::int64_t>();
    each.first_offset = in.be<std::int64_t>();
    each.last_offset = in.be<std::int64_t>();
    each.last_stable_offset = in.be<std::int64_t>();
    const offset_t before = entries.empty() ? low - 1 : entries.back().last_offset;
    if (each.last_offset <= before || each.last_offset >= high)
      return damaged("the offset of a marker is not in order");
    if (each.producer_id < 0 || each.first_offset < 0 || each.first_offset > each.last_offset ||
        each.last_stable_offset < 0 || each.last_stable_offset > each.last_offset + 1)
      return damaged("an entry's offsets cannot be");
    entries.push_back(each);
  }
  if (in.left() > 0) return damaged("the size is not a number of entries");
  return entries;
}

std::vector<aborted_transaction> aborted_transactions::between(offset_t from, offset_t to) const {
  std::vector<aborted_transaction> found;
  for (auto at = first_marked_at(all_, from); at != all_.end(); ++at) {
    if (at->first_offset < to) found.push_back(*at);
    // What was aborted later began later than this.
    if (at->last_stable_offset >= to) break;
  }
  return found;
}

std::vector<aborted_transaction> aborted_transactions::marked_in(offset_t from, offset_t to) const {
  return {first_marked_at(all_, from), first_marked_at(all_, to)};
}

void aborted_transactions::drop_before(offset_t offset) {
  all_.erase(all_.begin(), first_marked_at(all_, offset));
}

void aborted_transactions::drop_from(offset_t offset) {
  all_.erase(first_marked_at(all_, offset), all_.end());
}

void aborted_transactions::drop_marked_at(offset_t offset) {
  auto at = first_marked_at(all_, offset);
  if (at != all_.end() && at->last_offset == offset) all_.erase(at);
}

}  // namespace penstock
