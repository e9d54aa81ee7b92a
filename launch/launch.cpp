// A plan and a command line become a running job: the definition of `launch` that
// streams/plan/plan.hpp declares. Starts an embedded node and a job on it, shows progress, and ends
// on Ctrl-C or by itself with everything committed.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "actors/cluster/node_link.hpp"
#include "actors/errors.hpp"
#include "actors/processor/job.hpp"
#include "launch/client_node.hpp"
#include "launch/command_line.hpp"
#include "launch/embedded_node.hpp"
#include "launch/process_memory.hpp"
#include "launch/progress.hpp"
#include "launch/standard_descriptors.hpp"
#include "launch/testing/run_tests.hpp"
#include "streams/base/program_name.hpp"
#include "streams/plan/launch.hpp"

namespace penstock {
namespace {

constexpr duration poll_interval = 50ms;
constexpr duration link_patience = 10min;  // a node that is started again finds its jobs waiting
constexpr duration claim_patience = 5s;
constexpr duration directory_patience = 3s;
constexpr duration failed_patience = 5s;  // for the other tasks of a job that has failed

volatile sig_atomic_t stops_asked = 0;

extern "C" void on_stop_signal(int) {
  // The first asks politely; whoever presses again does not want to wait.
  if (stops_asked > 0) _exit(exit_killed);
  stops_asked = 1;
}

/// Takes SIGINT and SIGTERM while it lives.
class stop_signals {
 public:
  stop_signals() {
    stops_asked = 0;
    struct sigaction action {};
    action.sa_handler = on_stop_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~stop_signals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  bool asked() const { return stops_asked > 0; }

 private:
  struct sigaction interrupt_ {};
  struct sigaction terminate_ {};
};

job_config configure(const plan& p, const run_options& options, const node_actor& node) {
  job_config config;
  // The plan outlives the job: `launch` returns after it has ended.
  config.topology = std::shared_ptr<const plan>{std::shared_ptr<void>{}, &p};
  config.node = node;
  config.time = &machine_clock();
  config.settings.commit_interval = options.commit_interval;
  config.settings.in_memory_repartition = options.in_memory_repartition;
  config.until_end = options.until_end;
  config.close_windows = options.close_windows;
  config.reset = options.reset;
  config.drop_steps = options.drop_steps;
  config.files = &machine_disk();
  config.print = [](std::string_view line) {
    static std::mutex one_at_a_time;
    std::lock_guard hold{one_at_a_time};
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
  };
  return config;
}

result<job_reply> ask(caf::scoped_actor& self, const job_actor& job) {
  result<job_reply> answer{job_reply{}};
  self->request(job, 30s, job_request{})
      .receive([&](const job_reply& reply) { answer = reply; },
               [&](const caf::error& why) { answer = from_caf(why); });
  return answer;
}

// The address of a node that cannot be reached at the moment; empty: there is nothing to miss.
using missing_node = std::function<std::string()>;

struct job_outcome {
  error why;           // also of one that has ended: what it could not do
  bool ended = false;  // with everything committed
};

// Until the job has ended or failed.
job_outcome follow(caf::scoped_actor& self, const job_actor& job, progress& show,
                   const missing_node& missing) {
  stop_signals signals;
  bool stopping = false;
  std::chrono::nanoseconds failed_at{-1};
  for (;;) {
    auto reply = ask(self, job);
    if (!reply) return {reply.error()};
    const auto now = machine_clock().monotonic();
    show.update(*reply, now, missing());
    auto in = reply->open();
    const auto state = view(in->getState());
    auto why = error_of(in->getFailure());
    if (why && failed_at.count() < 0) failed_at = now;
    if (state == "ended" || state == "failed" || (why && now - failed_at > failed_patience)) {
      show.finish(*reply, now);
      return {why, state == "ended"};
    }
    if (signals.asked() && !stopping) {
      stopping = true;
      self->send(job, job_order::make([](auto out) { out.setKind(wire::JobOrder::Kind::STOP); }));
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

// The job at work on a node, from its first task to its last. `show_job` tells whoever wants to
// look.
job_outcome run_on(const plan& p, const run_options& options, caf::actor_system& system,
                   const node_actor& node, const std::function<void(job_handle)>& show_job,
                   const missing_node& missing) {
  caf::scoped_actor self{system};
  progress show{p.name(), options.quiet};
  auto job = spawn_job(system, configure(p, options, node));
  show_job(job);
  auto outcome = follow(self, job, show, missing);
  show_job(job_handle{});
  self->send_exit(job, caf::exit_reason::user_shutdown);
  self->wait_for(caf::actor_cast<caf::actor>(job));
  std::fflush(stdout);
  return outcome;
}

// What the program makes of the results, once the job has ended.
error look_at_end(const job_outcome& outcome, const launch_extras& extras,
                  caf::actor_system& system, const node_actor& node, int& status) {
  if (!outcome.ended || !extras.at_end) return outcome.why;
  auto shared = detail::client_node::share(system, node);
  status = extras.at_end(shared);
  return outcome.why;
}

// What `open` gives, asked again for so long while somebody else has it.
template <class Open>
auto while_locked(duration patience, Open open) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto made = open();
    if (made || !(made.error() == errc::locked) || std::chrono::steady_clock::now() > until)
      return made;
    std::this_thread::sleep_for(poll_interval);
  }
}

error run_embedded(const plan& p, const run_options& options, const launch_extras& extras,
                   int& status) {
  embedded_options where;
  where.directory = options.directory;
  where.workers = options.workers;
  // A word of `penstock` may have the directory for itself, for a moment.
  auto node = while_locked(directory_patience, [&] { return embedded_node::open(where); });
  if (!node) return node.error();
  auto claimed = (*node)->links().claim(p.name());
  const auto outcome = claimed ? run_on(
                                     p, options, (*node)->system(), (*node)->node(),
                                     [&](job_handle job) { (*node)->show_job(std::move(job)); },
                                     [] { return std::string{}; })
                               : job_outcome{claimed.error()};
  auto why = look_at_end(outcome, extras, (*node)->system(), (*node)->node(), status);
  auto closed = (*node)->close();
  if (!why && !closed) why = closed.error();
  return why;
}

struct linked_system {
  explicit linked_system(std::size_t workers) {
    const auto cores = std::max(2U, std::thread::hardware_concurrency());
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads", workers == 0 ? cores : workers);
    config.set("scheduler.max-throughput", std::size_t{300});
    system = std::make_unique<caf::actor_system>(config);
    system->await_actors_before_shutdown(false);
  }
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
};

// A processor node: tasks and state are here, topics and groups over there.
error run_linked(const plan& p, const run_options& options, const launch_extras& extras,
                 int& status) {
  auto address = link_address::parse(options.directory);
  if (!address) return address.error();
  linked_system here{options.workers};
  link_manners manners;
  manners.patience = link_patience;
  manners.claim = p.name();
  // A process that was killed a moment ago may not have been missed yet.
  auto link = while_locked(claim_patience,
                           [&] { return connect_node(*here.system, *address, {}, manners); });
  if (!link) return link.error();
  const auto outcome = run_on(
      p, options, *here.system, (*link)->node(), [](const job_handle&) {},
      [&] { return (*link)->is_lost() ? options.directory : std::string{}; });
  return look_at_end(outcome, extras, *here.system, (*link)->node(), status);
}

int refuse(const plan& p) {
  std::fprintf(stderr, "topology \"%s\" cannot run:\n", p.name().c_str());
  for (const auto& each : p.problems()) std::fprintf(stderr, "  - %s\n", each.c_str());
  return exit_refused;
}

// stdout belongs to `print` steps.
void log_to_stderr() {
  static const auto logger = spdlog::stderr_logger_mt("penstock");
  spdlog::set_default_logger(logger);
  spdlog::set_level(spdlog::level::warn);
}

int launch_checked(const plan& p, int argc, char** argv, const launch_extras& extras) {
  auto parsed = parse_command_line(p, argc, argv, extras);
  if (auto* status = std::get_if<int>(&parsed)) return *status;
  const auto& options = std::get<run_options>(parsed);
  if (!p.problems().empty()) return refuse(p);
  if (options.describe) {
    std::fputs(p.describe(options.format).c_str(), stdout);
    return exit_ok;
  }
  if (!options.tests.empty()) return testing::run_test_files(p, options.tests, options.json);
  if (const auto endless = p.endless_sources(); options.until_end && !endless.empty()) {
    std::fprintf(stderr,
                 "%s: --until-end: the source \"%s\" has no end; leave the flag out, and end "
                 "the job with Ctrl-C\n",
                 program_name(argc, argv).c_str(), endless.front().c_str());
    return exit_usage;
  }
  log_to_stderr();
  const bool linked = options.directory.find("://") != std::string::npos;
  int status = exit_ok;
  if (auto why = linked ? run_linked(p, options, extras, status)
                        : run_embedded(p, options, extras, status)) {
    std::fprintf(stderr, "%s: %s\n", p.name().c_str(), why.to_string().c_str());
    return exit_status_of(why.code());
  }
  return status;
}

}  // namespace

int launch(const plan& p, int argc, char** argv) {
  return launch(p, argc, argv, {});
}

int launch(const plan& p, int argc, char** argv, const launch_extras& extras) {
  keep_standard_descriptors();
  keep_freed_memory();
  try {
    return finish_standard_output(p.name().c_str(), launch_checked(p, argc, argv, extras));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: an unexpected error ended the job: %s\n", p.name().c_str(), e.what());
    return exit_failed;
  }
}

}  // namespace penstock
