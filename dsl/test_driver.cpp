#include "dsl/test_driver.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "streams/base/clock.hpp"
#include "streams/plan/connector.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/task_marks.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock::detail {

void wrong_state_type(std::string_view name, std::string_view type) {
  throw std::invalid_argument(fmt::format("\"{}\" does not hold {}", name, type));
}

namespace {

plan checked(plan p) {
  if (p.problems().empty()) return p;
  std::string all = fmt::format("topology {} cannot run:", p.name());
  for (const std::string& one : p.problems()) all += "\n  " + one;
  throw std::invalid_argument(all);
}

/// One partition of a topic: batches with offsets.
struct partition_queue {
  std::vector<bytes> batches;
  offset_t next_offset = 0;

  void append(bytes batch) {
    assign_offsets(batch.data(), next_offset, 0);
    next_offset = batch_view::parse(batch).value().next_offset();
    batches.push_back(std::move(batch));
  }
};

using partitions = std::vector<partition_queue>;

}  // namespace

struct driver_core::impl {
  struct task;

  impl(plan p, test_options o) : options(o), wall(o.start), job(checked(std::move(p))) {
    if (options.partitions < 1) throw std::invalid_argument("a topic has at least one partition");
    for (const sub_topology& part : job.sub_topologies()) {
      for (const plan_source& s : part.sources) topics[s.topic].resize(count());
    }
    make_tasks();
  }

  std::size_t count() const { return static_cast<std::size_t>(options.partitions); }
  void make_tasks();
  void pump();
  bool read_input(task& one);
  void run_batch(task& one, std::int32_t source, const bytes& batch);
  void send_time(task& one);
  void emit(task& from, std::int32_t sink, const emitted& out);
  void append_output(task& from);
  void commit();
  bool commit_task(task& one);
  void restart();
  void must(const result<void>& done) {
    if (!done) throw std::runtime_error(done.error().message());
  }

  test_options options;
  manual_clock wall;
  plan job;
  std::map<std::string, partitions> topics;            // external and repartition input
  std::map<std::string, std::vector<record>> written;  // output, until drained
  std::map<std::string, std::size_t> keyless;          // for round robin
  std::vector<std::unique_ptr<task>> tasks;            // upstream first
  std::vector<bad_record_report> bad;
  std::vector<std::string> printed;
  std::map<std::string, std::vector<std::pair<std::size_t, offset_t>>> committed_ends;
  std::int32_t epoch = 0;
  /// Lines of a source that wait for more, by topic and key.
  std::map<std::pair<std::string, std::optional<bytes>>, logs::event_assembler> assemblers;
};

/// One runner with its place in the input and what it has made durable.
struct driver_core::impl::task final : task_output {
  task(impl& d, const sub_topology& of, std::int32_t number)
      : driver(d), part(of), partition(number), read(of.sources.size()), saved_read(read) {}

  void emit(std::int32_t sink, const emitted& out) override { driver.emit(*this, sink, out); }
  void print(std::string_view line) override { driver.printed.emplace_back(line); }
  void on_bad_record(const bad_record_notice& n) override {
    bad_record_report report{std::string{n.step},   std::string{n.topic}, n.partition, n.offset,
                             std::string{n.reason}, std::nullopt,         std::nullopt};
    if (n.key) report.key = bytes{*n.key};
    if (n.value) report.value = bytes{*n.value};
    driver.bad.push_back(std::move(report));
  }

  std::string name() const {
    return driver.job.name() + "/" + std::to_string(part.index) + "/" + std::to_string(partition);
  }

  void start() {
    runner_settings settings;
    settings.time = &driver.wall;
    settings.max_ahead = driver.options.max_ahead;
    for (const plan_source& s : part.sources) {
      settings.upstream_tasks.push_back(s.repartition ? driver.options.partitions : 0);
    }
    runner = driver.job.make_runner(part.index, partition, settings, *this);
  }

  impl& driver;
  const sub_topology& part;
  std::int32_t partition;
  std::unique_ptr<task_runner> runner;
  std::vector<std::size_t> read;        // batches read, per source
  std::vector<std::size_t> saved_read;  // at the last commit
  std::vector<bytes> changelog;
  std::optional<bytes> saved_progress;
  std::map<std::pair<std::string, std::size_t>, batch_builder> output;  // to repartition topics
  std::optional<task_time> told;
};

void driver_core::impl::make_tasks() {
  for (const sub_topology& part : job.sub_topologies()) {
    for (std::int32_t p = 0; p < options.partitions; ++p) {
      tasks.push_back(std::make_unique<task>(*this, part, p));
      tasks.back()->start();
    }
  }
}

