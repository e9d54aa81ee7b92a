#include "actors/processor/job.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <set>
#include <unordered_map>

#include "actors/client/produce_queue.hpp"
#include "actors/errors.hpp"
#include "actors/processor/job_connectors.hpp"
#include "actors/processor/job_topics.hpp"

namespace penstock {
namespace {

constexpr int attempts_max = 100;         // to make a topic that was just deleted
constexpr duration topics_interval = 1s;  // between looks at whether the topics are still there

class job_state {
 public:
  using self_pointer = job_actor::stateful_pointer<job_state>;
  static inline const char* name = "penstock.job";

  explicit job_state(self_pointer self) : self_(self) {}

  /// Its tasks and connectors end with it, however it ends.
  ~job_state() {
    for (const auto& each : tasks_)
      if (each.actor) caf::anon_send_exit(each.actor, caf::exit_reason::kill);
    connectors_.kill_all();
  }
  job_state(const job_state&) = delete;
  job_state& operator=(const job_state&) = delete;

  void start(job_config config);
  void on_task(const task_changed& what);
  void on_connector(const connector_changed& what);
  void on_down(const caf::down_msg& down);
  void on_order(wire::JobOrder::Kind kind);
  void on_tick(wire::Tick::Reader what);
  job_reply answer();

 private:
  enum class phase : std::uint8_t { starting, running, ending, ended, failed };
  /// How far a sub-topology is on its way to the end of the input.
  enum class ending : std::uint8_t { none, reading, closing, done };

  struct task_entry {
    std::int32_t part = 0;
    std::int32_t partition = 0;
    task_actor actor;
    task_changed last;
    bool running = false;  // has been restored
    bool caught_up = false;
    bool down = false;
  };

  // setting up, one after the other
  void forget();
  void list(std::function<void()> then);
  void make_external(int attempts);
  void check_state();
  void make_internal(int attempts);
  void start_tasks();
  void spawn_all();
  void start_connectors();
  void spawn(task_entry& entry);
  std::vector<std::vector<task_inlet>> readers_of(const sub_topology& part) const;
  void register_dropped();
  void carry_out(topic_work work, std::function<void()> then);
  register_state_request registration(const std::vector<std::string>& drop) const;

  // ending by itself
  void begin_end();
  void find_ends();
  void order_ends();
  void advance_ending();
  void order(const task_entry& to, wire::TaskOrder::Kind kind);
  void order_part(std::int32_t part, wire::TaskOrder::Kind kind);
  bool upstreams_done(const sub_topology& part) const;

  void stop_all();
  void stop_next();
  void restart_all();
  void kill_all();
  void check_all_down();
  void fail(const error& why);
  void watch_topics();
  void look_at_topics(error why);
  topics_request request_used() const;
  error gone_or_other(wire::TopicsReply::Reader now) const;
  void after(duration wait, std::function<void()> f);

  /// Asks the node; `then` gets the failure too.
  template <class Reply, class Request>
  void ask(Request request, std::function<void(const Reply&, const error&)> then,
           int attempts = 600) {
    auto again = [=, this](const Reply& reply, const error& why) {
      if (phase_ == phase::failed) return;
      if (!is_retriable(why.code()) || attempts <= 0) return then(reply, why);
      after(config_.settings.retry_after, [=, this] { ask<Reply>(request, then, attempts - 1); });
    };
    self_->request(config_.node, config_.settings.request_timeout, request)
        .then(
            [=](const Reply& reply) {
              if (auto why = error_of(reply.open()->getFailure())) return again(reply, why);
              then(reply, {});
            },
            [=](const caf::error& why) { again(failed<Reply>(from_caf(why)), from_caf(why)); });
  }

  /// The same where any failure is the job's.
  template <class Reply, class Request>
  void need(Request request, std::string what, std::function<void(const Reply&)> then) {
    ask<Reply>(std::move(request), [=, this](const Reply& reply, const error& why) {
      if (why) return fail(what.empty() ? why : why.with_context(what));
      then(reply);
    });
  }

  const plan& topology() const { return *config_.topology; }

