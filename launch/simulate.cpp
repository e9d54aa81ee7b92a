// The definition of dsl/simulate.hpp: lives of a node on one simulated disk, until the job has read
// everything, and a look at what it left.
#include "dsl/simulate.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <caf/send.hpp>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>

#include "actors/processor/job_topics.hpp"
#include "launch/simulated_driver.hpp"
#include "launch/simulated_outcome.hpp"
#include "launch/simulated_outside.hpp"
#include "launch/simulated_world.hpp"
#include "streams/base/disk_simulated.hpp"
#include "streams/plan/connector.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {
namespace {

constexpr std::string_view directory = "/data";
constexpr std::uint64_t steps_max = 5'000'000;  // of one life: more means that it hangs
constexpr std::uint64_t look_every = 16;        // steps between looks at the job

constexpr std::array<std::string_view, fault_kinds> fault_names{
    "task_kill", "partition_kill", "writer_kill", "node_crash",
    "disk_full", "failed_sync",    "slow_actor",  "server_down"};

struct planned_fault {
  std::uint64_t at_step;
  fault what;
};

/// Nothing below an error is logged while it lives.
class quiet_log {
 public:
  quiet_log() : before_(spdlog::get_level()) { spdlog::set_level(spdlog::level::err); }
  ~quiet_log() { spdlog::set_level(before_); }
  quiet_log(const quiet_log&) = delete;
  quiet_log& operator=(const quiet_log&) = delete;

 private:
  spdlog::level::level_enum before_;
};

/// One seed: a disk, a clock, a client, and as many lives of the node as it takes.
class simulated_run {
 public:
  simulated_run(std::shared_ptr<const plan> p, simulated_client client,
                const simulation_options& options, std::uint64_t seed)
      : plan_(std::move(p)), options_(options), chance_(seed), client_(std::move(client)) {
    client_.chance = chance_.fork();
    if (!plan_->connectors().empty()) outside_.emplace(*plan_, disk_, time_, chance_.fork());
  }

  /// Faults at random moments of about `horizon` steps.
  void plan_faults(const faults& what, std::uint64_t horizon);

  /// Until the job has ended. What went wrong, if anything but the faults did.
  std::string live();

  result<simulated_outcome> outcome() {
    simulated_deliveries delivered;
    if (outside_) {
      PENSTOCK_ASSIGN(delivered, outside_->delivered(*plan_));
    }
    return read_outcome(disk_, time_, std::string{directory}, *plan_, client_,
                        std::move(delivered));
  }

  void add_to(simulation_report& report) const;
  std::uint64_t steps() const { return steps_; }

 private:
  enum class end : std::uint8_t { done, restart, crash, stuck };

  end one_life();
  bool possible(fault what) const;
  bool inject(simulated_world& world, fault what);
  void relieve_disk();
  void count(fault what) { ++fired_[static_cast<std::size_t>(what)]; }

