// The door for Kafka's clients: takes connections on TCP ports, gives each an actor, hands it one
// frame after the other and writes its answers. Other processes of Penstock come by the same port:
// what begins as a link does is handed on to `link_listener`. Sockets live on a thread of their
// own; actors never run there. Owned by whoever owns the node; it must go before the actor system
// does.
#pragma once

#include <caf/actor_system.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/broker/node.hpp"
#include "actors/cluster/link_listener.hpp"
#include "kafka/listener/edge_settings.hpp"
#include "streams/base/result.hpp"

namespace penstock::kafka {

class listener {
 public:
  /// Begins to listen on `host:port` (empty host: all addresses; port 0: any free one, which is
  /// then also advertised when `settings.port` is 0). `io_error` or `read_only` when the system
  /// refuses, naming the address. `links`: who takes links, outlives the listener; null: nobody.
  static result<std::unique_ptr<listener>> open(caf::actor_system& system, const std::string& host,
                                                std::uint16_t port, node_actor node,
                                                edge_settings settings,
                                                link_listener* links = nullptr);

  /// Closes every connection.
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  std::uint16_t port() const;

 private:
  class core;
  explicit listener(std::shared_ptr<core> held);
  std::shared_ptr<core> core_;
};

}  // namespace penstock::kafka
