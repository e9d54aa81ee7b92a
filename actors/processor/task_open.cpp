// How a task gets from nothing to running. A fresh producer id is its epoch; opening the partitions
// it writes fences earlier runs there and tells what they have sent. Only behind these fences is
// the changelog (or the committed offsets) read, so nothing of an earlier run can come after it.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/processor/task_state.hpp"

namespace penstock {
namespace {

constexpr std::int64_t list_start = -2;
constexpr std::int64_t list_end = -1;
constexpr std::uint32_t restore_fetch_bytes = std::uint32_t{4} << 20;

open_source_request open_request(const topic_partition& to, const std::string& task,
                                 std::int32_t epoch) {
  return open_source_request::make([&](wire::OpenSourceRequest::Builder out) {
    out.setTopic(text_of(to.topic));
    out.setPartition(to.partition);
    out.setTask(text_of(task));
    out.setEpoch(epoch);
  });
}

list_offsets_request list_request(const topic_partition& of, std::int64_t which) {
  return list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
    out.setTopic(text_of(of.topic));
    out.setPartition(of.partition);
    out.setTime(which);
    out.setCommitted(true);
  });
}

}  // namespace

void task_state::start(task_config config) {
  config_ = std::move(config);
  const auto& me = part();
  name_ = task_name(*config_.topology, config_.part, config_.partition);
  changelog_ = {changelog_topic(*config_.topology, config_.part), config_.partition};
  for (std::size_t s = 0; s < me.sources.size(); ++s) {
    input in;
    in.source = static_cast<std::int32_t>(s);
    in.from = {me.sources[s].topic, config_.partition};
    in.repartition = me.sources[s].repartition;
    in.table = me.sources[s].table;
    in.in_memory = in.repartition && config_.settings.in_memory_repartition;
    // `key_by` moves data only for a state behind it; its commits say what was taken over.
    PENSTOCK_ASSERT(!in.in_memory || stateful(), name_);
    inputs_.push_back(std::move(in));
  }
  task_sinks_config out;
  out.sinks = me.sinks;
  out.partitions = config_.sink_partitions;
  out.task = name_;
  out.sources = static_cast<std::int32_t>(me.sources.size());
  out.stateful = stateful();
  out.in_memory = config_.settings.in_memory_repartition;
  out.time = config_.time;
  out.print = config_.print;
  sinks_ = std::make_unique<task_sinks>(std::move(out), queue_);
  runner_settings settings;
  settings.time = config_.time;
  settings.upstream_tasks = config_.upstream_tasks;
  settings.job = config_.topology->name();
  runner_ = config_.topology->make_runner(config_.part, config_.partition, settings, *sinks_);
  make_links();
  report(wire::TaskChanged::State::RESTORING);
  open_producer();
}

void task_state::open_producer() {
  ask<init_producer_reply>(init_producer_request{}, "cannot get a producer id",
                           [this](const init_producer_reply& r) {
                             auto in = r.open();
                             queue_.set_producer(in->getProducerId(), in->getEpoch());
                             // Ids are given in rising order, so a later run has the higher epoch.
                             epoch_ = static_cast<std::int32_t>(in->getProducerId() & 0x7fffffff);
                             sinks_->set_epoch(epoch_);
                             if (stateful()) return open_changelog();
                             open_targets();
                           });
}

void task_state::open_changelog() {
  ask<open_source_reply>(
      open_request(changelog_, name_, epoch_), "cannot open " + changelog_.to_string(),
      [this](const open_source_reply& r) {
        const auto last_commit = r.open()->getSequence();
        ask<list_offsets_reply>(list_request(changelog_, list_start),
                                "cannot read " + changelog_.to_string(),
                                [this, last_commit](const list_offsets_reply& start) {
                                  read_changelog(start.open()->getOffset(), last_commit);
                                });
      });
}

void task_state::read_changelog(offset_t from, std::int64_t last_commit) {
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(text_of(changelog_.topic));
    out.setPartition(changelog_.partition);
    out.setOffset(from);
    out.setMaxBytes(restore_fetch_bytes);
    // The last commit may have been written and not yet be durable: then this waits for it.
    out.setMaxWaitMs(positions_.commit < last_commit ? 100 : 0);
  });
  ask<fetch_reply>(
      std::move(request), "cannot restore from " + changelog_.to_string(),
      [this, last_commit](const fetch_reply& r) {
        auto in = r.open();
        auto data = view(in->getBatches());
        while (!data.empty()) {
          auto batch = batch_view::parse(data);
          if (!batch) return fail(batch.error().with_context(changelog_.to_string()));
          if (auto done = apply_commit(*batch); !done)
            return fail(done.error().with_context(changelog_.to_string()));
          data.remove_prefix(batch->size());
        }
        if (in->getNextOffset() < in->getHighWatermark() || positions_.commit < last_commit)
          return read_changelog(in->getNextOffset(), last_commit);
        if (positions_.commit >= 0) {
          if (auto done = runner_->restore_progress(positions_.progress); !done)
            return fail(done.error().with_context(changelog_.to_string()));
        }
        open_targets();
      });
}

result<void> task_state::apply_commit(const batch_view& batch) {
  if (batch.is_control()) return {};
  batch_cursor cursor;
  PENSTOCK_TRY(cursor.open(batch));
  record_view r;
  for (;;) {
    PENSTOCK_ASSIGN(bool more, cursor.next(r));
    if (!more) return {};
    PENSTOCK_TRY(apply_changelog_record(r));
  }
}