  self_pointer self_;
  job_config config_;
  phase phase_ = phase::starting;
  error failure_;
  known_topics known_;
  std::set<std::string> used_;
  bool looking_ = false;  // at the topics, before it fails
  std::vector<part_layout> layout_;
  std::vector<task_entry> tasks_;
  job_connectors connectors_;
  std::vector<ending> endings_;
  task_order finish_order_;
  bool until_end_ = false;
  bool finding_ends_ = false;
  bool ends_known_ = false;
  bool draining_ = false;         // the tasks have used up their input: sinks deliver the rest
  bool sinks_finishing_ = false;  // … and have been told
  bool stop_ordered_ = false;
  bool drop_pending_ = false;
  bool restarting_ = false;  // all tasks have to end first
  std::size_t pending_ = 0;
  std::chrono::nanoseconds asked_at_{-1'000'000'000};
  std::uint64_t next_later_ = 1;
  std::unordered_map<std::uint64_t, std::function<void()>> later_;
};

delete_topic_request delete_request(const std::string& topic) {
  return delete_topic_request::make([&](auto out) { out.setName(text_of(topic)); });
}

void write_list(capnp::List<wire::Setting>::Builder to, const setting_list& from) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setName(text_of(from[i].first));
    to[i].setValue(text_of(from[i].second));
  }
}

void job_state::start(job_config config) {
  config_ = std::move(config);
  until_end_ = config_.until_end;
  endings_.resize(topology().sub_topologies().size(), ending::none);
  auto begin = [this] { list([this] { make_external(attempts_max); }); };
  if (config_.reset) return forget();
  begin();
}

// --- setting up

void job_state::forget() {
  const auto names = internal_topic_names(topology());
  pending_ = names.size() + 2;
  auto one_done = [this](const error& why) {
    if (why && !(why == errc::unknown_topic) && !(why == errc::unknown_group) &&
        !(why == errc::not_found))
      return fail(why.with_context("cannot reset topology \"" + topology().name() + "\""));
    if (--pending_ == 0 && phase_ == phase::starting) list([this] { make_external(attempts_max); });
  };
  for (const auto& each : names)
    ask<admin_reply>(delete_request(each),
                     [one_done](const admin_reply&, const error& why) { one_done(why); });
  ask<group_reply>(
      delete_group_request::make([&](auto out) { out.setGroup(text_of(topology().name())); }),
      [one_done](const group_reply&, const error& why) { one_done(why); });
  // All steps of all earlier versions of the topology.
  ask<admin_reply>(register_state_request::make([&](wire::RegisterStateRequest::Builder out) {
                     out.setTopology(text_of(topology().name()));
                     out.initDrop(1).set(0, "*");
                   }),
                   [one_done](const admin_reply&, const error& why) { one_done(why); });
}

void job_state::list(std::function<void()> then) {
  need<topics_reply>(topics_request{}, "cannot list topics", [this, then](const topics_reply& r) {
    auto in = r.open();
    known_.clear();
    for (auto each : in->getTopics()) {
      auto& topic = known_[std::string{view(each.getName())}];
      topic.id = std::string{view(each.getId())};
      topic.partitions = static_cast<std::int32_t>(each.getPartitions().size());
      for (auto setting : each.getSettings())
        topic.settings[std::string{view(setting.getName())}] =
            std::string{view(setting.getValue())};
    }
    then();
  });
}

void job_state::carry_out(topic_work work, std::function<void()> then) {
  pending_ = 1;
  auto one_done = [this, then](const error& why) {
    // Another job may have made the same topic meanwhile; the next look checks it.
    if (why && !(why == errc::topic_exists)) return fail(why);
    if (--pending_ == 0 && phase_ == phase::starting) then();
  };
  for (const auto& each : work.create) {
    ++pending_;
    auto request = create_topic_request::make(1024, [&](wire::CreateTopicRequest::Builder out) {
      out.setName(text_of(each.name));
      out.setPartitions(each.partitions);
      write_list(out.initSettings(static_cast<unsigned>(each.settings.size())), each.settings);
    });
    ask<admin_reply>(std::move(request),
                     [one_done](const admin_reply&, const error& why) { one_done(why); });
  }
  for (const auto& each : work.alter) {
    ++pending_;
    auto request = alter_topic_request::make(1024, [&](wire::AlterTopicRequest::Builder out) {
      out.setName(text_of(each.name));
      out.setPartitions(-1);
      write_list(out.initSet(static_cast<unsigned>(each.settings.size())), each.settings);
    });
    ask<admin_reply>(std::move(request),
                     [one_done](const admin_reply&, const error& why) { one_done(why); });
  }
  one_done({});
}

void job_state::make_external(int attempts) {
  auto work = external_topics(topology(), known_);
  if (!work) return fail(work.error());
  if (work->create.empty() && work->alter.empty()) return check_state();
  if (attempts == 0)
    return fail(error{errc::timed_out,
                      "topic \"" +
                          (work->create.empty() ? work->alter : work->create).front().name +
                          "\" does not appear"});
  // A connector's topic that was just deleted comes back when its folders are gone: look again.
  carry_out(std::move(*work), [this, attempts] {
    after(attempts == attempts_max ? 0ms : 20ms,
          [this, attempts] { list([this, attempts] { make_external(attempts - 1); }); });
  });
}

register_state_request job_state::registration(const std::vector<std::string>& drop) const {
  // What was under way between tasks is in topics or in positions: going on the other way would
  // lose or repeat it.
  const auto mode_of = [this](const sub_topology& part) -> std::string {
    const bool reads = std::any_of(part.sources.begin(), part.sources.end(),
                                   [](const auto& each) { return each.repartition; });
    return reads && config_.settings.in_memory_repartition ? " (with --repartition memory)" : "";
  };
  std::size_t bytes = 256;
  unsigned count = 0;
  for (const auto& part : topology().sub_topologies()) {
    for (const auto& each : part.stores) {
      bytes += 512 + each.fingerprint.size() + 2 * each.step.size();
      ++count;
    }
  }
  return register_state_request::make(bytes, [&](wire::RegisterStateRequest::Builder out) {
    out.setTopology(text_of(topology().name()));
    auto stores = out.initStores(count);
    unsigned i = 0;
    for (const auto& part : topology().sub_topologies()) {
      const auto changelog = changelog_topic(topology(), part.index);
      for (const auto& each : part.stores) {
        stores[i].setStep(text_of(each.step));
        const std::string fingerprint = each.fingerprint + mode_of(part);
        stores[i].setFingerprint(text_of(fingerprint));
        stores[i].setChangelog(text_of(changelog));
        ++i;
      }
    }
    auto list = out.initDrop(static_cast<unsigned>(drop.size()));
    for (unsigned d = 0; d < drop.size(); ++d) list.set(d, text_of(drop[d]));
  });
}

void job_state::check_state() {
  if (!config_.drop_steps.empty()) {
    // Registered when every task has forgotten them: a crash before that must refuse again.
    drop_pending_ = true;
    return make_internal(attempts_max);
  }
  need<admin_reply>(registration({}), "",
                    [this](const admin_reply&) { make_internal(attempts_max); });
}

void job_state::make_internal(int attempts) {
  auto layout = lay_out(topology(), known_);
  if (!layout) return fail(layout.error());
  layout_ = std::move(*layout);
  const bool in_memory = config_.settings.in_memory_repartition;
  if (in_memory)
    if (auto fits = check_in_memory(topology(), known_); !fits) return fail(fits.error());
  auto missing = internal_topics(topology(), layout_, known_, in_memory);
  if (missing.empty()) return start_tasks();
  if (attempts == 0)
    return fail(error{errc::timed_out, "topic \"" + missing.front().name + "\" does not appear"});
  // A topic that was just deleted comes back when its folders are gone: look again.
  carry_out({std::move(missing), {}}, [this, attempts] {
    after(attempts == attempts_max ? 0ms : 20ms,
          [this, attempts] { list([this, attempts] { make_internal(attempts - 1); }); });
  });
}

void job_state::start_tasks() {
  if (stop_ordered_) {
    phase_ = phase::ended;
    return;
  }
  phase_ = phase::running;
  used_ = used_topics(topology());
  // What is handed over in memory has no topic.
  std::erase_if(used_, [this](const auto& each) { return !known_.contains(each); });
  after(topics_interval, [this] { watch_topics(); });
  for (std::size_t part = 0; part < layout_.size(); ++part) {
    for (std::int32_t n = 0; n < layout_[part].tasks; ++n) {
      task_entry entry;
      entry.part = static_cast<std::int32_t>(part);
      entry.partition = n;
      tasks_.push_back(std::move(entry));
    }
  }
  spawn_all();
  start_connectors();
  if (until_end_) begin_end();
}

void job_state::start_connectors() {
  if (config_.files == nullptr) return;
  auto spawn_one = [this](const plan_connector& what) {
    connector_config config;
    config.topology = config_.topology;
    config.what = what;
    config.partitions = known_.at(what.topic).partitions;
    config.node = config_.node;
    config.job = caf::actor_cast<connector_listener>(self_);
    config.time = config_.time;
    config.files = config_.files;
    config.detached = config_.detached_connectors;
    config.request_timeout = config_.settings.request_timeout;
    config.retry_after = config_.settings.retry_after;
    auto made = config_.connect(self_->system(), std::move(config));
    self_->monitor(made);
    return made;
  };
  auto send = [this](const connector_actor& to, wire::ConnectorOrder::Kind kind) {
    self_->send(to, connector_order::make([&](auto out) { out.setKind(kind); }));
  };
  connectors_.start(topology().connectors(), spawn_one, send);
}

void job_state::on_connector(const connector_changed& what) {
  if (auto why = connectors_.on_changed(what, self_->current_sender())) return look_at_topics(why);
  // What the sources have brought is durable: now the tasks' input has an end.
  if (phase_ == phase::running && until_end_ && connectors_.sources_ended()) find_ends();
}

// Readers first: in memory, writers are given their handles.
void job_state::spawn_all() {
  for (auto each = tasks_.rbegin(); each != tasks_.rend(); ++each) spawn(*each);
}

std::vector<std::vector<task_inlet>> job_state::readers_of(const sub_topology& part) const {
  std::vector<std::vector<task_inlet>> readers(part.sinks.size());
  if (!config_.settings.in_memory_repartition) return readers;
  for (std::size_t s = 0; s < part.sinks.size(); ++s)
    for (const auto& each : tasks_)
      if (part.sinks[s].repartition && each.part == part.sinks[s].downstream)
        readers[s].push_back(caf::actor_cast<task_inlet>(each.actor));
  return readers;
}

void job_state::spawn(task_entry& entry) {
  const auto& layout = layout_[static_cast<std::size_t>(entry.part)];
  task_config config;
  config.topology = config_.topology;
  config.part = entry.part;
  config.partition = entry.partition;
  config.upstream_tasks = layout.upstream_tasks;
  config.downstream = readers_of(topology().sub_topologies()[static_cast<std::size_t>(entry.part)]);
  config.sink_partitions = layout.sink_partitions;
  for (const auto& part : topology().sub_topologies())
    for (const auto& each : part.sources)
      if (used_.contains(each.topic)) config.topic_ids[each.topic] = known_.at(each.topic).id;
  if (drop_pending_) config.drop_steps = config_.drop_steps;
  config.node = config_.node;
  config.job = caf::actor_cast<task_listener>(self_);
  config.time = config_.time;
  config.settings = config_.settings;
  config.print = config_.print;
  entry.actor = spawn_task(self_->system(), std::move(config));
  entry.down = entry.running = entry.caught_up = false;
  self_->monitor(entry.actor);
}

void job_state::register_dropped() {
  drop_pending_ = false;
  need<admin_reply>(registration(config_.drop_steps), "", [](const admin_reply&) {});
}

// --- the life of tasks

void job_state::on_task(const task_changed& what) {
  auto in = what.open();
  auto at = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& each) {
    return each.part == in->getPart() && each.partition == in->getPartition();
  });
  if (at == tasks_.end()) return;
  // The end of an actor overtakes what it said last: a task that was started again has not caught
  // up because its predecessor had.
  if (!at->actor || self_->current_sender() != caf::actor_cast<caf::strong_actor_ptr>(at->actor)) {
    if (!at->actor && in->getState() == wire::TaskChanged::State::ENDED) at->last = what;
    return;
  }
  at->last = what;
  using state = wire::TaskChanged::State;
  switch (in->getState()) {
    case state::FAILED:
      return look_at_topics(error_of(in->getFailure()));
    case state::CAUGHT_UP:
      at->caught_up = true;
      return advance_ending();
    case state::RUNNING:
      at->running = true;
      break;
    default:
      return;
  }
  const bool all = std::all_of(tasks_.begin(), tasks_.end(), [](auto& t) { return t.running; });
  if (drop_pending_ && all) register_dropped();
}