void driver_core::impl::emit(task& from, std::int32_t sink, const emitted& out) {
  const plan_sink& to = from.part.sinks[static_cast<std::size_t>(sink)];
  const auto partition =
      static_cast<std::size_t>(out.key ? partition_of_key(*out.key, options.partitions)
                                       : static_cast<std::int32_t>(keyless[to.topic]++ % count()));
  if (to.repartition) {
    from.output[{to.topic, partition}].add(out.time, out.key, out.value, out.headers);
    return;
  }
  record r;
  r.offset = static_cast<offset_t>(written[to.topic].size());
  r.time = out.time;
  if (out.key) r.key = bytes{*out.key};
  if (out.value) r.value = bytes{*out.value};
  for (const header_view& h : out.headers) {
    r.headers.push_back({std::string{h.name}, std::nullopt});
    if (h.value) r.headers.back().value = bytes{*h.value};
  }
  written[to.topic].push_back(std::move(r));
}

void driver_core::impl::append_output(task& from) {
  for (auto& [where, builder] : from.output) {
    if (builder.empty()) continue;
    topics[where.first][where.second].append(bytes{builder.finish()});
  }
}

void driver_core::impl::run_batch(task& one, std::int32_t source, const bytes& raw) {
  const batch_view batch = batch_view::parse(raw).value();
  if (batch.is_control()) {
    if (const auto mark = watermark_mark_of(batch).value()) {
      must(one.runner->on_watermark(source, *mark));
    }
  } else {
    must(one.runner->process(source, batch, batch.base_offset()));
  }
  append_output(one);
}

bool driver_core::impl::read_input(task& one) {
  bool any = false;
  for (std::size_t i = 0; i < one.part.sources.size(); ++i) {
    partition_queue& queue =
        topics[one.part.sources[i].topic][static_cast<std::size_t>(one.partition)];
    while (one.read[i] < queue.batches.size()) {
      const bytes batch = queue.batches[one.read[i]++];
      run_batch(one, static_cast<std::int32_t>(i), batch);
      any = true;
    }
  }
  return any;
}

/// Tells the tasks downstream how far event time has come in this one.
void driver_core::impl::send_time(task& one) {
  const task_time now = one.runner->time();
  if (one.told && one.told->watermark == now.watermark && one.told->idle == now.idle) return;
  one.told = now;
  for (const plan_sink& sink : one.part.sinks) {
    if (!sink.repartition) continue;
    for (partition_queue& queue : topics[sink.topic]) {
      queue.append(encode(watermark_mark{one.name(), epoch, now.watermark, now.idle}, wall.now()));
    }
  }
}

/// Until no task has anything to read; upstream tasks come first, so once is enough.
void driver_core::impl::pump() {
  for (const auto& one : tasks) {
    read_input(*one);
    append_output(*one);
    send_time(*one);
  }
}

bool driver_core::impl::commit_task(task& one) {
  read_input(one);
  must(one.runner->flush());
  append_output(one);
  send_time(one);
  batch_builder changes;
  one.runner->take_changes(changes);
  if (!changes.empty()) one.changelog.emplace_back(changes.finish());
  one.saved_progress = one.runner->save_progress();
  one.saved_read = one.read;
  return true;
}

void driver_core::impl::commit() {
  // What a task emits at its flush is read by those behind it, which come later.
  for (const auto& one : tasks) commit_task(*one);
  for (const auto& [topic, queues] : topics) {
    auto& ends = committed_ends[topic];
    ends.clear();
    for (const partition_queue& q : queues) ends.emplace_back(q.batches.size(), q.next_offset);
  }
}

void driver_core::impl::restart() {
  ++epoch;
  for (const sub_topology& part : job.sub_topologies()) {
    for (const plan_source& s : part.sources) {
      if (!s.repartition) continue;
      const auto ends = committed_ends.find(s.topic);
      partitions& queues = topics[s.topic];
      for (std::size_t p = 0; p < queues.size(); ++p) {
        queues[p].batches.resize(ends == committed_ends.end() ? 0 : ends->second[p].first);
        queues[p].next_offset = ends == committed_ends.end() ? 0 : ends->second[p].second;
      }
    }
  }
  for (const auto& one : tasks) {
    one->output.clear();
    one->told.reset();
    one->start();
    one->read = one->saved_read;
    for (const bytes& raw : one->changelog) {
      batch_cursor cursor;
      must(cursor.open(batch_view::parse(raw).value()));
      record_view change;
      while (cursor.next(change).value()) must(one->runner->restore(*change.key, change.value));
    }
    if (one->saved_progress) must(one->runner->restore_progress(*one->saved_progress));
  }
  pump();
}

driver_core::driver_core(plan p, test_options options)
    : impl_(std::make_unique<impl>(std::move(p), options)) {}
driver_core::~driver_core() = default;

