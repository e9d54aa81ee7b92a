#include "kafka/listener/fetch.hpp"

#include <algorithm>

namespace penstock::kafka {

namespace {

watch_request watch_of(const topic_partition& which, const std::optional<uuid>& topic_id,
                       offset_t offset, std::uint32_t wait_ms, bool committed) {
  return watch_request::make(which.topic.size(), [&](wire::WatchRequest::Builder out) {
    set_topic(out, which.topic, topic_id ? &*topic_id : nullptr);
    out.setPartition(which.partition);
    out.setOffset(offset);
    out.setMaxWaitMs(wait_ms);
    out.setCommitted(committed);
  });
}

// The first version whose requests name topics by their ids alone.
constexpr int by_id_from = 13;

}  // namespace

fetch_work::fetch_work(session& with, exchange_ptr<fetch_request> x)
    : with_(with), x_(std::move(x)), room_(with.traffic()) {
  const auto& in = x_->in;
  limit_ = std::min(static_cast<std::uint64_t>(std::max(in.max_bytes, 0)), with.answer_bytes_max());
  if (with_.fetches().answers()) {
    for (const auto& each : with_.fetches().all())
      add(each.what, each.offset, each.bytes_max, each.leader_epoch);
    return;
  }
  for (const auto& topic : in.topics) {
    const auto name = x_->version() < by_id_from ? topic.topic : std::string{topic.topic_id.view()};
    for (const auto& asked : topic.partitions)
      add({name, asked.partition}, asked.fetch_offset, asked.partition_max_bytes,
          asked.current_leader_epoch);
  }
}

void fetch_work::add(topic_partition id, std::int64_t offset, std::int32_t bytes_max,
                     std::int32_t leader_epoch) {
  auto& part = parts_.emplace_back();
  part.id = std::move(id);
  part.offset = offset;
  part.bytes_max = static_cast<std::uint32_t>(std::max(bytes_max, 0));
  if (leader_epoch > 0) part.wrong = error_code::unknown_leader_epoch;
}

std::optional<uuid> fetch_work::topic_id(const share& of) const {
  if (x_->version() < by_id_from) return std::nullopt;
  return uuid::of(of.id.topic);
}

void fetch_work::begin() {
  read_on();
}

// Of a partition that is read again: others may have taken the room that was there at the start.
std::uint32_t fetch_work::share_now(const share& of) {
  limit_ = std::min(limit_, taken_ + with_.answer_bytes_max());
  const auto left = limit_ > taken_ ? limit_ - taken_ : 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(of.bytes_max, left));
}

// Reads further partitions while their limits fit into what is left of the request's.
void fetch_work::read_on() {
  while (next_ < parts_.size()) {
    auto& part = parts_[next_];
    if (part.wrong != error_code::none) {
      failed_ = true;
      ++next_;
      continue;
    }
    const auto left = limit_ > taken_ ? limit_ - taken_ : 0;
    if (left == 0 && reading_ > 0) return;  // what was reserved may not be used up
    // The first is read whatever it brings, so that a large batch is no dead end. When the limit is
    // reached the others only say where they end.
    const bool full = left == 0 && taken_ > 0;
    part.reserved = static_cast<std::uint32_t>(std::min<std::uint64_t>(part.bytes_max, left));
    read(next_++, full);
  }
  if (reading_ == 0) settle();
}

void fetch_work::read(std::size_t at, bool look_only) {
  auto& part = parts_[at];
  part.asked = true;
  part.again = false;
  taken_ += part.reserved;
  room_.change_to(taken_);
  ++reading_;
  const auto by_id = topic_id(part);
  auto request = penstock::fetch_request::make(part.id.topic.size(), [&](auto out) {
    set_topic(out, part.id.topic, by_id ? &*by_id : nullptr);
    out.setPartition(part.id.partition);
    out.setOffset(part.offset);
    out.setMaxBytes(part.reserved);
    if (committed()) out.setIsolation(wire::Isolation::COMMITTED);
  });
  auto then = [self = shared_from_this(), at](const fetch_reply& reply) {
    self->arrived(at, reply);
  };
  if (look_only) {
    with_.ask<fetch_reply>(watch_of(part.id, topic_id(part), part.offset, 0, committed()), then);
  } else {
    with_.ask<fetch_reply>(request, then);
  }
}

void fetch_work::arrived(std::size_t at, const fetch_reply& reply) {
  auto& part = parts_[at];
  auto in = reply.open();
  const auto had = part.bytes_in;
  part.reply = reply;
  part.bytes_in = in->getBatches().size();
  part.asked = false;
  if (error_of(in->getFailure())) {
    failed_ = true;
    part.bytes_in = 0;
  }
  taken_ = taken_ + part.bytes_in - had - part.reserved;
  room_.change_to(taken_);
  part.reserved = 0;
  --reading_;
  if (!done_) read_on();
}

