// The daily work of a task: one fetch in flight per input, records through the runner, output and
// watermarks out, and no more reading while too much output waits to be acknowledged.
#include <spdlog/spdlog.h>

#include "actors/processor/task_state.hpp"

namespace penstock {

void task_state::work() {
  if (phase_ != phase::running) return;
  while (committing_ == commit_stage::none &&
         queue_.pending_bytes() + link_bytes_ < config_.settings.unsent_bytes_max) {
    auto* in = next_ready();
    if (in == nullptr) break;
    if (in->in_memory) {
      take_delivery(*in);
    } else {
      process(*in);
    }
    if (phase_ != phase::running) return;
    const auto& limits = config_.settings;
    if (runner_->change_bytes() >= limits.commit_change_bytes ||
        (stateful() && sinks_->repartition_bytes() >= limits.outbox_bytes))
      begin_commit();
  }
  pump();
  for (std::size_t i = 0; i < inputs_.size(); ++i) fetch(i);
  check_end();
}

task_state::input* task_state::next_ready() {
  const bool loaded = tables_loaded();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    auto& in = inputs_[(turn_ + i) % inputs_.size()];
    if ((!in.ready && in.delivered.empty()) || (!loaded && !in.table)) continue;
    turn_ = (turn_ + i + 1) % inputs_.size();
    return &in;
  }
  return nullptr;
}

bool task_state::tables_loaded() const {
  for (const auto& in : inputs_)
    if (in.load_to && in.next < *in.load_to) return false;
  return true;
}

void task_state::fetch(std::size_t index) {
  auto& in = inputs_[index];
  if (in.in_memory || in.asked || in.ready) return;
  if (in.stop_at && in.next > *in.stop_at && !in.repartition)
    return fail(error{errc::offset_out_of_range,
                      "the job has read " + in.from.to_string() + " up to offset " +
                          std::to_string(in.next) + ", but it ends at " +
                          std::to_string(*in.stop_at) +
                          ": the topic was deleted and made again, or lost records; run once with "
                          "--reset to count from its start"});
  if (in.stop_at && in.next >= *in.stop_at) return;
  in.asked = true;
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(text_of(in.from.topic));
    out.setPartition(in.from.partition);
    out.setOffset(in.next);
    out.setMaxBytes(config_.settings.fetch_bytes);
    out.setMaxWaitMs(static_cast<std::uint32_t>(config_.settings.fetch_wait.count()));
    if (!in.repartition) out.setIsolation(wire::Isolation::FILTERED);
  });
  self_->request(config_.node, config_.settings.request_timeout, std::move(request))
      .then([this, index](const fetch_reply& r) { guarded([&] { on_fetched(index, r); }); },
            [this, index](const caf::error& e) {
              guarded([&] { on_fetched(index, failed<fetch_reply>(from_caf(e))); });
            });
}

void task_state::on_fetched(std::size_t index, const fetch_reply& reply) {
  auto& in = inputs_[index];
  auto got = reply.open();
  if (auto why = error_of(got->getFailure())) {
    if (is_retriable(why.code()))
      return after(config_.settings.retry_after, [this, index] {
        inputs_[index].asked = false;
        work();
      });
    if (why == errc::offset_out_of_range && !in.repartition && in.next < got->getStartOffset()) {
      // Retention was faster than this job: what is gone is gone, but it is said.
      spdlog::warn("{}: records of {} from offset {} to {} were deleted before they were read",
                   name_, in.from.to_string(), in.next, got->getStartOffset());
      in.asked = false;
      in.next = got->getStartOffset();
      return work();
    }
    return fail(why.with_context("cannot read " + in.from.to_string()));
  }
  in.asked = false;
  in.high_watermark = got->getHighWatermark();
  if (got->getNextOffset() > in.next) in.ready = reply;
  work();
}

