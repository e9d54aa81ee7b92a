#include "streams/topic/pending_offsets.hpp"

#include <limits>
#include <variant>

namespace penstock {

result<void> pending_offsets::add(std::int64_t producer_id, bytes_view key,
                                  std::optional<bytes_view> value) {
  PENSTOCK_ASSIGN(const offsets_key decoded, decode_offsets_key(key));
  const auto* of = std::get_if<offset_commit_key>(&decoded);
  if (of == nullptr) return {};
  waiting added;
  added.order = next_++;
  if (value) {
    PENSTOCK_ASSIGN(added.value, decode_committed_offset(*value));
  }
  producers_[producer_id][*of] = std::move(added);
  return {};
}

void pending_offsets::end(std::int64_t producer_id, bool commit, offsets_image& image) {
  const auto ended = producers_.extract(producer_id);
  if (ended.empty() || !commit) return;
  for (const auto& [key, each] : ended.mapped()) {
    // An older one of another transaction would be taken back by it.
    forget(key, each.order);
    if (each.value) {
      image.commit(key, *each.value);
    } else {
      image.remove(key);
    }
  }
}

void pending_offsets::overwritten(bytes_view key) {
  if (producers_.empty()) return;
  const auto decoded = decode_offsets_key(key);
  if (!decoded) return;
  if (const auto* of = std::get_if<offset_commit_key>(&*decoded))
    forget(*of, std::numeric_limits<std::uint64_t>::max());
}

void pending_offsets::forget(const offset_commit_key& key, std::uint64_t before) {
  for (auto at = producers_.begin(); at != producers_.end();) {
    const auto found = at->second.find(key);
    if (found != at->second.end() && found->second.order < before) at->second.erase(found);
    at = at->second.empty() ? producers_.erase(at) : std::next(at);
  }
}

bool pending_offsets::has(std::string_view group, const topic_partition& partition) const {
  const offset_commit_key key{std::string{group}, partition};
  for (const auto& each : producers_)
    if (each.second.contains(key)) return true;
  return false;
}

std::vector<bytes> pending_offsets::keys_of(std::string_view group) const {
  std::vector<bytes> keys;
  for (const auto& each : producers_)
    for (const auto& [key, value] : each.second)
      if (key.group == group) keys.push_back(encode(key));
  return keys;
}

}  // namespace penstock