result<void> task_state::apply_changelog_record(const record_view& r) {
  if (!r.key) return error{errc::corrupt, "a record without key at " + std::to_string(r.offset)};
  ++restored_;
  if (*r.key == positions_key) {
    PENSTOCK_ASSIGN(positions_, decode_positions(r.value.value_or(bytes_view{})));
    sequences_ = positions_.sequences;
    outbox_.clear();  // of an earlier commit: this one may have none
    return {};
  }
  if (*r.key == outbox_key) {
    outbox_.clear();
    if (!r.value) return {};
    PENSTOCK_ASSIGN(outbox_, decode_outbox(*r.value));
    return {};
  }
  const auto step = r.key->substr(0, r.key->find('\0'));
  const auto& drop = config_.drop_steps;
  if (std::find(drop.begin(), drop.end(), step) == drop.end())
    return runner_->restore(*r.key, r.value);
  if (r.value) {
    dropped_keys_.insert(bytes{*r.key});
  } else {
    dropped_keys_.erase(bytes{*r.key});
  }
  return {};
}

void task_state::open_targets() {
  if (!links_.empty()) return open_links();
  const auto& targets = sinks_->repartition_targets();
  const auto names = sinks_->mark_names();
  targets_left_ = targets.size() * names.size();
  if (targets_left_ == 0) return open_inputs();
  for (const auto& to : targets) {
    for (const auto& mark : names) {
      ask<open_source_reply>(open_request(to, mark, epoch_), "cannot open " + to.to_string(),
                             [this, to, mark](const open_source_reply& r) {
                               sinks_->set_sent(to, mark, r.open()->getSequence());
                               if (--targets_left_ > 0) return;
                               send_last_outbox();
                               open_inputs();
                             });
    }
  }
}

void task_state::send_last_outbox() {
  // Partitions that have it already drop it: its sequence is the number of its commit.
  for (const auto& each : outbox_) {
    auto batch = remark(each.batch, source_mark{name_, epoch_, positions_.commit});
    if (!batch) return fail(batch.error().with_context("the outbox in " + changelog_.to_string()));
    send_repartitioned(each.to, std::move(*batch));
  }
  resent_ = !outbox_.empty();
  outbox_.clear();
  pump();
}

/// State stands for the records of topics, not of names; and a position of a topic that was deleted
/// means nothing in another one. Also when the topic is read by tasks upstream.
result<void> task_state::check_topic_ids() const {
  for (const auto& [topic, then] : positions_.topic_ids) {
    const auto now = config_.topic_ids.find(topic);
    if (now == config_.topic_ids.end() || now->second == then) continue;
    return error{errc::state_changed,
                 "topic \"" + topic + "\" was deleted and made again since topology \"" +
                     config_.topology->name() + "\" read it: run once with --reset to start over"};
  }
  return {};
}

void task_state::open_inputs() {
  auto with_start = [this](const std::map<topic_partition, offset_t>& known) {
    opening_left_ = 1;
    for (auto& in : inputs_) {
      if (in.in_memory) continue;
      if (auto at = known.find(in.from); at != known.end() && at->second >= 0) {
        in.next = at->second;
        continue;
      }
      ++opening_left_;
      ask<list_offsets_reply>(list_request(in.from, list_start),
                              "cannot read " + in.from.to_string(),
                              [this, &in](const list_offsets_reply& r) {
                                in.next = r.open()->getOffset();
                                input_opened();
                              });
    }
    input_opened();
  };
  if (stateful()) {
    if (auto same = check_topic_ids(); !same) return fail(same.error());
    return with_start(positions_.next);
  }
  auto request = fetch_offsets_request::make([&](wire::FetchOffsetsRequest::Builder out) {
    out.setGroup(text_of(config_.topology->name()));
    auto list = out.initPartitions(static_cast<unsigned>(inputs_.size()));
    for (unsigned i = 0; i < inputs_.size(); ++i) {
      list[i].setTopic(text_of(inputs_[i].from.topic));
      list[i].initPartitions(1).set(0, inputs_[i].from.partition);
    }
  });
  ask<fetch_offsets_reply>(
      std::move(request), "cannot read the committed offsets",
      [with_start](const fetch_offsets_reply& r) {
        auto in = r.open();
        std::map<topic_partition, offset_t> known;
        for (auto each : in->getOffsets())
          known[{std::string{view(each.getTopic())}, each.getPartition()}] = each.getOffset();
        with_start(known);
      });
}

void task_state::input_opened() {
  if (--opening_left_ > 0) return;
  opening_left_ = 1;
  for (auto& in : inputs_) {
    if (!in.table) continue;
    ++opening_left_;
    ask<list_offsets_reply>(list_request(in.from, list_end), "cannot read " + in.from.to_string(),
                            [this, &in](const list_offsets_reply& r) {
                              in.load_to = r.open()->getOffset();
                              if (--opening_left_ == 0) go();
                            });
  }
  if (--opening_left_ == 0) go();
}

void task_state::go() {
  if (phase_ == phase::ended) return;
  phase_ = phase::running;
  sinks_->begin_commit_span(positions_.commit + 1);
  positions_ = positions_now();
  report(wire::TaskChanged::State::RUNNING);
  if (upstream_done_) find_repartition_ends();
  self_->send(self_, tick::make([](auto out) { out.setKind(timer::beat); }));
  // What was dropped has to be gone before anybody may rely on it.
  if (!dropped_keys_.empty()) begin_commit();
  work();
}

void task_state::find_repartition_ends() {
  for (auto& in : inputs_) {
    if (!in.repartition || in.in_memory) continue;
    ask<list_offsets_reply>(list_request(in.from, list_end), "cannot read " + in.from.to_string(),
                            [this, &in](const list_offsets_reply& r) {
                              in.stop_at = r.open()->getOffset();
                              work();
                            });
  }
}

}  // namespace penstock
