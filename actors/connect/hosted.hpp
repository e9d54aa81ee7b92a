// The actor in which a connector lives. Only for the .cpp files of this folder.
#pragma once

#include <functional>
#include <memory>

#include "actors/connect/connector_base.hpp"

namespace penstock {

using connector_maker = std::function<std::unique_ptr<connector>(connector::self_pointer self)>;

/// Starts an actor with the connector that `make` makes in it. `detached`: in a thread of its own.
connector_actor spawn_hosted(caf::actor_system& system, bool detached, connector_maker make);

}  // namespace penstock