  std::shared_ptr<const plan> plan_;
  simulation_options options_;
  random chance_;
  simulated_disk disk_;
  manual_clock time_;
  simulated_client client_;
  std::optional<simulated_outside> outside_;  // where the topology has connectors
  std::deque<planned_fault> faults_;
  std::uint64_t steps_ = 0;
  std::uint64_t restarts_ = 0;
  std::array<std::uint64_t, fault_kinds> fired_{};
  std::chrono::nanoseconds full_until_{-1};
  std::uint64_t syncs_failed_ = 0;  // seen so far
  bool full_counted_ = true;
  std::string last_failure_;
};

void simulated_run::plan_faults(const faults& what, std::uint64_t horizon) {
  std::vector<fault> kinds;
  for (std::size_t i = 0; i < fault_kinds; ++i)
    if (what.enabled[i] && possible(static_cast<fault>(i))) kinds.push_back(static_cast<fault>(i));
  if (kinds.empty() || what.at_most == 0) return;
  const auto count = 1 + chance_.below(what.at_most);
  for (std::uint64_t i = 0; i < count; ++i)
    faults_.push_back({chance_.below(horizon), kinds[chance_.below(kinds.size())]});
  std::sort(faults_.begin(), faults_.end(),
            [](const auto& a, const auto& b) { return a.at_step < b.at_step; });
}

bool simulated_run::possible(fault what) const {
  return what != fault::server_down || (outside_ && outside_->has_servers());
}

bool simulated_run::inject(simulated_world& world, fault what) {
  switch (what) {
    case fault::task_kill:
      return world.kill_one("penstock.task");
    case fault::partition_kill:
      return world.kill_one("penstock.partition");
    case fault::writer_kill:
      return world.kill_one("penstock.writer");
    case fault::slow_actor:
      return world.freeze_one(std::chrono::milliseconds{20 + chance_.below(2000)});
    case fault::disk_full:
      disk_.set_space_left(chance_.below(4000));
      full_until_ = time_.monotonic() + std::chrono::milliseconds{20 + chance_.below(500)};
      full_counted_ = false;
      return false;  // counted when a write has met it
    case fault::failed_sync:
      disk_.fail_syncs(1);
      return false;  // likewise
    case fault::server_down:
      outside_->take_down(std::chrono::milliseconds{20 + chance_.below(5000)});
      return true;
    case fault::node_crash:
      return true;  // by the caller, who owns the life
  }
  return false;
}

void simulated_run::relieve_disk() {
  if (!full_counted_ && disk_.faults().refused_full > 0) {
    full_counted_ = true;
    count(fault::disk_full);
  }
  if (full_until_.count() >= 0 && time_.monotonic() >= full_until_) {
    disk_.set_space_left(std::nullopt);
    full_until_ = std::chrono::nanoseconds{-1};
  }
}

simulated_run::end simulated_run::one_life() {
  client_.job_state.clear();
  client_.job_failure = {};
  client_.node_closed = false;
  // What the node says of faults that are meant would drown what matters.
  const quiet_log quiet;
  simulated_world world{time_, chance_.fork()};

  node_config node_is;
  node_is.directory = std::string{directory};
  node_is.on = &disk_;
  node_is.time = &time_;
  node_is.seed = chance_.next();
  node_is.detached_writer = false;
  node_is.default_partitions = options_.partitions;
  node_is.housekeeping = 500ms;
  auto node = spawn_node(world.system(), std::move(node_is));

  job_config job_is;
  job_is.topology = plan_;
  job_is.node = node;
  job_is.time = &time_;
  job_is.settings.commit_interval = options_.commit_interval;
  job_is.settings.in_memory_repartition = options_.in_memory_repartition;
  job_is.close_windows = options_.close_windows;
  job_is.restart_killed = true;
  if (outside_) {
    job_is.files = &disk_;
    job_is.detached_connectors = false;
    job_is.connect = [this](caf::actor_system& system, connector_config what) {
      return outside_->connect(system, std::move(what));
    };
  }
  auto job = spawn_job(world.system(), std::move(job_is));
  const bool close = chance_.chance(1, 2);
  auto driver = spawn_simulated_driver(world.system(), node, job, client_, close);

  auto ended = end::stuck;
  for (std::uint64_t step = 0; step < steps_max; ++step) {
    if (!world.step()) break;
    ++steps_;
    relieve_disk();
    if (!faults_.empty() && steps_ >= faults_.front().at_step) {
      const auto what = faults_.front().what;
      const bool counts = inject(world, what);
      // No victim at this moment: the next step may have one.
      const bool deferred = what == fault::disk_full || what == fault::failed_sync;
      if (counts || deferred) faults_.pop_front();
      if (counts) count(what);
      if (what == fault::node_crash) {
        ended = end::crash;
        break;
      }
    }
    if (step % look_every != 0) continue;
    if (client_.job_state == "ended" && (!close || client_.node_closed)) {
      ended = end::done;
      break;
    }
    if (client_.job_state == "failed") {
      last_failure_ = client_.job_failure.to_string();
      ended = end::restart;
      break;
    }
  }
  if (ended == end::stuck) last_failure_ = client_.job_failure.to_string();
  // From here on the node can change nothing any more; then its actors go.
  disk_.freeze();
  caf::anon_send_exit(driver, caf::exit_reason::kill);
  caf::anon_send_exit(job, caf::exit_reason::kill);
  caf::anon_send_exit(node, caf::exit_reason::kill);
  driver = nullptr;
  job = nullptr;
  node = nullptr;
  return ended;
}

std::string simulated_run::live() {
  for (int life = 0; life < 200; ++life) {
    const auto ended = one_life();
    const auto failed_syncs = disk_.faults().failed_syncs;
    const bool sync_failed = failed_syncs > syncs_failed_;
    for (; syncs_failed_ < failed_syncs; ++syncs_failed_) count(fault::failed_sync);
    disk_.set_space_left(std::nullopt);
    disk_.fail_syncs(0);
    full_until_ = std::chrono::nanoseconds{-1};
    if (ended == end::stuck)
      return fmt::format(
          "the job hangs in state \"{}\" after {} steps, {} of the input is "
          "acknowledged ({})",
          client_.job_state, steps_, client_.all_acknowledged() ? "all" : "not all", last_failure_);
    // A process that ends leaves the page cache behind, which after a failed sync lies about what
    // is on the disk: sooner or later the machine goes down as well.
    if (ended == end::crash || chance_.chance(1, sync_failed ? 2 : 3)) disk_.crash(chance_);
    disk_.thaw();
    if (ended == end::done) return {};
    ++restarts_;
  }
  return "the job fails in every life: " + last_failure_;
}

void simulated_run::add_to(simulation_report& report) const {
  ++report.runs;
  report.steps += steps_;
  report.restarts += restarts_;
  for (std::size_t i = 0; i < fault_kinds; ++i) report.fired[i] += fired_[i];
}

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

}  // namespace

