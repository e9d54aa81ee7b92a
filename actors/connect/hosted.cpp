#include "actors/connect/hosted.hpp"

#include <caf/stateful_actor.hpp>

namespace penstock {
namespace {

struct connector_state {
  static inline const char* name = "penstock.connector";
  std::unique_ptr<connector> held;
};

connector_actor::behavior_type host(connector_actor::stateful_pointer<connector_state> self,
                                    const connector_maker& make) {
  auto& state = self->state;
  state.held = make(self);
  state.held->start();
  return {
      [&state](const connector_order& what) { state.held->on_order(what.open()->getKind()); },
      [&state](const tick& what) { state.held->on_tick(what.open()->getId()); },
  };
}

}  // namespace

connector_actor spawn_hosted(caf::actor_system& system, bool detached, connector_maker make) {
  return detached ? system.spawn<caf::detached>(host, std::move(make))
                  : system.spawn(host, std::move(make));
}

}  // namespace penstock
