// Repartition in memory: records go from task to task, not through a topic. The reader remembers in
// its positions which sequences it has taken over, so it drops what comes again; the sender commits
// source offsets only when all readers have committed what stems from before them
// (docs/decisions/0011-repartition-in-memory.md). When one task ends, all tasks of the job do.
#include <cstring>

#include "actors/processor/task_state.hpp"
#include "streams/base/planted.hpp"

namespace penstock {
namespace {

// A reader has ended: the job hears of it and ends or restarts this task too.
void nobody_answers(const caf::error& /*why*/) {}

}  // namespace

// --- the sender

void task_state::make_links() {
  if (!config_.settings.in_memory_repartition) return;
  const auto& parts = config_.topology->sub_topologies();
  for (std::size_t s = 0; s < part().sinks.size(); ++s) {
    const auto& sink = part().sinks[s];
    if (!sink.repartition) continue;
    const auto& sources = parts[static_cast<std::size_t>(sink.downstream)].sources;
    std::int32_t source = 0;
    while (sources[static_cast<std::size_t>(source)].topic != sink.topic) ++source;
    for (std::size_t n = 0; n < config_.downstream[s].size(); ++n) {
      link over;
      over.to = config_.downstream[s][n];
      over.part = sink.downstream;
      over.partition = static_cast<std::int32_t>(n);
      over.source = source;
      over.credit = config_.settings.deliver_bytes;
      links_.emplace(topic_partition{sink.topic, over.partition}, std::move(over));
    }
  }
}

// A delivery of nothing asks: what of mine have you committed? The answer waits for the commit of
// what has been handed over before.
deliver_request task_state::ask_flushed(const link& over, const std::string& task) const {
  return deliver_request::make(task.size(), [&](wire::DeliverRequest::Builder out) {
    out.setPart(over.part);
    out.setPartition(over.partition);
    out.setSource(over.source);
    out.setTask(text_of(task));
  });
}

void task_state::open_links() {
  const auto names = sinks_->mark_names();
  targets_left_ = links_.size() * names.size();
  for (auto& [tp, over] : links_) {
    for (const auto& mark : names) {
      self_->request(over.to, caf::infinite, ask_flushed(over, mark))
          .then(
              [this, to = tp, mark](const deliver_reply& r) {
                guarded([&] {
                  sinks_->set_sent(to, mark, r.open()->getFlushed());
                  if (--targets_left_ > 0) return;
                  send_last_outbox();
                  open_inputs();
                });
              },
              nobody_answers);
    }
  }
}

void task_state::send_repartitioned(const topic_partition& to, bytes batch) {
  if (links_.empty()) return queue_.push_raw(to, batch);
  auto& over = links_.at(to);
  link_bytes_ += batch.size();
  over.queued.push_back(std::move(batch));
  over.unflushed = true;
}

void task_state::pump_links() {
  for (auto& each : links_) deliver(each.second);
}

void task_state::deliver(link& over) {
  if (over.in_flight > 0 || over.queued.empty()) return;
  std::size_t count = 0;
  std::size_t size = 0;
  for (const auto& each : over.queued) {
    if (count > 0 && size + each.size() > over.credit) break;
    size += each.size();
    ++count;
  }
  const auto fill = [&](wire::DeliverRequest::Builder out) {
    out.setPart(over.part);
    out.setPartition(over.partition);
    out.setSource(over.source);
    out.setTask(text_of(name_));
    auto* to = out.initBatches(static_cast<unsigned>(size)).begin();
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(to, over.queued[i].data(), over.queued[i].size());
      to += over.queued[i].size();
    }
    std::memset(to, 0, data_words(size) * sizeof(capnp::word) - size);
  };
  auto request = deliver_request::make_ending_in_data(
      data_words(size), fill, envelope_spare_words + data_words(name_.size()));
  over.queued.erase(over.queued.begin(), over.queued.begin() + static_cast<std::ptrdiff_t>(count));
  over.in_flight = size;
  self_->request(over.to, caf::infinite, std::move(request))
      .then(
          [this, &over](const deliver_reply& r) {
            guarded([&] {
              link_bytes_ -= std::exchange(over.in_flight, 0);
              over.credit = r.open()->getCredit();
              deliver(over);
              if (committing_ != commit_stage::none) return advance_commit();
              work();
            });
          },
          nobody_answers);
}