std::string_view name_of(fault what) {
  return fault_names[static_cast<std::size_t>(what)];
}

void simulated_input::add(const std::string& topic, std::optional<bytes_view> key,
                          std::optional<bytes_view> value, timestamp at) {
  record r;
  r.time = at;
  if (key) r.key = bytes{*key};
  if (value) r.value = bytes{*value};
  records_.emplace_back(topic, std::move(r));
}

std::string simulation_report::to_string() const {
  std::string text = fmt::format("{} runs of {} records, {} steps, {} restarts; faults:", runs,
                                 records, steps, restarts);
  for (std::size_t i = 0; i < fault_kinds; ++i)
    text += fmt::format(" {} {}", fault_names[i], fired[i]);
  if (!ok)
    text += fmt::format("\nseed {} fails: {}\nsee it again: PENSTOCK_SEED={} and the same command",
                        seed, what, seed);
  return text;
}

struct simulation::impl {
  std::shared_ptr<const plan> topology;
  simulation_options options;
  simulated_client client{random{0}};
  std::uint64_t records = 0;
  std::optional<simulated_outcome> expected;
  std::uint64_t horizon = 0;

  using feeder = std::function<void(const std::string& topic, const record& r)>;

  void lay_out(const simulated_input& input);
  void lay_out_connectors();
  void feed_lines(const simulated_input& input, const feeder& feed);
  std::string make_expected();
  std::string one(std::uint64_t seed, const faults& what, simulation_report& report);
};

void simulation::impl::lay_out(const simulated_input& input) {
  std::map<topic_partition, std::size_t> lanes;
  std::map<std::string, std::int32_t> turns;
  // Records of a test may be as old as they like: retention must not take them.
  auto keep = [&](const std::string& topic) {
    client.topics.try_emplace(topic, simulated_topic{options.partitions, {{"retention.ms", "-1"}}});
  };
  lay_out_connectors();
  for (const auto& part : topology->sub_topologies()) {
    for (const auto& each : part.sources)
      if (!each.repartition) keep(each.topic);
    for (const auto& each : part.sinks)
      if (!each.repartition) keep(each.topic);
  }
  const auto feed = [&](const std::string& topic, const record& r) {
    keep(topic);
    const auto partitions = client.topics.at(topic).partitions;
    const auto partition =
        r.key ? partition_of_key(*r.key, partitions) : turns[topic]++ % partitions;
    const topic_partition to{topic, partition};
    const auto [at, fresh] = lanes.try_emplace(to, client.lanes.size());
    if (fresh) client.lanes.emplace_back().to = to;
    client.lanes[at->second].records.push_back(r);
    ++records;
  };
  for (const auto& [topic, r] : input.records()) feed(topic, r);
  feed_lines(input, feed);
}

/// Topics of connectors are what the job would make of them.
void simulation::impl::lay_out_connectors() {
  const auto wanted = external_topics(*topology, {});
  if (!wanted) throw std::invalid_argument(wanted.error().message());
  std::set<std::string> connected;
  for (const auto& each : topology->connectors()) connected.insert(each.topic);
  for (const auto& each : wanted->create) {
    if (!connected.contains(each.name)) continue;
    auto& made = client.topics[each.name];
    made = {each.partitions, each.settings};
    std::erase_if(made.settings, [](const auto& one) { return one.first == "retention.ms"; });
    made.settings.emplace_back("retention.ms", "-1");
  }
}

