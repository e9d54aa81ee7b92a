// The other end of a link: a node of another process as a `node_actor` of this one. Producers,
// consumers and tools hold the handle and do not notice the difference, except that a peer can go
// away: then what was under way is answered `timed_out` and the link tries to come back, or
// `closed` when its patience is over.
#pragma once

#include <caf/actor_system.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/broker/node.hpp"
#include "actors/cluster/conversations.hpp"
#include "actors/cluster/link_address.hpp"
#include "actors/cluster/link_limits.hpp"
#include "streams/base/result.hpp"

namespace penstock {

class node_link_core;

/// How the asking side of a link behaves.
struct link_manners {
  /// A link that is lost is made again for so long; what is asked meanwhile waits. 0: never.
  duration patience{0};

  /// The topology whose tasks run on this side; empty: none. A node gives it to one process at a
  /// time.
  std::string claim;
};

class node_link {
 public:
  /// Fails what is pending, closes, and waits for the link's thread. Handles that are still held
  /// answer `closed` from then on. Before the actor system goes.
  ~node_link();
  node_link(const node_link&) = delete;
  node_link& operator=(const node_link&) = delete;

  /// The remote node. Requests go out at once, at most as many as the peer grants; beyond that
  /// the answer is `overloaded`. A request is answered `timed_out` when `answer_timeout` and what
  /// it asks to wait have passed; its late reply is dropped.
  const node_actor& node() const;

  /// The job that runs in the other process; answers `not_found` when there is none.
  const job_handle& job() const;

  /// Nothing while the link stands or is being made again, or why it does not. Any thread.
  error down() const;

  /// Whether the link is being made again, so that what is asked waits. Any thread.
  bool is_lost() const;

  /// Who the node is for Kafka's clients; -1 when it serves none. Any thread.
  std::int32_t node_id() const;

 private:
  friend result<std::unique_ptr<node_link>> connect_node(caf::actor_system&, const link_address&,
                                                         const link_limits&, const link_manners&);
  explicit node_link(std::shared_ptr<node_link_core> held);
  std::shared_ptr<node_link_core> core_;
};

/// Connects, exchanges hellos and claims; blocks for a few `handshake_timeout` at most. `closed`
/// when nobody listens there (the address is named) or somebody who is no node, `timed_out`,
/// `unsupported_version`, `overloaded`, `locked` when another process has claimed the topology.
result<std::unique_ptr<node_link>> connect_node(caf::actor_system& system, const link_address& to,
                                                const link_limits& limits = {},
                                                const link_manners& manners = {});

}  // namespace penstock
