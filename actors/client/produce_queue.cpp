#include "actors/client/produce_queue.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "streams/base/assert.hpp"

namespace penstock {

namespace {

/// A batch of this size is a request by itself: gathering saves nothing, and a copy costs.
constexpr std::size_t alone_bytes_min = std::size_t{1} << 20;

/// All of the batches in one request.
append_request request_of(const topic_partition& tp, std::span<const bytes_view> batches) {
  std::size_t size = 0;
  for (const bytes_view each : batches) size += each.size();
  return append_request::make_ending_in_data(data_words(size), [&](auto out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    char* to = reinterpret_cast<char*>(out.initBatches(static_cast<unsigned>(size)).begin());
    for (const bytes_view each : batches) to += each.copy(to, each.size());
    std::memset(to, 0, data_words(size) * sizeof(capnp::word) - size);
  });
}

}  // namespace

bool is_retriable(errc code) {
  return code == errc::timed_out || code == errc::overloaded;
}

void produce_queue::set_producer(std::int64_t id, std::int16_t epoch) {
  producer_id_ = id;
  producer_epoch_ = epoch;
  for (auto& each : lanes_) each.second.next_sequence = 0;
}

void produce_queue::push(const topic_partition& tp, batch_builder& builder, std::uint64_t first) {
  PENSTOCK_ASSERT(!builder.empty(), tp);
  auto& to = lanes_[tp];
  if (producer_id_ != no_producer_id) {
    builder.set_producer(producer_id_, producer_epoch_, to.next_sequence);
    // Sequence numbers wrap to 0 behind 2^31-1, as KIP-98 has it.
    const auto next = std::int64_t{to.next_sequence} + builder.count();
    to.next_sequence = static_cast<std::int32_t>(next & 0x7fffffff);
  }
  push_raw(tp, builder.finish(), first);
}

void produce_queue::push_raw(const topic_partition& tp, bytes_view content, std::uint64_t first) {
  lane& to = lanes_[tp];
  pending_bytes_ += content.size();
  batch& added = to.queued.emplace_back();
  added.size = content.size();
  added.first = first;
  if (content.size() >= std::min<std::size_t>(to.credit, alone_bytes_min)) {
    added.alone = request_of(tp, {&content, 1});
  } else {
    added.content = content;
  }
}

std::optional<append_request> produce_queue::next(const topic_partition& tp) {
  auto at = lanes_.find(tp);
  if (at == lanes_.end() || at->second.waiting) return std::nullopt;
  auto& from = at->second;
  if (!from.in_flight) {
    if (from.queued.empty()) return std::nullopt;
    std::size_t size = 0;
    std::vector<bytes_view> batches;
    for (const batch& each : from.queued) {
      if (!batches.empty() && (each.alone || size + each.size > from.credit)) break;
      size += each.size;
      batches.emplace_back(each.content);
      if (each.alone) break;
    }
    auto& first = from.queued.front();
    from.in_flight = first.alone ? std::move(first.alone) : request_of(tp, batches);
    from.in_flight_first = first.first;
    from.in_flight_bytes = size;
    from.queued.erase(from.queued.begin(),
                      from.queued.begin() + static_cast<std::ptrdiff_t>(batches.size()));
  }
  from.waiting = true;
  return from.in_flight;
}

produce_queue::outcome produce_queue::on_reply(const topic_partition& tp,
                                               const append_reply& reply) {
  auto& own = lanes_.at(tp);
  PENSTOCK_ASSERT(own.waiting && own.in_flight, tp);
  own.waiting = false;
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) {
    if (is_retriable(why.code())) return outcome::retry;
    if (!error_) error_ = why;
    pending_bytes_ -= own.in_flight_bytes;
    for (const auto& each : own.queued) pending_bytes_ -= each.size;
    lost_ = std::min(lost_.value_or(own.in_flight_first), own.in_flight_first);
    own.in_flight.reset();
    own.queued.clear();
    return outcome::lost;
  }
  pending_bytes_ -= own.in_flight_bytes;
  own.in_flight.reset();
  own.in_flight_bytes = 0;
  own.acknowledged = std::max(own.acknowledged, in->getNextOffset());
  if (in->getCredit() > 0) own.credit = in->getCredit();
  return outcome::done;
}

produce_queue::outcome produce_queue::on_silence(const topic_partition& tp) {
  lanes_.at(tp).waiting = false;
  return outcome::retry;
}

void produce_queue::clear_error() {
  error_ = {};
  lost_.reset();
}

std::optional<std::uint64_t> produce_queue::unacknowledged() const {
  auto smallest = lost_;
  for (const auto& [tp, own] : lanes_) {
    if (!own.in_flight && own.queued.empty()) continue;
    const auto first = own.in_flight ? own.in_flight_first : own.queued.front().first;
    smallest = std::min(smallest.value_or(first), first);
  }
  return smallest;
}

std::vector<topic_partition> produce_queue::ready() const {
  std::vector<topic_partition> all;
  for (const auto& [tp, own] : lanes_)
    if (!own.waiting && (own.in_flight || !own.queued.empty())) all.push_back(tp);
  // The order of a hash table is not part of any promise, so a seed must not depend on it.
  std::sort(all.begin(), all.end());
  return all;
}

offset_t produce_queue::acknowledged(const topic_partition& tp) const {
  auto at = lanes_.find(tp);
  return at == lanes_.end() ? -1 : at->second.acknowledged;
}

}  // namespace penstock
