#include "actors/connect/topic_writer.hpp"

#include <algorithm>

namespace penstock {

topic_writer::topic_writer(connector& owner, std::function<void()> on_progress)
    : owner_(owner),
      on_progress_(std::move(on_progress)),
      lanes_(static_cast<std::size_t>(owner.config_.partitions)) {}

void topic_writer::open(std::function<void()> then) {
  owner_.ask<init_producer_reply>(init_producer_request{}, "cannot get a producer id",
                                  [this, then](const init_producer_reply& r) {
                                    auto in = r.open();
                                    queue_.set_producer(in->getProducerId(), in->getEpoch());
                                    then();
                                  });
}

void topic_writer::add(std::size_t partition, timestamp time, std::optional<bytes_view> key,
                       bytes_view value) {
  lane& to = lanes_[partition];
  if (to.open.empty()) to.first = added_;
  to.open.add(time, key, value);
  ++added_;
  ++open_records_;
  value_bytes_ += value.size();
  if (to.open.size() >= batch_bytes) push(partition);
}

void topic_writer::flush() {
  for (std::size_t p = 0; p < lanes_.size(); ++p)
    if (!lanes_[p].open.empty()) push(p);
  pump();
}

void topic_writer::push(std::size_t partition) {
  lane& from = lanes_[partition];
  open_records_ -= static_cast<std::uint64_t>(from.open.count());
  queue_.push(owner_.partition(static_cast<std::int32_t>(partition)), from.open, from.first);
}

std::uint64_t topic_writer::pending_bytes() const {
  auto total = queue_.pending_bytes();
  for (const lane& each : lanes_)
    if (!each.open.empty()) total += each.open.size();
  return total;
}

std::uint64_t topic_writer::acknowledged() const {
  auto first = queue_.unacknowledged().value_or(added_);
  for (const lane& each : lanes_)
    if (!each.open.empty()) first = std::min(first, each.first);
  return first;
}

void topic_writer::pump() {
  for (const auto& tp : queue_.ready()) send_to(tp);
}

void topic_writer::send_to(const topic_partition& tp) {
  auto request = queue_.next(tp);
  if (!request) return;
  owner_.self_->request(owner_.config_.node, owner_.config_.request_timeout, *request)
      .then(
          [this, tp](const append_reply& reply) {
            owner_.guarded([&] { on_outcome(tp, queue_.on_reply(tp, reply)); });
          },
          [this, tp](const caf::error&) {
            owner_.guarded([&] { on_outcome(tp, queue_.on_silence(tp)); });
          });
}

void topic_writer::on_outcome(const topic_partition& tp, produce_queue::outcome outcome) {
  switch (outcome) {
    case produce_queue::outcome::lost:
      return owner_.fail(queue_.reason().with_context("cannot write to " + tp.to_string()));
    case produce_queue::outcome::retry:
      return owner_.after(owner_.config_.retry_after, [this, tp] { send_to(tp); });
    case produce_queue::outcome::done:
      send_to(tp);
      on_progress_();
  }
}

}  // namespace penstock
