// The door of a node for other processes: takes links on a socket file or a TCP port, or from
// another listener that shares its port, checks every message at this border, puts requests into
// the node's mailbox and writes its replies back. Owned by whoever owns the node; it must go before
// the actor system does.
#pragma once

#include <caf/actor_system.hpp>
#include <memory>

#include "actors/broker/node.hpp"
#include "actors/cluster/conversations.hpp"
#include "actors/cluster/link_address.hpp"
#include "actors/cluster/link_limits.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

class link_listener {
 public:
  /// Begins to listen. A socket file gets mode 0600; one that is left from an earlier process is
  /// replaced, so the caller must hold the lock of the data directory it lies in. TCP port 0: any
  /// free one. `io_error` or `read_only` when the system refuses, naming the address.
  static result<std::unique_ptr<link_listener>> open(caf::actor_system& system,
                                                     const link_address& at, node_actor node,
                                                     const link_limits& limits = {});

  /// One that listens nowhere: links come by `adopt`.
  static std::unique_ptr<link_listener> without_address(caf::actor_system& system, node_actor node,
                                                        const link_limits& limits = {});

  /// Goes on with a TCP connection that somebody else accepted and read the first bytes of, at most
  /// a hello. The descriptor is ours from now on. Any thread.
  void adopt(int descriptor, bytes received);

  /// What links are told about who this node is for Kafka's clients. Any thread.
  void name_node(std::int32_t id);

  /// This process runs the tasks of a topology itself: links that claim it are refused. `locked`
  /// when a link has claimed it. Any thread.
  result<void> claim(const std::string& topology);

  /// Tells every peer goodbye, closes, and removes the socket file.
  ~link_listener();
  link_listener(const link_listener&) = delete;
  link_listener& operator=(const link_listener&) = delete;

  /// The address with its real port.
  const link_address& address() const;

  /// The job that answers job conversations from now on; null: none runs here. Any thread.
  void set_job(job_handle job);

 private:
  class core;
  explicit link_listener(std::shared_ptr<core> held);
  std::shared_ptr<core> core_;
};

}  // namespace penstock
