// The actor of one client: takes frames in, answers them in order. Requests are served one at a
// time, as clients expect of Kafka; only produce requests run beside each other, so that one sync
// of the disk covers all that wait. The listener owns the socket and gives it to the actor as
// `client_output`; tests give something else.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/cluster/traffic.hpp"
#include "actors/messages/messages.hpp"
#include "kafka/listener/connection.capnp.h"
#include "kafka/listener/edge_settings.hpp"
#include "kafka/listener/fetch_session.hpp"
#include "kafka/protocol/codec.hpp"

namespace penstock::kafka {

using frame_arrived = envelope<wire::FrameArrived>;
using client_gone = envelope<wire::ClientGone>;

using connection_actor = caf::typed_actor<caf::reacts_to<frame_arrived>,
                                          caf::reacts_to<client_gone>, caf::reacts_to<tick>>;

/// Frames that answer requests, lengths in front: bytes of their own and, between them, records
/// that stay where the messages of their partitions have them.
struct answer_frames {
  bytes own;
  borrowed_parts borrowed;
  std::vector<caf::intrusive_ptr<const frame>> held;  // what `borrowed` points into

  std::size_t size() const;
  void append(answer_frames&& more);

  /// Calls `each` with the parts in their order; what they point into stays as long as this.
  template <class F>
  void for_each_part(F&& each) const {
    std::size_t at = 0;
    for (const auto& part : borrowed) {
      if (part.before > at) each(bytes_view{own}.substr(at, part.before - at));
      at = part.before;
      each(part.data);
    }
    if (own.size() > at) each(bytes_view{own}.substr(at));
  }
};

/// Where answers go. Called by the connection actor, from any thread of the scheduler.
class client_output {
 public:
  virtual ~client_output() = default;

  /// `count` more requests are answered, with these frames (none for a produce request with
  /// acks=0).
  virtual void answer(answer_frames frames, std::size_t count) = 0;

  /// The client sent what cannot be answered, or the actor ends. At most one line of log.
  virtual void close(const error& why) = 0;
};

struct connection_config {
  std::shared_ptr<const edge_settings> settings;
  node_actor node;
  std::shared_ptr<client_output> output;
  std::shared_ptr<penstock::traffic> traffic;  // none: nobody else is there
  std::shared_ptr<session_room> sessions;      // likewise
  std::string client_host;                     // "/127.0.0.1", as Kafka writes it
};

connection_actor spawn_connection(caf::actor_system& system, connection_config config);

}  // namespace penstock::kafka