void job_state::on_down(const caf::down_msg& down) {
  const bool again = config_.restart_killed && (phase_ == phase::running || draining_);
  if (error why; connectors_.on_down(down.source, down.reason, again, why)) {
    if (why) look_at_topics(why);
    return check_all_down();  // it may be the last
  }
  auto at = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& each) {
    return each.actor && each.actor.address() == down.source;
  });
  if (at == tasks_.end() || at->down) return;
  at->down = true;
  at->actor = nullptr;
  if (restarting_) return restart_all();
  if (phase_ == phase::running && config_.restart_killed && down.reason == caf::exit_reason::kill) {
    if (config_.settings.in_memory_repartition) return restart_all();
    spawn(*at);
    const auto& part = topology().sub_topologies()[static_cast<std::size_t>(at->part)];
    // To close comes first: the task must not say that it has caught up before it has closed.
    if (endings_[static_cast<std::size_t>(at->part)] == ending::closing)
      order(*at, wire::TaskOrder::Kind::CLOSE_WINDOWS);
    if (ends_known_) self_->send(at->actor, finish_order_);
    if (ends_known_ && upstreams_done(part)) order(*at, wire::TaskOrder::Kind::UPSTREAM_DONE);
    return;
  }
  if (phase_ == phase::running && down.reason && down.reason != caf::exit_reason::normal)
    look_at_topics(
        from_caf(down.reason)
            .with_context("task " + task_name(topology(), at->part, at->partition) + " failed"));
  if (phase_ == phase::ending && config_.settings.in_memory_repartition && !failure_) {
    if (down.reason && down.reason != caf::exit_reason::normal) {
      kill_all();  // who hands over to it would wait for ever
    } else {
      stop_next();
    }
  }
  check_all_down();
}

