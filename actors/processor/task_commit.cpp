// How a task makes its work last, in this order: output acknowledged, then state and positions in
// one batch of the changelog, then the repartition output that this batch holds, then the group's
// offsets (docs/decisions/0005-commits-of-tasks.md). Nothing is processed meanwhile.
#include "actors/processor/task_state.hpp"
#include "streams/base/planted.hpp"

namespace penstock {

bool task_state::dirty() const {
  const auto time = runner_->time();
  const bool time_moved = time.watermark != sent_time_.watermark || time.idle != sent_time_.idle;
  return moved_ || runner_->has_changes() || !sinks_->empty() || !dropped_keys_.empty() ||
         (time_moved && !sinks_->repartition_targets().empty());
}

void task_state::begin_commit(std::function<void()> then) {
  PENSTOCK_ASSERT(committing_ == commit_stage::none);
  committing_ = commit_stage::output;
  then_ = std::move(then);
  if (auto done = runner_->flush(); !done) return fail(done.error());
  sinks_->flush_ordinary();
  auto repartitioned = sinks_->take_repartitioned();
  if (stateful()) {
    outbox_ = std::move(repartitioned);
  } else {
    for (auto& each : repartitioned) send_repartitioned(each.to, std::move(each.batch));
    send_watermarks();
  }
  advance_commit();
}

void task_state::advance_commit() {
  for (;;) {
    pump();
    if (!output_idle()) return;
    switch (committing_) {
      case commit_stage::none:
      case commit_stage::offsets:
        return;
      case commit_stage::output:
        if (std::exchange(resent_, false)) start_flush();
        if (flushing_) {
          // Readers have not committed yet what the last commit gave them. A task without state
          // goes on meanwhile; one with state could not send two outboxes again.
          if (stateful() || then_) return;
          committing_ = commit_stage::none;
          return work();
        }
        committing_ = commit_stage::changelog;
        if (stateful() && (dirty() || !outbox_.empty())) write_changelog();
        break;
      case commit_stage::changelog:
        if (late_changes_) {  // only with a planted bug
          queue_.push_raw(changelog_, *std::exchange(late_changes_, std::nullopt));
          break;
        }
        committing_ = commit_stage::outbox;
        for (auto& each : outbox_) send_repartitioned(each.to, std::move(each.batch));
        outbox_.clear();
        if (stateful()) send_watermarks();
        break;
      case commit_stage::outbox:
        committing_ = commit_stage::flush;
        start_flush();
        break;
      case commit_stage::flush:
        if (!links_.empty() && !stateful()) {
          // The offsets follow when the readers have committed; the last commit waits for that.
          if (then_ && flushing_) return;
          return end_commit();
        }
        committing_ = commit_stage::offsets;
        return commit_offsets();
    }
  }
}

void task_state::write_changelog() {
  positions_ = positions_now();
  ++positions_.commit;
  positions_.epoch = epoch_;
  positions_.progress = runner_->save_progress();
  const bytes mark = encode(source_mark{name_, epoch_, positions_.commit});
  const header_view header{source_mark_header, bytes_view{mark}};
  const auto now = config_.time->now();
  // First, because compaction keeps the newest record of a key: with it the mark stays.
  commit_batch_.add(now, positions_key, encode(positions_), {&header, 1});
  if (!outbox_.empty()) commit_batch_.add(now, outbox_key, encode_outbox(outbox_));
  if (planted(planted_bug::offset_before_changelog)) {
    queue_.push_raw(changelog_, commit_batch_.finish());
    runner_->take_changes(commit_batch_);
    if (!commit_batch_.empty()) late_changes_ = bytes{commit_batch_.finish()};
    return;
  }
  for (const auto& key : dropped_keys_) commit_batch_.add(now, key, std::nullopt);
  dropped_keys_.clear();
  runner_->take_changes(commit_batch_);
  queue_.push_raw(changelog_, commit_batch_.finish());
}

void task_state::commit_offsets() {
  const auto now = config_.time->monotonic();
  // Tasks with state resume from their changelog: the group's offsets only show where they are.
  const bool due = !stateful() || then_ || now - visible_at_ >= config_.settings.visible_interval;
  if (!due || !moved_since_visible_) return end_commit();
  visible_at_ = now;
  moved_since_visible_ = false;
  ask<group_reply>(offsets_request(), "cannot commit offsets",
                   [this](const group_reply&) { end_commit(); });
}

commit_offsets_request task_state::offsets_request() const {
  return commit_offsets_request::make(inputs_.size() * 320, [&](auto out) {
    out.setGroup(text_of(config_.topology->name()));
    out.setGeneration(-1);
    unsigned count = 0;
    for (const auto& in : inputs_) count += in.in_memory ? 0 : 1;
    auto list = out.initOffsets(count);
    unsigned i = 0;
    for (const auto& in : inputs_) {
      if (in.in_memory) continue;
      list[i].setTopic(text_of(in.from.topic));
      list[i].setPartition(in.from.partition);
      list[i].setOffset(in.next);
      ++i;
    }
  });
}

void task_state::end_commit() {
  committing_ = commit_stage::none;
  moved_ = false;
  sinks_->begin_commit_span(positions_.commit + 1);
  purge(false);
  answer_flushes();
  if (auto then = std::exchange(then_, nullptr)) then();
  work();
}

void task_state::purge(bool all) {
  // What the commit covers will never be read again.
  for (auto& in : inputs_) {
    if (!in.repartition || in.in_memory || in.read_bytes == 0) continue;
    if (!all && in.read_bytes < config_.settings.purge_bytes) continue;
    in.read_bytes = 0;
    self_
        ->request(config_.node, config_.settings.request_timeout,
                  delete_records_request::make([&](wire::DeleteRecordsRequest::Builder out) {
                    out.setTopic(text_of(in.from.topic));
                    out.setPartition(in.from.partition);
                    out.setBefore(in.next);
                  }))
        .then([](const delete_records_reply&) {}, [](const caf::error&) {});
  }
}

task_positions task_state::positions_now() const {
  task_positions now;
  now.commit = positions_.commit;
  for (const auto& in : inputs_)
    if (!in.in_memory) now.next[in.from] = in.next;
  now.sequences = sequences_;
  now.topic_ids = config_.topic_ids;
  return now;
}

}  // namespace penstock
