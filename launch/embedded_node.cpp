#include "launch/embedded_node.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <thread>

#include "actors/errors.hpp"
#include "streams/base/clock.hpp"

namespace penstock {

// Members end in reverse order: first the listener and the handle, then the system, last the lock.
struct embedded_node::state {
  embedded_options options;
  std::unique_ptr<directory_lock> lock;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  node_actor node;
  std::unique_ptr<link_listener> listener;
  bool closed = false;
};

embedded_node::embedded_node(std::unique_ptr<state> held) : state_(std::move(held)) {}

result<std::unique_ptr<embedded_node>> embedded_node::open(const embedded_options& options) {
  auto held = std::make_unique<state>();
  held->options = options;
  auto& disk = machine_disk();
  if (options.directory.empty())
    return error{errc::invalid_argument,
                 "the data directory has no name: give it one, as --on DIR"};
  PENSTOCK_TRY(disk.make_folder(options.directory));
  PENSTOCK_ASSIGN(held->lock, disk.lock(options.directory));

  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  held->config.set("scheduler.policy", caf::atom("sharing"));
  held->config.set("scheduler.max-threads", options.workers == 0 ? cores : options.workers);
  held->config.set("scheduler.max-throughput", std::size_t{300});
  held->system = std::make_unique<caf::actor_system>(held->config);
  // An actor that somebody forgot must not keep the process from ending.
  held->system->await_actors_before_shutdown(false);

  node_config config;
  config.directory = options.directory;
  config.on = &disk;
  config.time = &machine_clock();
  config.seed = static_cast<std::uint64_t>(machine_clock().now().time_since_epoch().count()) ^
                static_cast<std::uint64_t>(machine_clock().monotonic().count());
  config.default_partitions = options.default_partitions;
  config.default_flush = options.default_flush;
  config.housekeeping = options.housekeeping;
  held->node = spawn_node(*held->system, std::move(config), options.defaults);
  if (options.listen) {
    const auto at = link_address::local(node_socket_path(options.directory));
    if (auto opened = link_listener::open(*held->system, at, held->node)) {
      held->listener = *std::move(opened);
    }
  }
  if (!held->listener) held->listener = link_listener::without_address(*held->system, held->node);
  return std::unique_ptr<embedded_node>{new embedded_node{std::move(held)}};
}

embedded_node::~embedded_node() {
  // Nobody is left to hear why not; the next start recovers what is there.
  if (!state_->closed) (void)close();
}

caf::actor_system& embedded_node::system() {
  return *state_->system;
}

const node_actor& embedded_node::node() const {
  return state_->node;
}

const std::string& embedded_node::directory() const {
  return state_->options.directory;
}

link_listener& embedded_node::links() {
  return *state_->listener;
}

void embedded_node::show_job(job_handle job) {
  state_->listener->set_job(std::move(job));
}

result<void> embedded_node::close(duration deadline) {
  state_->closed = true;
  state_->listener.reset();
  result<void> done;
  caf::scoped_actor self{*state_->system};
  self->request(state_->node, deadline, close_request{})
      .receive(
          [&](const admin_reply& reply) {
            if (auto why = error_of(reply.open()->getFailure())) done = why;
          },
          [&](const caf::error& why) { done = from_caf(why); });
  // The actors that it started, the writer's thread among them, end with the node. The system waits
  // for that thread, and nobody would tell it to end when the system's own threads are gone.
  self->send_exit(state_->node, caf::exit_reason::kill);
  self->wait_for(caf::actor_cast<caf::actor>(state_->node));
  return done;
}

}  // namespace penstock