// In memory a task holds what others have handed over: they can only start again together.
void job_state::restart_all() {
  restarting_ = true;
  kill_all();
  if (!std::all_of(tasks_.begin(), tasks_.end(), [](const auto& t) { return t.down; })) return;
  restarting_ = false;
  if (phase_ != phase::running) return check_all_down();
  std::fill(endings_.begin(), endings_.end(), ending::none);
  spawn_all();
  if (ends_known_) order_ends();
}

void job_state::kill_all() {
  for (const auto& each : tasks_)
    if (each.actor) self_->send_exit(each.actor, caf::exit_reason::kill);
}

void job_state::check_all_down() {
  if (looking_ && !failure_) return;  // the reason is about to come
  if (!std::all_of(tasks_.begin(), tasks_.end(), [](const auto& t) { return t.down; })) return;
  if (phase_ != phase::ending) return;
  if (draining_ && !std::exchange(sinks_finishing_, true))
    connectors_.order_sinks(wire::ConnectorOrder::Kind::FINISH);
  if (!connectors_.all_down()) return;
  phase_ = failure_ ? phase::failed : phase::ended;
  if (!failure_) failure_ = connectors_.left_undone();
}

void job_state::stop_all() {
  stop_ordered_ = true;
  if (!draining_) connectors_.order_all(wire::ConnectorOrder::Kind::STOP);
  if (phase_ == phase::running) phase_ = phase::ending;
  if (!config_.settings.in_memory_repartition) {
    for (const auto& each : tasks_)
      if (each.actor) order(each, wire::TaskOrder::Kind::STOP);
  } else if (failure_) {
    // Who waits for a reader that has failed would wait for ever; nothing is lost by a crash.
    kill_all();
  } else {
    stop_next();
  }
  if (phase_ == phase::ending) check_all_down();
}

