// The actor's side of sources that listen: lines that arrive over sockets go into the topic, and
// whoever sent them hears when they are durable. What listens is given by the kind of source. Only
// for the .cpp files of this folder.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "actors/connect/arrivals.hpp"
#include "actors/connect/connector_base.hpp"
#include "actors/connect/topic_writer.hpp"

namespace penstock {

/// The sockets of one source. Destruction closes them and waits for their thread.
class socket_server {
 public:
  virtual ~socket_server() = default;

  /// Takes nothing new from now on. What waits to be answered still can be.
  virtual void stop_taking() = 0;
};

/// Counted by the sockets' thread, read by the actor.
struct socket_numbers {
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> cut{0};
};

class socket_source final : public connector {
 public:
  /// Opens the sockets, or says why it cannot: then the job fails.
  using opener = std::function<result<std::unique_ptr<socket_server>>(
      std::shared_ptr<arrivals> to, std::shared_ptr<socket_numbers> numbers)>;

  socket_source(self_pointer self, connector_config config, opener open);
  ~socket_source() override;

 protected:
  void begin() override;
  void finish() override {}  // it has no end; the job is refused
  void stop() override;
  void on_wake() override { take(); }
  connector_numbers numbers() const override;

 private:
  struct waiting {
    std::uint64_t until = 0;  // durable when so many records are
    std::size_t bytes = 0;
    std::function<void(bool)> done;
  };

  void open_sockets();
  void take();
  void progressed();

  opener open_;
  std::shared_ptr<arrivals> inbox_;
  std::shared_ptr<socket_numbers> counted_;
  std::unique_ptr<socket_server> server_;
  topic_writer out_;
  std::deque<waiting> unanswered_;
  std::size_t turn_ = 0;
  bool stopping_ = false;
  bool settled_ = false;  // nothing more can come from the sockets
};

/// A source over sockets of the caller's choice, for tests that play the senders. In the calling
/// system's scheduler, not detached.
connector_actor spawn_socket_source(caf::actor_system& system, connector_config config,
                                    socket_source::opener open);

std::unique_ptr<connector> make_syslog(connector::self_pointer self, connector_config config);
std::unique_ptr<connector> make_http_in(connector::self_pointer self, connector_config config);

}  // namespace penstock
