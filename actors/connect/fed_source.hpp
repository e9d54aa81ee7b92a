// A source connector whose topic somebody else fills: it does nothing, and ends when it is told to.
// The simulation of jobs stands in for the files and senders of a source this way.
#pragma once

#include "actors/connect/connector.hpp"

namespace penstock {

/// In the calling system's scheduler, not detached. The connector of `config` is a source.
connector_actor spawn_fed_source(caf::actor_system& system, connector_config config);

}  // namespace penstock