void task_state::process(input& in) {
  auto held = *std::exchange(in.ready, std::nullopt);
  auto reply = held.open();
  // Not beyond where it stops: the next run has to send what comes of the records from there on.
  const auto read_to = reply->getNextOffset();
  const auto end = in.stop_at ? std::min(read_to, *in.stop_at) : read_to;
  sinks_->begin_chunk(*runner_, in.source, end - 1);
  if (auto done = process_batches(in, *reply); !done) return fail(done.error());
  moved_ = moved_since_visible_ = true;
  in.read_bytes += view(reply->getBatches()).size();
  if (stateful()) return;
  for (auto& each : sinks_->take_repartitioned())
    send_repartitioned(each.to, std::move(each.batch));
  // Behind the records that it stands for, in every partition.
  const auto now = config_.time->monotonic();
  if (now - watermarks_at_ >= config_.settings.watermark_interval ||
      sinks_->bytes_out() - watermarks_bytes_ >= config_.settings.watermark_bytes)
    send_watermarks();
}

result<void> task_state::process_batches(input& in, wire::FetchReply::Reader reply) {
  auto data = view(reply.getBatches());
  while (!data.empty()) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(data));
    data.remove_prefix(batch.size());
    if (batch.next_offset() <= in.next) continue;
    if (in.stop_at && batch.base_offset() >= *in.stop_at) {
      in.next = *in.stop_at;
      return {};
    }
    if (!batch.is_control()) {
      PENSTOCK_TRY(runner_->process(in.source, batch, in.next));
    } else if (in.repartition) {
      PENSTOCK_ASSIGN(auto mark, watermark_mark_of(batch));
      if (mark) PENSTOCK_TRY(runner_->on_watermark(in.source, *mark));
    }
    in.next = batch.next_offset();
  }
  in.next = std::max(in.next, reply.getNextOffset());
  return {};
}

void task_state::send_watermarks() {
  if (sinks_->repartition_targets().empty()) return;
  const auto time = runner_->time();
  if (time.watermark == sent_time_.watermark && time.idle == sent_time_.idle) return;
  sent_time_ = time;
  watermarks_at_ = config_.time->monotonic();
  watermarks_bytes_ = sinks_->bytes_out();
  const auto batch =
      encode(watermark_mark{name_, epoch_, time.watermark, time.idle}, config_.time->now());
  for (const auto& to : sinks_->repartition_targets()) send_repartitioned(to, batch);
}

void task_state::pump() {
  for (const auto& tp : queue_.ready()) send_to(tp);
  pump_links();
}

void task_state::send_to(const topic_partition& tp) {
  auto request = queue_.next(tp);
  if (!request) return;
  self_->request(config_.node, config_.settings.request_timeout, std::move(*request))
      .then(
          [this, tp](const append_reply& r) {
            guarded([&] { on_sent(tp, queue_.on_reply(tp, r)); });
          },
          [this, tp](const caf::error&) { guarded([&] { on_sent(tp, queue_.on_silence(tp)); }); });
}

void task_state::on_sent(const topic_partition& tp, produce_queue::outcome outcome) {
  switch (outcome) {
    case produce_queue::outcome::lost:
      return fail(queue_.reason().with_context("cannot write " + tp.to_string()));
    case produce_queue::outcome::retry:
      return after(config_.settings.retry_after, [this, tp] { send_to(tp); });
    case produce_queue::outcome::done:
      send_to(tp);
  }
  if (committing_ != commit_stage::none) return advance_commit();
  work();
}

void task_state::beat_now() {
  if (phase_ != phase::running) return;
  self_->delayed_send(self_, config_.settings.commit_interval,
                      tick::make([](auto out) { out.setKind(timer::beat); }));
  if (committing_ != commit_stage::none) return;
  if (auto done = runner_->tick(); !done) return fail(done.error());
  if (dirty()) begin_commit();
  work();
}

bool task_state::inputs_done() const {
  for (const auto& in : inputs_) {
    // Upstream tasks have caught up when everything they handed over has been processed.
    if (in.in_memory ? !upstream_done_ : (!in.stop_at || in.next < *in.stop_at)) return false;
  }
  return true;
}

