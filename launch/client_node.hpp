// What a `local_node` (dsl/client.hpp) holds: a node of its own on a directory, or the node that a
// job runs on, shared for as long as the job's program looks at its results.
#pragma once

#include <caf/actor_system.hpp>
#include <memory>

#include "dsl/client.hpp"
#include "launch/embedded_node.hpp"

namespace penstock::detail {

struct client_node {
  std::unique_ptr<embedded_node> own;  // null when shared
  caf::actor_system* system = nullptr;
  node_actor node;

  /// Must not outlive the system and the node.
  static local_node share(caf::actor_system& system, const node_actor& node);

  template <class Reply, class Request>
  result<Reply> ask(const Request& what);
};

}  // namespace penstock::detail