// In memory readers must still be there when writers commit for the last time: part after part.
void job_state::stop_next() {
  for (const auto& part : topology().sub_topologies()) {
    bool running = false;
    for (const auto& each : tasks_) {
      if (each.part != part.index || each.down) continue;
      running = true;
      if (each.actor) order(each, wire::TaskOrder::Kind::STOP);
    }
    if (running) return;
  }
}

void job_state::fail(const error& why) {
  if (failure_) return;
  failure_ = why;
  spdlog::debug("job {}: {}", topology().name(), why.to_string());
  if (phase_ == phase::starting) {
    phase_ = phase::failed;
    return;
  }
  draining_ = false;
  stop_all();
}

// --- topics that go away under a running job

/// Why a topic of the job is not the one that it started with; nothing when all are.
error job_state::gone_or_other(wire::TopicsReply::Reader now) const {
  known_topics there;
  for (auto each : now.getTopics())
    there[std::string{view(each.getName())}].id = std::string{view(each.getId())};
  for (const auto& used : used_) {
    const auto at = there.find(used);
    if (at != there.end() && at->second.id == known_.at(used).id) continue;
    const bool own = used.starts_with(topology().name() + "-");
    return error{at == there.end() ? errc::unknown_topic : errc::state_changed,
                 "topic \"" + used + "\" was deleted " +
                     (at == there.end() ? "" : "and made again ") + "while topology \"" +
                     topology().name() +
                     "\" was using it: " + (own || at != there.end() ? "" : "make it again and ") +
                     "run once with --reset to start over"};
  }
  return {};
}