void task_state::check_end() {
  if (phase_ != phase::running || committing_ != commit_stage::none) return;
  if (stop_ordered_) {
    return begin_commit([this] {
      purge(true);
      phase_ = phase::ended;
      report(wire::TaskChanged::State::ENDED);
      self_->quit();
    });
  }
  if (!inputs_done() || (caught_up_ && !close_ordered_)) return;
  if (close_ordered_) {
    close_ordered_ = false;
    if (auto done = runner_->close_windows(); !done) return fail(done.error());
    moved_ = moved_since_visible_ = true;
  }
  begin_commit([this] {
    caught_up_ = true;
    purge(true);
    report(wire::TaskChanged::State::CAUGHT_UP);
  });
}

void task_state::report(wire::TaskChanged::State state) {
  const auto counters = runner_->counters();
  std::uint64_t lag = 0;
  for (const auto& in : inputs_)
    if (in.high_watermark > in.next) lag += static_cast<std::uint64_t>(in.high_watermark - in.next);
  self_->send(config_.job, task_changed::make([&](wire::TaskChanged::Builder out) {
                out.setPart(config_.part);
                out.setPartition(config_.partition);
                out.setState(state);
                auto n = out.initNumbers();
                n.setRecordsIn(counters.records_in);
                n.setRecordsOut(counters.records_out);
                n.setLate(counters.late);
                n.setBad(counters.bad);
                n.setLag(lag);
                n.setRestored(restored_);
                n.setStateBytes(runner_->state_bytes());
              }));
}

void task_state::on_order(const task_order& order) {
  guarded([&] {
    auto what = order.open();
    switch (what->getKind()) {
      case wire::TaskOrder::Kind::REPORT:
        return report(phase_ == phase::running ? wire::TaskChanged::State::RUNNING
                                               : wire::TaskChanged::State::RESTORING);
      case wire::TaskOrder::Kind::STOP:
        stop_ordered_ = true;
        if (phase_ == phase::opening) {  // nothing was read: nothing to commit
          phase_ = phase::ended;
          report(wire::TaskChanged::State::ENDED);
          return self_->quit();
        }
        break;
      case wire::TaskOrder::Kind::CLOSE_WINDOWS:
        close_ordered_ = true;
        break;
      case wire::TaskOrder::Kind::FINISH_AT:
        for (auto end : what->getEnds())
          for (auto& in : inputs_)
            if (in.from.topic == view(end.getTopic()) && in.from.partition == end.getPartition())
              // What was appended meanwhile may have been read before this order came.
              in.stop_at = in.high_watermark < in.next ? end.getOffset()
                                                       : std::max(end.getOffset(), in.next);
        break;
      case wire::TaskOrder::Kind::UPSTREAM_DONE:
        upstream_done_ = true;
        if (phase_ == phase::running) find_repartition_ends();
        break;
    }
    work();
  });
}

void task_state::on_tick(const tick& what) {
  guarded([&] {
    auto in = what.open();
    if (in->getKind() == timer::beat) return beat_now();
    auto at = later_.find(in->getId());
    if (at == later_.end()) return;
    auto f = std::move(at->second);
    later_.erase(at);
    f();
  });
}

void task_state::after(duration wait, std::function<void()> f) {
  const auto id = next_later_++;
  later_.emplace(id, std::move(f));
  self_->delayed_send(self_, wait, tick::make([&](auto out) {
                        out.setKind(timer::later);
                        out.setId(id);
                      }));
}

void task_state::fail(const error& why) {
  if (phase_ == phase::ended) return;
  phase_ = phase::ended;
  self_->send(config_.job, task_changed::make(why.message().size(), [&](auto out) {
                out.setPart(config_.part);
                out.setPartition(config_.partition);
                out.setState(wire::TaskChanged::State::FAILED);
                set_failure(out.initFailure(), why);
              }));
  self_->quit(to_caf(why));
}

}  // namespace penstock