/// Lines as the sources of their steps would put them into topics.
void simulation::impl::feed_lines(const simulated_input& input, const feeder& feed) {
  struct place {
    logs::event_assembler lines;
    timestamp at = no_timestamp;  // of the last line
  };
  std::map<std::pair<std::string, std::optional<std::string>>, place> places;
  const auto give = [&](const std::string& topic, const std::optional<std::string>& key,
                        std::string_view value, timestamp at) {
    record r;
    r.time = at;
    r.key = key;
    r.value = bytes{value};
    feed(topic, r);
  };
  for (const auto& each : input.lines()) {
    const auto& all = topology->connectors();
    const auto source = std::find_if(all.begin(), all.end(), [&](const plan_connector& one) {
      return one.source && one.name == each.step;
    });
    if (source == all.end())
      throw std::invalid_argument("step \"" + each.step + "\" of topology \"" + topology->name() +
                                  "\" is no source that takes lines");
    const auto& from = *topology->steps()[static_cast<std::size_t>(source->at)].reads_from;
    const auto* how = multiline_of(from);
    if (how == nullptr) {
      give(source->topic, each.key, each.line, each.at);
      continue;
    }
    auto at = places.find({source->topic, each.key});
    if (at == places.end())
      at = places
               .emplace(std::pair{source->topic, each.key},
                        place{logs::event_assembler::make(*how).value()})
               .first;
    auto& [lines, time] = at->second;
    lines.add(each.line, std::chrono::nanoseconds{0}, [&, before = time](std::string_view event) {
      give(source->topic, each.key, event, before == no_timestamp ? each.at : before);
    });
    time = each.at;
  }
  for (auto& [where, held] : places)
    held.lines.finish(
        [&](std::string_view event) { give(where.first, where.second, event, held.at); });
}

std::string simulation::impl::make_expected() {
  if (expected) return {};
  simulated_run calm{topology, client, options, 0};
  if (auto wrong = calm.live(); !wrong.empty()) return "without faults: " + wrong;
  auto left = calm.outcome();
  if (!left) return "without faults: " + left.error().to_string();
  expected = std::move(*left);
  horizon = calm.steps();
  return {};
}

std::string simulation::impl::one(std::uint64_t seed, const faults& what,
                                  simulation_report& report) {
  if (auto wrong = make_expected(); !wrong.empty()) return wrong;
  simulated_run run{topology, client, options, seed};
  run.plan_faults(what, horizon);
  auto wrong = run.live();
  run.add_to(report);
  if (!wrong.empty()) return wrong;
  auto left = run.outcome();
  if (!left) return left.error().message();
  report.delivered = left->delivered;
  return compare(*topology, *expected, *left);
}

simulation::simulation(const topology& t, const std::function<void(simulated_input&)>& feed,
                       simulation_options options)
    : impl_(std::make_unique<impl>()) {
  impl_->topology = std::make_shared<const plan>(t.plan());
  if (const auto& problems = impl_->topology->problems(); !problems.empty())
    throw std::invalid_argument("topology \"" + t.name() + "\" cannot run: " + problems.front());
  impl_->options = options;
  simulated_input input;
  feed(input);
  impl_->lay_out(input);
}

simulation::~simulation() = default;
simulation::simulation(simulation&&) noexcept = default;

simulation_report simulation::run(std::uint64_t seed, const faults& what) {
  simulation_report report;
  report.records = impl_->records;
  report.seed = seed;
  report.what = impl_->one(seed, what, report);
  report.ok = report.what.empty();
  return report;
}

simulation_report simulation::explore(std::uint64_t seeds, const faults& what) {
  if (auto one = number_from_environment("PENSTOCK_SEED")) return run(*one, what);
  if (auto many = number_from_environment("PENSTOCK_SEEDS")) seeds = *many;
  simulation_report report;
  report.records = impl_->records;
  for (std::uint64_t seed = 1; seed <= seeds && report.ok; ++seed) {
    report.seed = seed;
    report.what = impl_->one(seed, what, report);
    report.ok = report.what.empty();
  }
  return report;
}

simulation_report simulate(const topology& t, std::uint64_t seed, const faults& what,
                           const std::function<void(simulated_input&)>& feed,
                           simulation_options options) {
  return simulation{t, feed, options}.run(seed, what);
}

}  // namespace penstock