// Asks every reader that has something uncommitted to say when it has committed it. A task without
// state then commits the offsets of this moment: everything before them has been handed over.
void task_state::start_flush() {
  if (links_.empty()) return;
  flushing_ = true;
  flushes_left_ = 1;
  auto offsets = stateful() ? commit_offsets_request{} : offsets_request();
  auto one_done = [this, offsets] {
    if (--flushes_left_ > 0) return;
    if (stateful()) return flushed();
    ask<group_reply>(offsets, "cannot commit offsets", [this](const group_reply&) { flushed(); });
  };
  for (auto& [tp, over] : links_) {
    if (!over.unflushed || planted(planted_bug::offset_before_reader)) continue;
    over.unflushed = false;
    ++flushes_left_;
    self_->request(over.to, caf::infinite, ask_flushed(over, name_))
        .then([this, one_done](const deliver_reply&) { guarded(one_done); }, nobody_answers);
  }
  if (stateful() && flushes_left_ == 1) {
    flushing_ = false;  // nobody has anything to commit: the caller goes on
    return;
  }
  one_done();
}

void task_state::flushed() {
  flushing_ = false;
  if (committing_ != commit_stage::none) advance_commit();
}

// --- the reader

task_state::deliver_promise task_state::on_deliver(const deliver_request& what) {
  auto promise = self_->make_response_promise<deliver_reply>();
  guarded([&] {
    const auto source = static_cast<std::size_t>(what.open()->getSource());
    PENSTOCK_ASSERT(source < inputs_.size() && inputs_[source].in_memory, source);
    inputs_[source].delivered.emplace_back(what, promise);
    work();
  });
  return promise;
}

void task_state::take_delivery(input& in) {
  auto [what, whom] = std::move(in.delivered.front());
  in.delivered.pop_front();
  auto request = what.open();
  if (view(request->getBatches()).empty()) {
    if (!dirty()) return answer_delivery(in, what, whom);
    waiting_flushes_.push_back({in.source, what, whom});
    return;
  }
  if (auto done = process_delivery(in, *request); !done) return fail(done.error());
  moved_ = true;
  answer_delivery(in, what, whom);
}

result<void> task_state::process_delivery(input& in, wire::DeliverRequest::Reader what) {
  auto data = view(what.getBatches());
  while (!data.empty()) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(data));
    data.remove_prefix(batch.size());
    if (batch.is_control()) {
      PENSTOCK_ASSIGN(auto time, watermark_mark_of(batch));
      if (time) PENSTOCK_TRY(runner_->on_watermark(in.source, *time));
      continue;
    }
    PENSTOCK_ASSIGN(auto mark, source_mark_of(batch));
    if (!mark) return error{errc::corrupt, "records were handed over without their source"};
    auto [at, fresh] = sequences_.try_emplace({in.source, mark->task}, mark->sequence);
    const bool repeated = !fresh && mark->sequence <= at->second;
    if (repeated && !planted(planted_bug::repeats_not_dropped)) continue;
    at->second = mark->sequence;
    PENSTOCK_TRY(runner_->process(in.source, batch, 0));
  }
  return {};
}

void task_state::answer_delivery(const input& in, const deliver_request& what,
                                 deliver_promise whom) {
  auto known = positions_.sequences.find({in.source, std::string{view(what.open()->getTask())}});
  whom.deliver(deliver_reply::make([&](wire::DeliverReply::Builder out) {
    out.setCredit(config_.settings.deliver_bytes);
    out.setFlushed(known == positions_.sequences.end() ? -1 : known->second);
  }));
}

void task_state::answer_flushes() {
  auto waiting = std::exchange(waiting_flushes_, {});
  for (auto& each : waiting)
    answer_delivery(inputs_[static_cast<std::size_t>(each.source)], each.what, each.whom);
}

}  // namespace penstock