topics_request job_state::request_used() const {
  return topics_request::make(used_.size() * 256, [&](wire::TopicsRequest::Builder out) {
    auto names = out.initNames(static_cast<unsigned>(used_.size()));
    unsigned i = 0;
    for (const auto& each : used_) names.set(i++, text_of(each));
  });
}

void job_state::watch_topics() {
  if (phase_ != phase::running) return;
  ask<topics_reply>(request_used(), [this](const topics_reply& r, const error& why) {
    if (!why)
      if (auto gone = gone_or_other(*r.open())) return fail(gone);
    after(topics_interval, [this] { watch_topics(); });
  });
}

/// A task has failed for `why`. When a topic is gone, that is the reason that a person wants to
/// hear, whatever the task met.
void job_state::look_at_topics(error why) {
  if (failure_ || std::exchange(looking_, true)) return;
  ask<topics_reply>(
      request_used(),
      [this, why](const topics_reply& r, const error& silent) {
        const auto gone = silent ? error{} : gone_or_other(*r.open());
        fail(gone ? gone : why);
      },
      1);
}

void job_state::order(const task_entry& to, wire::TaskOrder::Kind kind) {
  self_->send(to.actor, task_order::make([&](auto out) { out.setKind(kind); }));
}

void job_state::order_part(std::int32_t part, wire::TaskOrder::Kind kind) {
  for (auto& each : tasks_) {
    if (each.part != part) continue;
    each.caught_up = false;
    if (each.actor) order(each, kind);
  }
}

// --- ending by itself: sub-topology after sub-topology, as the records flow

void job_state::begin_end() {
  connectors_.order_sources(wire::ConnectorOrder::Kind::FINISH);
  if (connectors_.sources_ended()) find_ends();
}

void job_state::find_ends() {
  if (std::exchange(finding_ends_, true)) return;
  struct end {
    topic_partition of;
    offset_t offset = 0;
  };
  auto ends = std::make_shared<std::vector<end>>();
  for (const auto& part : topology().sub_topologies())
    for (const auto& each : part.sources)
      if (!each.repartition)
        for (std::int32_t n = 0; n < layout_[static_cast<std::size_t>(part.index)].tasks; ++n)
          ends->push_back({{each.topic, n}, 0});
  auto left = std::make_shared<std::size_t>(ends->size());
  for (std::size_t i = 0; i < ends->size(); ++i) {
    auto request = list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
      out.setTopic(text_of((*ends)[i].of.topic));
      out.setPartition((*ends)[i].of.partition);
      out.setTime(-1);
      out.setCommitted(true);
    });
    need<list_offsets_reply>(
        std::move(request), "cannot find the end of " + (*ends)[i].of.to_string(),
        [this, ends, left, i](const list_offsets_reply& r) {
          (*ends)[i].offset = r.open()->getOffset();
          if (--*left > 0) return;
          finish_order_ = task_order::make(ends->size() * 320, [&](wire::TaskOrder::Builder out) {
            out.setKind(wire::TaskOrder::Kind::FINISH_AT);
            auto all = out.initEnds(static_cast<unsigned>(ends->size()));
            for (unsigned n = 0; n < ends->size(); ++n) {
              all[n].setTopic(text_of((*ends)[n].of.topic));
              all[n].setPartition((*ends)[n].of.partition);
              all[n].setOffset((*ends)[n].offset);
            }
          });
          order_ends();
        });
  }
}

void job_state::order_ends() {
  ends_known_ = true;
  for (const auto& each : tasks_)
    if (each.actor) self_->send(each.actor, finish_order_);
  for (const auto& part : topology().sub_topologies()) {
    endings_[static_cast<std::size_t>(part.index)] = ending::reading;
    if (upstreams_done(part)) order_part(part.index, wire::TaskOrder::Kind::UPSTREAM_DONE);
  }
}

bool job_state::upstreams_done(const sub_topology& part) const {
  return std::all_of(part.sources.begin(), part.sources.end(), [this](const plan_source& each) {
    return !each.repartition || endings_[static_cast<std::size_t>(each.upstream)] == ending::done;
  });
}

