#include "streams/plan/plan_runner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "streams/plan/layout.hpp"
#include "streams/record/serde.hpp"

namespace penstock {

/// `save_progress`: docs/formats/values.md says how structs are written.
struct saved_timeline {
  std::string name;
  timestamp max_seen = min_timestamp;
  bool idle = false;
};
PENSTOCK_FIELDS(saved_timeline, name, max_seen, idle);

struct saved_upstream {
  std::string topic;
  std::string task;
  std::int32_t epoch = 0;
  timestamp watermark = min_timestamp;
  bool idle = false;
};
PENSTOCK_FIELDS(saved_upstream, topic, task, epoch, watermark, idle);

struct saved_progress {
  std::int32_t version = 1;
  timestamp watermark = min_timestamp;
  timestamp reported = min_timestamp;
  std::vector<saved_timeline> timelines;
  std::vector<saved_upstream> upstream;
};
PENSTOCK_FIELDS(saved_progress, version, watermark, reported, timelines, upstream);

plan_runner::plan_runner(const plan& p, std::int32_t part, std::int32_t partition,
                         const runner_settings& settings, task_output& output)
    : context_(p, part, partition, settings, output), sources_(context_.part_->sources.size()) {
  make_operators();
  mark_active();
}

void plan_runner::make_operators() {
  const sub_topology& part = *context_.part_;
  for (std::size_t i = 0; i < part.steps.size(); ++i) {
    const step& s = context_.plan_->steps()[detail::index_of(part.steps[i])];
    context_.self_ = &s;
    context_.delay_ = part.delays[i];
    context_.side_ = hop_side::inside;
    context_.sink_ = -1;
    source_state* source = nullptr;
    for (std::size_t n = 0; n < part.sources.size(); ++n) {
      if (part.sources[n].from != s.id) continue;
      source = &sources_[n];
      source->repartition = part.sources[n].repartition;
    }
    for (std::size_t n = 0; n < part.sinks.size(); ++n) {
      if (part.sinks[n].from == s.id) context_.sink_ = static_cast<std::int32_t>(n);
    }
    if (context_.plan_->moves(s.id)) {
      context_.side_ = source != nullptr ? hop_side::read : hop_side::write;
    }
    operators_.push_back(s.make(context_));
    context_.made_.emplace_back(s.id, operators_.back().get());
    if (source != nullptr) {
      source->op = dynamic_cast<source_operator*>(operators_.back().get());
      PENSTOCK_ASSERT(source->op != nullptr, s.name);
    }
  }
  for (std::size_t i = 0; i < part.timelines.size(); ++i) {
    const plan_timeline& line = part.timelines[i];
    if (line.source < 0) continue;
    source_state& source = sources_[static_cast<std::size_t>(line.source)];
    if (part.sources[static_cast<std::size_t>(line.source)].from == line.at) {
      source.timeline = static_cast<int>(i);
    }
  }
}

template <class Body>
result<void> plan_runner::guarded(Body&& body) {
  if (context_.failure_) return context_.failure_;
  try {
    body();
  } catch (const stop_task&) {
    context_.feeding_ = -1;
    return context_.failure_;
  }
  return {};
}

result<void> plan_runner::process(std::int32_t source, const batch_view& batch, offset_t from) {
  PENSTOCK_ASSERT(source >= 0 && static_cast<std::size_t>(source) < sources_.size(), source);
  if (context_.failure_) return context_.failure_;
  context_.source_ = source;
  for (timeline_state& line : context_.timelines_) {
    if (line.layout->source == source) line.ended = false;
  }
  auto done = run_records(sources_[static_cast<std::size_t>(source)], batch, from);
  context_.feeding_ = -1;
  mark_active();
  return done;
}

result<void> plan_runner::run_records(source_state& source, const batch_view& batch,
                                      offset_t from) {
  PENSTOCK_TRY(cursor_.open(batch));
  record_view record;
  record_context context;
  context.raw = &record;
  try {
    for (;;) {
      auto more = cursor_.next(record);
      if (!more) return std::move(more).error();
      if (!*more) return {};
      if (record.offset < from) continue;
      run_record(source, record, context);
    }
  } catch (const stop_task&) {
    return context_.failure_;
  }
}

void plan_runner::run_record(source_state& source, const record_view& record,
                             record_context& context) {
  if (!source.repartition) ++context_.counters_.records_in;
  context_.offset_ = record.offset;
  context_.feeding_ = context_.source_;
  context.time = record.time;
  if (source.timeline >= 0) {
    auto& line = context_.timelines_[static_cast<std::size_t>(source.timeline)];
    if (line.layout->marks) {
      line.touched = true;  // checked upstream; time follows the marks
    } else {
      if (!context_.plausible(record.time)) [[unlikely]] {
        if (const std::string why = context_.implausible(record.time); !why.empty()) {
          const auto at = detail::index_of(line.layout->at);
          context_.bad_record(context_.plan_->steps()[at], context, why);
          return;
        }
      }
      context_.saw(line, record.time);
    }
  }
  source.op->on_raw(record, context);
  if (context_.time_moved_) move_time();
}

/// Notes the wall-clock time for every timeline that has seen something.
void plan_runner::mark_active() {
  if (context_.timelines_.empty() || context_.settings_.time == nullptr) return;
  const auto now = context_.settings_.time->monotonic();
  for (timeline_state& line : context_.timelines_) {
    if (line.touched || line.active.count() == 0) line.active = now;
    line.touched = false;
  }
}

result<void> plan_runner::on_watermark(std::int32_t source, const watermark_mark& mark) {
  PENSTOCK_ASSERT(source >= 0 && static_cast<std::size_t>(source) < sources_.size(), source);
  source_state& from = sources_[static_cast<std::size_t>(source)];
  upstream_task& task = from.upstream[mark.task];
  if (mark.epoch < task.epoch) return {};
  // A task that was idle, or at its end, may go on from an earlier time.
  const bool back = mark.epoch == task.epoch && mark.watermark < task.watermark;
  if (back && !task.idle && task.watermark != max_timestamp) {
    task.idle = mark.idle;
  } else {
    task = {mark.epoch, mark.watermark, mark.idle};
  }
  return guarded([&] {
    follow_upstream(from);
    mark_active();
    if (context_.time_moved_) move_time();
  });
}

/// A repartition source is as far as the slowest upstream task that is not idle.
void plan_runner::follow_upstream(source_state& source) {
  if (source.timeline < 0) return;
  auto& line = context_.timelines_[static_cast<std::size_t>(source.timeline)];
  if (!line.layout->marks) return;
  const auto number = static_cast<std::size_t>(line.layout->source);
  const auto expected = number < context_.settings_.upstream_tasks.size()
                            ? static_cast<std::size_t>(context_.settings_.upstream_tasks[number])
                            : source.upstream.size();
  timestamp slowest = max_timestamp;
  timestamp fastest_idle = min_timestamp;
  bool idle = true;
  for (const auto& [name, task] : source.upstream) {
    if (task.idle) {
      fastest_idle = std::max(fastest_idle, task.watermark);
    } else {
      idle = false;
      slowest = std::min(slowest, task.watermark);
    }
  }
  if (source.upstream.size() < expected) {  // one that has said nothing yet may be anywhere
    idle = false;
    slowest = min_timestamp;
  }
  if (idle) slowest = fastest_idle;
  line.touched = true;
  const bool ended = slowest == max_timestamp && !source.upstream.empty();
  if (slowest != line.max_seen || idle != line.idle || ended != line.ended) {
    if (!ended) line.max_seen = slowest;
    line.idle = idle && !ended;
    line.ended = ended;
    context_.time_moved_ = true;
  }
}

timestamp plan_runner::min_of_active() const {
  timestamp least = max_timestamp;
  for (const timeline_state& line : context_.timelines_) {
    if (!line.idle) least = std::min(least, line.watermark());
  }
  return least;
}

bool plan_runner::all_idle() const {
  return !context_.timelines_.empty() &&
         std::all_of(context_.timelines_.begin(), context_.timelines_.end(),
                     [](const timeline_state& line) { return line.idle; });
}

/// Whether nothing more comes from anywhere, for now.
bool plan_runner::at_end() const {
  return min_of_active() == max_timestamp &&
         std::any_of(context_.timelines_.begin(), context_.timelines_.end(),
                     [](const timeline_state& line) { return line.ended; });
}

/// After records or marks: the watermark follows the slowest timeline that is not idle.
void plan_runner::move_time() {
  context_.time_moved_ = false;
  if (all_idle()) return;  // `tick` moves time on
  idle_watermark_.reset();
  const timestamp now = min_of_active();
  if (now == max_timestamp) {
    close_everything();
  } else {
    reported_ = std::max(reported_, now);
    if (now > context_.watermark_) set_watermark(now);
  }
}

void plan_runner::set_watermark(timestamp to) {
  context_.watermark_before_ = std::exchange(context_.watermark_, to);
  if (to < context_.next_due_) return;
  // Records leave a state from here on, which is no source. They go to operators further behind,
  // which are asked after they have got them.
  const std::int32_t feeding = std::exchange(context_.feeding_, -1);
  context_.next_due_ = max_timestamp;
  for (std::size_t i = 0; i < operators_.size(); ++i) {
    context_.told_ = i;
    operator_base& op = *operators_[i];
    if (op.due() <= to) op.on_time();
    PENSTOCK_ASSERT(op.due() > to, i);
    context_.wake_at(op.due());
  }
  context_.told_ = SIZE_MAX;
  context_.feeding_ = feeding;
}

/// The end of the input: time goes on as far as there is something to close, and no further, so
/// that a later run of the job is not late from its first record.
void plan_runner::close_everything() {
  for (;;) {
    timestamp next = max_timestamp;
    for (const auto& op : operators_) {
      if (op->has_windows()) next = std::min(next, op->due());
    }
    if (next == max_timestamp) break;
    set_watermark(std::max(next, context_.watermark_));
  }
  reported_ = std::max(reported_, context_.watermark_);
}

result<void> plan_runner::tick() {
  if (context_.timelines_.empty() || context_.settings_.time == nullptr) {
    return context_.failure_ ? result<void>{context_.failure_} : result<void>{};
  }
  return guarded([&] {
    const auto now = context_.settings_.time->monotonic();
    for (timeline_state& line : context_.timelines_) {
      const auto& limit = line.layout->idle_after;
      if (!line.idle && limit && now - line.active >= *limit) {
        line.idle = true;
        context_.time_moved_ = true;
      }
    }
    if (all_idle()) {
      context_.time_moved_ = false;
      move_idle_time(now);
    } else if (context_.time_moved_) {
      move_time();
    }
  });
}

/// Nothing comes from anywhere: event time goes on with the wall clock, from where the furthest
/// timeline stopped, so that the last windows close when their time has come. Tasks downstream are
/// told once, and then go on by their own clock.
void plan_runner::move_idle_time(std::chrono::nanoseconds now) {
  timestamp furthest = min_timestamp;
  for (const timeline_state& line : context_.timelines_) {
    if (line.watermark() == min_timestamp) continue;
    const auto silent = std::chrono::duration_cast<duration>(now - line.active);
    const timestamp moved = line.watermark() > max_timestamp - silent ? max_timestamp - duration{1}
                                                                      : line.watermark() + silent;
    furthest = std::max(furthest, moved);
  }
  if (!idle_watermark_) idle_watermark_ = std::max(reported_, furthest);
  if (furthest > context_.watermark_) set_watermark(furthest);
}

result<void> plan_runner::advance_to(timestamp watermark) {
  return guarded([&] {
    for (timeline_state& line : context_.timelines_) {
      // Marks say how far upstream tasks are. At the end of the input there are none to come, and a
      // task that was restored does not know the last ones any more.
      if (line.layout->marks && watermark != max_timestamp) continue;
      line.ended = watermark == max_timestamp;
      if (!line.ended) {
        const duration behind = line.layout->out_of_order;
        const timestamp seen =
            watermark > max_timestamp - behind ? max_timestamp : watermark + behind;
        line.max_seen = std::max(line.max_seen, seen);
      }
      line.idle = false;
      line.touched = true;
    }
    mark_active();
    move_time();
  });
}

task_time plan_runner::time() const {
  task_time now;
  now.idle = all_idle();
  const duration behind = context_.part_->hop_delay;
  const timestamp own = now.idle && idle_watermark_ ? *idle_watermark_ : reported_;
  if (at_end()) {
    now.watermark = max_timestamp;
  } else if (own >= min_timestamp + behind) {
    now.watermark = own - behind;
  }
  return now;
}

result<void> plan_runner::flush() {
  return guarded([&] {
    context_.feeding_ = -1;
    for (;;) {
      for (const auto& op : operators_) op->flush();
      // What was emitted may have moved time, or opened windows although the input is at its end.
      const bool more =
          at_end() && std::any_of(operators_.begin(), operators_.end(), [](const auto& op) {
            return op->has_windows() && op->due() != max_timestamp;
          });
      if (!context_.time_moved_ && !more) return;
      move_time();
    }
  });
}

bool plan_runner::has_changes() const {
  return std::any_of(context_.stores_.begin(), context_.stores_.end(),
                     [](const auto& store) { return store.second->has_changes(); });
}

std::size_t plan_runner::change_bytes() const {
  std::size_t all = 0;
  for (const auto& [name, store] : context_.stores_) all += store->change_bytes();
  return all;
}

void plan_runner::take_changes(batch_builder& to) {
  for (const auto& [name, store] : context_.stores_) {
    store->take_changes(name + '\0', to);
  }
}

bytes plan_runner::save_progress() const {
  saved_progress saved;
  saved.watermark = context_.watermark_;
  saved.reported = reported_;
  for (const timeline_state& line : context_.timelines_) {
    saved.timelines.push_back({line.layout->name, line.max_seen, line.idle});
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    for (const auto& [task, known] : sources_[i].upstream) {
      saved.upstream.push_back(
          {context_.part_->sources[i].topic, task, known.epoch, known.watermark, known.idle});
    }
  }
  bytes to;
  serde<saved_progress>::encode(saved, to);
  return to;
}

result<void> plan_runner::restore_progress(bytes_view saved) {
  saved_progress from;
  if (!serde<saved_progress>::decode(saved, from)) {
    return {errc::corrupt, fmt::format("job {}: the saved progress of partition {} ({} bytes) does "
                                       "not decode; start again with --reset",
                                       context_.settings_.job, context_.partition_, saved.size())};
  }
  if (from.version != 1) {
    return {errc::unsupported_version,
            fmt::format("job {}: the saved progress of partition {} has version {}, this program "
                        "knows 1; use the newer program",
                        context_.settings_.job, context_.partition_, from.version)};
  }
  for (const saved_timeline& one : from.timelines) {
    for (timeline_state& line : context_.timelines_) {
      if (line.layout->name != one.name) continue;
      line.max_seen = one.max_seen;
      line.idle = one.idle && (line.layout->marks || line.layout->idle_after.has_value());
    }
  }
  for (const saved_upstream& one : from.upstream) {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (context_.part_->sources[i].topic != one.topic) continue;
      // One that had ended says so again, or goes on.
      const bool ended = one.watermark == max_timestamp;
      sources_[i].upstream[one.task] = {one.epoch, ended ? min_timestamp : one.watermark, one.idle};
    }
  }
  reported_ = from.reported;
  context_.watermark_ = from.watermark;
  context_.next_due_ = max_timestamp;
  for (const auto& op : operators_) {
    op->on_restored();
    context_.wake_at(op->due());
  }
  return {};
}

