#include "streams/log/tail_cache.hpp"

#include <algorithm>
#include <utility>

#include "streams/base/assert.hpp"

namespace penstock {
namespace {

// Buffers double, so that a partition with little traffic holds little memory.
constexpr std::size_t smallest_buffer = std::size_t{4} << 10;
constexpr std::size_t largest_buffer = std::size_t{256} << 10;

}  // namespace

char* tail_cache::reserve(std::size_t size) {
  if (buffers_.empty() || buffers_.back().capacity - buffers_.back().used < size) {
    std::size_t capacity = buffers_.empty() ? smallest_buffer : buffers_.back().capacity * 2;
    capacity = std::max(std::min({capacity, largest_buffer, bytes_max_ / 4}), size);
    drop_unused();
    buffer& fresh = buffers_.emplace_back();
    fresh.data.reset(new char[capacity]);  // not set
    fresh.capacity = capacity;
  }
  buffer& last = buffers_.back();
  return last.data.get() + last.used;
}

// What was reserved and not committed.
void tail_cache::drop_unused() {
  if (!buffers_.empty() && buffers_.back().used == 0) buffers_.pop_back();
}

void tail_cache::commit(offset_t base_offset, offset_t next_offset, std::size_t size) {
  buffer& last = buffers_.back();
  PENSTOCK_ASSERT(size <= last.capacity - last.used, size, last.capacity, last.used);
  last.batches.push_back({base_offset, next_offset, last.used});
  last.used += size;
}

void tail_cache::keep(offset_t base_offset, offset_t next_offset, bytes_view header,
                      bytes_view rest, std::shared_ptr<const void> owner) {
  drop_unused();
  buffer& fresh = buffers_.emplace_back();
  fresh.data.reset(new char[header.size()]);
  header.copy(fresh.data.get(), header.size());
  fresh.capacity = fresh.used = header.size() + rest.size();
  fresh.batches.push_back({base_offset, next_offset, 0});
  fresh.owner = std::move(owner);
  fresh.rest = rest;
}

void tail_cache::trim() {
  std::size_t size = size_bytes();
  while (!buffers_.empty() && size > bytes_max_) {
    size -= buffers_.front().capacity;
    buffers_.pop_front();
  }
}

std::size_t tail_cache::size_bytes() const {
  std::size_t size = 0;
  for (const buffer& b : buffers_) size += b.capacity;
  return size;
}

std::optional<read_extent> tail_cache::read(offset_t from, std::size_t bytes_max, offset_t limit,
                                            const batch_room& room) const {
  auto holds = [](const buffer& b, offset_t offset) {
    return b.batches.empty() || b.batches.back().next_offset <= offset;
  };
  auto at = std::lower_bound(buffers_.begin(), buffers_.end(), from, holds);
  if (at == buffers_.end() || at->batches.empty()) return std::nullopt;
  if (at == buffers_.begin() && at->batches.front().base_offset > from) return std::nullopt;
  read_extent found{0, from, true};
  std::vector<bytes_view> pieces;
  for (; at != buffers_.end(); ++at) {
    auto first =
        std::lower_bound(at->batches.begin(), at->batches.end(), found.next_offset,
                         [](const batch& b, offset_t offset) { return b.next_offset <= offset; });
    auto last = first;
    std::size_t size = 0;
    for (; last != at->batches.end() && last->base_offset < limit; ++last) {
      std::size_t behind = last + 1 == at->batches.end() ? at->used : (last + 1)->position;
      std::size_t total = found.bytes + behind - first->position;
      if (total > bytes_max && (last != first || found.bytes > 0)) break;
      size = behind - first->position;
      found.next_offset = last->next_offset;
    }
    if (size > 0 && at->owner) {
      pieces.emplace_back(at->data.get(), size - at->rest.size());
      pieces.push_back(at->rest);
    } else if (size > 0) {
      pieces.emplace_back(at->data.get() + first->position, size);
    }
    found.bytes += size;
    if (last != at->batches.end()) break;
  }
  char* to = found.bytes > 0 ? room(found.bytes) : nullptr;
  for (const bytes_view piece : pieces) to += piece.copy(to, piece.size());
  return found;
}

}  // namespace penstock