void job_state::advance_ending() {
  if (!ends_known_ || phase_ != phase::running) return;
  for (const auto& part : topology().sub_topologies()) {
    auto& where = endings_[static_cast<std::size_t>(part.index)];
    if (where == ending::done || where == ending::none) continue;
    const bool all = std::all_of(tasks_.begin(), tasks_.end(), [&](const auto& t) {
      return t.part != part.index || t.caught_up;
    });
    if (!all) continue;
    if (config_.close_windows && where == ending::reading) {
      where = ending::closing;
      order_part(part.index, wire::TaskOrder::Kind::CLOSE_WINDOWS);
      continue;
    }
    where = ending::done;
    for (const auto& next : topology().sub_topologies()) {
      const bool reads = std::any_of(next.sources.begin(), next.sources.end(), [&](auto& s) {
        return s.repartition && s.upstream == part.index;
      });
      if (reads && upstreams_done(next))
        order_part(next.index, wire::TaskOrder::Kind::UPSTREAM_DONE);
    }
  }
  if (std::all_of(endings_.begin(), endings_.end(), [](auto e) { return e == ending::done; })) {
    draining_ = true;
    stop_all();
  }
}

void job_state::on_order(wire::JobOrder::Kind kind) {
  if (kind == wire::JobOrder::Kind::STOP) {
    draining_ = false;
    return stop_all();
  }
  if (until_end_) return;
  until_end_ = true;
  if (phase_ == phase::running) begin_end();
}

// --- how it is going

job_reply job_state::answer() {
  static constexpr const char* names[] = {"starting", "running", "ending", "ended", "failed"};
  const auto now = config_.time->monotonic();
  if (now - asked_at_ > 100ms) {
    asked_at_ = now;
    for (const auto& each : tasks_)
      if (each.actor) order(each, wire::TaskOrder::Kind::REPORT);
    connectors_.order_all(wire::ConnectorOrder::Kind::REPORT);
  }
  const auto size = tasks_.size() * 256 + connectors_.report_bytes();
  return job_reply::make(size, [&](wire::JobReply::Builder out) {
    if (failure_) set_failure(out.initFailure(), failure_);
    out.setState(names[static_cast<int>(phase_)]);
    out.setTasks(static_cast<std::uint32_t>(tasks_.size()));
    auto sum = out.initNumbers();
    auto each_task = out.initPerTask(static_cast<unsigned>(tasks_.size()));
    for (unsigned i = 0; i < tasks_.size(); ++i) {
      auto last = tasks_[i].last.open();
      each_task.setWithCaveats(i, *last);
      auto n = last->getNumbers();
      sum.setRecordsIn(sum.getRecordsIn() + n.getRecordsIn());
      sum.setRecordsOut(sum.getRecordsOut() + n.getRecordsOut());
      sum.setLate(sum.getLate() + n.getLate());
      sum.setBad(sum.getBad() + n.getBad());
      sum.setLag(sum.getLag() + n.getLag());
      sum.setRestored(sum.getRestored() + n.getRestored());
      sum.setStateBytes(sum.getStateBytes() + n.getStateBytes());
    }
    const auto& reports = connectors_.reports();
    auto each_connector = out.initConnectors(static_cast<unsigned>(reports.size()));
    for (unsigned i = 0; i < reports.size(); ++i)
      each_connector.setWithCaveats(i, *reports[i].open());
  });
}

void job_state::after(duration wait, std::function<void()> f) {
  const auto id = next_later_++;
  later_.emplace(id, std::move(f));
  self_->delayed_send(self_, wait, tick::make([&](auto out) { out.setId(id); }));
}

void job_state::on_tick(wire::Tick::Reader what) {
  auto at = later_.extract(what.getId());
  if (!at.empty()) at.mapped()();
}

job_actor::behavior_type job(job_state::self_pointer self, job_config config) {
  auto& state = self->state;
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down); });
  state.start(std::move(config));
  return {
      [&state](const task_changed& what) { state.on_task(what); },
      [&state](const connector_changed& what) { state.on_connector(what); },
      [&state](const job_request&) { return state.answer(); },
      [&state](const job_order& what) { state.on_order(what.open()->getKind()); },
      [&state](const tick& what) { state.on_tick(*what.open()); },
  };
}

}  // namespace

job_actor spawn_job(caf::actor_system& system, job_config config) {
  return system.spawn(job, std::move(config));
}

}  // namespace penstock
