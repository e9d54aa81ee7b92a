// The HTTP sink with a transport of the caller's choice, for tests that play the server. Jobs start
// theirs by `spawn_connector`, over sockets.
#pragma once

#include "actors/connect/connector.hpp"
#include "actors/connect/http_transport.hpp"

namespace penstock {

/// In the calling system's scheduler, not detached. The connector of `config` is an HTTP sink.
connector_actor spawn_http_sink(caf::actor_system& system, connector_config config,
                                http_transport_maker make);

}  // namespace penstock
