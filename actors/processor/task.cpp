#include "actors/processor/task.hpp"

#include "actors/processor/task_state.hpp"

namespace penstock {
namespace {

task_actor::behavior_type task(task_state::self_pointer self, task_config config) {
  auto& state = self->state;
  self->set_exception_handler([](std::exception_ptr& what) -> caf::error {
    try {
      std::rethrow_exception(what);
    } catch (const std::exception& e) {
      return to_caf(error{errc::internal, e.what()});
    }
  });
  state.start(std::move(config));
  return {
      [&state](const task_order& order) { state.on_order(order); },
      [&state](const deliver_request& what) { return state.on_deliver(what); },
      [&state](const tick& what) { state.on_tick(what); },
  };
}

}  // namespace

std::string task_name(const plan& p, std::int32_t part, std::int32_t partition) {
  return p.name() + "/" + std::to_string(part) + "/" + std::to_string(partition);
}

std::string changelog_topic(const plan& p, std::int32_t part) {
  const auto& stores = p.sub_topologies()[static_cast<std::size_t>(part)].stores;
  return stores.empty() ? std::string{} : p.name() + "-" + stores.front().step + "-changelog";
}

task_actor spawn_task(caf::actor_system& system, task_config config) {
  return system.spawn(task, std::move(config));
}

}  // namespace penstock