result<void> plan_runner::restore(bytes_view key, std::optional<bytes_view> value) {
  const auto end = key.find('\0');
  const std::string_view step = key.substr(0, end);
  for (const auto& [name, store] : context_.stores_) {
    if (end == bytes_view::npos || name != step) continue;
    auto done = store->restore(key.substr(end + 1), value);
    if (!done) return done.error().with_context("restoring step \"" + name + "\"");
    context_.next_due_ = min_timestamp;  // ask every operator again
    return {};
  }
  return {errc::state_changed,
          fmt::format("job {}: the stored state names step \"{}\", which this topology does not "
                      "have or which keeps no state; put it back, or drop its state with --reset",
                      context_.settings_.job, step)};
}

const store_base* plan_runner::find_store(std::string_view step) const {
  for (const auto& [name, store] : context_.stores_) {
    if (name == step) return store;
  }
  return nullptr;
}

std::uint64_t plan_runner::state_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, store] : context_.stores_) sum += store->memory_bytes();
  return sum;
}

std::optional<bytes> plan_runner::state_of(std::string_view step, bytes_view key) const {
  const store_base* store = find_store(step);
  return store == nullptr ? std::nullopt : store->get(key);
}

void plan_runner::each_state(std::string_view step,
                             const std::function<void(bytes_view, bytes_view)>& f) const {
  if (const store_base* store = find_store(step)) store->each(f);
}

}  // namespace penstock