void driver_core::feed(const std::string& topic, std::optional<bytes_view> key,
                       std::optional<bytes_view> value, std::optional<timestamp> at,
                       std::span<const header_view> headers) {
  const auto found = impl_->topics.find(topic);
  bool external = false;
  for (const sub_topology& part : impl_->job.sub_topologies()) {
    for (const plan_source& s : part.sources) external |= s.topic == topic && !s.repartition;
  }
  if (found == impl_->topics.end() || !external) {
    throw std::invalid_argument(
        fmt::format("topology {} does not read topic \"{}\"", impl_->job.name(), topic));
  }
  const auto partition = static_cast<std::size_t>(
      key ? partition_of_key(*key, impl_->options.partitions)
          : static_cast<std::int32_t>(impl_->keyless[topic]++ % impl_->count()));
  batch_builder builder;
  builder.add(at.value_or(impl_->wall.now()), key, value, headers);
  found->second[partition].append(bytes{builder.finish()});
  impl_->pump();
}

const plan_connector& driver_core::connector_of(const std::string& step, bool source) const {
  std::string others;
  for (const plan_connector& each : impl_->job.connectors()) {
    if (each.source != source) continue;
    if (each.name == step) return each;
    others += (others.empty() ? " (it has " : ", ") + each.name;
  }
  throw std::invalid_argument(fmt::format("topology {} has no {} \"{}\"{}", impl_->job.name(),
                                          source ? "source" : "sink", step,
                                          others.empty() ? others : others + ")"));
}

void driver_core::feed_line(const std::string& step, std::optional<bytes_view> key,
                            bytes_view line) {
  const plan_connector& source = connector_of(step, true);
  const auto& at = impl_->job.steps()[static_cast<std::size_t>(source.at)];
  const logs::multiline* how = multiline_of(*at.reads_from);
  if (how == nullptr) return feed(source.topic, key, line, std::nullopt);
  const std::pair place{source.topic, key ? std::optional{bytes{*key}} : std::nullopt};
  auto found = impl_->assemblers.find(place);
  if (found == impl_->assemblers.end()) {
    found = impl_->assemblers.emplace(place, logs::event_assembler::make(*how).value()).first;
  }
  found->second.add(line, impl_->wall.monotonic(), [&](std::string_view event) {
    feed(source.topic, place.second, event, std::nullopt);
  });
}

/// Gives the events that are complete by now, or all.
void driver_core::end_events(bool all) {
  for (auto& each : impl_->assemblers) {
    const auto& place = each.first;
    auto& assembler = each.second;
    const auto give = [&, this](std::string_view event) {
      feed(place.first, place.second, event, std::nullopt);
    };
    if (all) {
      assembler.finish(give);
    } else {
      assembler.tick(impl_->wall.monotonic(), give);
    }
  }
}

void driver_core::advance_to(timestamp t) {
  if (t > impl_->wall.now()) impl_->wall.advance(t - impl_->wall.now());
  end_events(false);
  for (const auto& one : impl_->tasks) {
    impl_->read_input(*one);
    impl_->must(one->runner->advance_to(t));
    impl_->append_output(*one);
    impl_->send_time(*one);
  }
  commit();
}

void driver_core::advance_by(duration d) {
  impl_->wall.advance(d);
  end_events(false);
  for (const auto& one : impl_->tasks) {
    impl_->read_input(*one);
    impl_->must(one->runner->tick());
    impl_->append_output(*one);
    impl_->send_time(*one);
  }
  commit();
}

void driver_core::close_windows() {
  end_events(true);
  // First what the tables hold: it may belong to windows further down.
  commit();
  for (const auto& one : impl_->tasks) {
    impl_->read_input(*one);
    impl_->must(one->runner->close_windows());
    impl_->must(one->runner->flush());
    impl_->append_output(*one);
    impl_->send_time(*one);
  }
  commit();
}

void driver_core::commit() {
  impl_->commit();
}
void driver_core::restart() {
  impl_->restart();
}

std::vector<record> driver_core::take(const std::string& topic) {
  commit();
  return std::exchange(impl_->written[topic], {});
}

std::optional<bytes> driver_core::state_of(std::string_view step, bytes_view key) const {
  for (const auto& one : impl_->tasks) {
    if (auto found = one->runner->state_of(step, key)) return found;
  }
  return std::nullopt;
}

std::vector<std::pair<bytes, bytes>> driver_core::all_state(std::string_view step) const {
  std::vector<std::pair<bytes, bytes>> all;
  for (const auto& one : impl_->tasks) {
    one->runner->each_state(
        step, [&](bytes_view key, bytes_view value) { all.emplace_back(key, value); });
  }
  return all;
}

const std::vector<bad_record_report>& driver_core::bad_records() const {
  return impl_->bad;
}

std::vector<std::string> driver_core::take_printed() {
  commit();
  return std::exchange(impl_->printed, {});
}

task_counters driver_core::counters() const {
  task_counters sum;
  for (const auto& one : impl_->tasks) {
    const task_counters c = one->runner->counters();
    sum.records_in += c.records_in;
    sum.records_out += c.records_out;
    sum.late += c.late;
    sum.bad += c.bad;
  }
  return sum;
}

timestamp driver_core::now() const {
  return impl_->wall.now();
}

}  // namespace penstock::detail