// Everything that was asked has been answered: enough, or wait.
void fetch_work::settle() {
  if (done_) return;
  const auto enough = static_cast<std::uint64_t>(std::max(x_->in.min_bytes, 0));
  if (failed_ || parts_.empty() || taken_ >= enough || over_ || x_->in.max_wait_ms <= 0)
    return finish();
  if (!waiting_) {
    waiting_ = true;
    with_.waiting_fetch = shared_from_this();
    with_.after(duration{x_->in.max_wait_ms}, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->over_ = true;
      if (self->reading_ == 0) self->settle();
    });
  }
  for (const auto& each : parts_) watch(each);
  // What moved while it was read is read again at once.
  for (std::size_t at = 0; at < parts_.size(); ++at) {
    if (!std::exchange(parts_[at].again, false)) continue;
    parts_[at].reserved = share_now(parts_[at]);
    read(at);
  }
}

void fetch_work::watch(const share& each) {
  const std::pair key{each.id, committed()};
  if (!with_.watched.insert(key).second) return;
  auto in = each.reply.open();
  const auto seen = committed() ? in->getLastStableOffset() : in->getHighWatermark();
  const auto request = watch_of(each.id, topic_id(each), seen, 60'000, committed());
  with_.ask<fetch_reply>(request, [&with = with_, key, id = each.id](const fetch_reply&) {
    with.watched.erase(key);
    if (const auto waits = with.waiting_fetch) waits->on_more(id);
  });
}

void fetch_work::on_more(const topic_partition& which) {
  if (done_) return;
  for (std::size_t at = 0; at < parts_.size(); ++at) {
    auto& part = parts_[at];
    if (part.id != which) continue;
    if (part.asked || reading_ > 0) {
      part.again = true;
      continue;
    }
    part.reserved = share_now(part);
    read(at);
  }
}

void fetch_work::finish() {
  done_ = true;
  if (with_.waiting_fetch.get() == this) with_.waiting_fetch.reset();
  auto& session = with_.fetches();
  fetch_response out;
  out.session_id = session.id();
  // Records are written from where the partitions' answers have them.
  std::vector<std::unique_ptr<fetch_reply::reader>> open;
  std::vector<caf::intrusive_ptr<const frame>> held;
  for (auto& part : parts_) {
    auto& reply = *open.emplace_back(std::make_unique<fetch_reply::reader>(part.reply.held()));
    auto wrong = part.wrong;
    if (wrong == error_code::none) wrong = topic_code(error_of(reply->getFailure()));
    const auto records = wrong == error_code::none ? view(reply->getBatches()) : bytes_view{};
    if (session.answers() && !session.tell(part.id, wrong, !records.empty(),
                                           reply->getHighWatermark(), reply->getStartOffset()))
      continue;
    auto& to = place_for(out, part);
    to.partition_index = part.id.partition;
    to.records = records;
    if (records.size() >= borrowed_bytes_min) held.push_back(part.reply.held());
    if (committed()) to.aborted_transactions.emplace();
    if (wrong != error_code::none) {
      to.error_code = number(wrong);
      to.high_watermark = -1;
      to.last_stable_offset = -1;
      continue;
    }
    to.high_watermark = reply->getHighWatermark();
    to.last_stable_offset = reply->getLastStableOffset();
    for (auto each : reply->getAborted())
      to.aborted_transactions->push_back({each.getProducerId(), each.getFirstOffset()});
    to.log_start_offset = reply->getStartOffset();
  }
  x_->answer(out, std::move(held));
}

// Behind the last partition of the answer, under its topic.
fetch_work::answered_partition& fetch_work::place_for(fetch_response& out,
                                                      const share& part) const {
  const auto id = topic_id(part);
  if (out.responses.empty() ||
      (id ? out.responses.back().topic_id != *id : out.responses.back().topic != part.id.topic)) {
    auto& topic = out.responses.emplace_back();
    if (id) {
      topic.topic_id = *id;
    } else {
      topic.topic = part.id.topic;
    }
  }
  return out.responses.back().partitions.emplace_back();
}

void serve(session& with, exchange_ptr<fetch_request> x) {
  if (const auto wrong = with.fetches().on_request(x->in, x->version());
      wrong != error_code::none) {
    fetch_response out;
    out.error_code = number(wrong);
    return x->answer(out);
  }
  std::make_shared<fetch_work>(with, std::move(x))->begin();
}

}  // namespace penstock::kafka
