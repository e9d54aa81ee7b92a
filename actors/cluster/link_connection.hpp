// One socket of a link: says hello, reads frames, writes frames, shows that it lives and notices
// when the other side does not. Used by the listener and by the node link, each on its own io
// thread; every call happens on that thread. Private to this folder.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "actors/cluster/frame_codec.hpp"
#include "actors/cluster/link_address.hpp"
#include "actors/cluster/link_limits.hpp"
#include "actors/cluster/traffic.hpp"
#include "streams/base/result.hpp"

namespace penstock {

using link_socket = boost::asio::generic::stream_protocol::socket;

/// What a connection tells its owner.
class link_observer {
 public:
  virtual ~link_observer() = default;

  /// The other side's hello fits.
  virtual void on_open(const link_hello& peer) = 0;

  /// A request or a reply. The payload is not validated.
  virtual void on_frame(arrived_frame arrived) = 0;

  /// `bytes` of frames have been handed to the system.
  virtual void on_written(std::size_t bytes) = 0;

  /// All links together keep too much of requests that do not come to their end.
  virtual void on_pressed() {}

  /// Once; nothing follows it.
  virtual void on_closed(const error& why) = 0;
};

class link_connection : public std::enable_shared_from_this<link_connection> {
 public:
  /// `all`: what the links of one listener have together; none: there are no others.
  link_connection(link_socket socket, const link_limits& limits, std::string peer_name,
                  std::shared_ptr<traffic> all = nullptr);

  /// Begins with the hello. The observer is kept alive by whoever owns it until `on_closed`.
  /// `received`: what somebody else has read from the socket already, at most a hello.
  void start(std::weak_ptr<link_observer> observer, std::int32_t node_id = -1,
             bytes_view received = {});

  /// Queues a frame. The owner bounds what is queued (`queued_bytes`).
  void send(frame_type type, std::uint16_t kind, std::uint64_t correlation,
            caf::intrusive_ptr<const frame> payload);

  /// No more frames are delivered, and nothing is read, until `resume`.
  void pause() { paused_ = true; }
  void resume();

  std::size_t queued_bytes() const { return queued_bytes_; }

  /// Since when the peer has owed the rest of a frame; nothing when it does not.
  std::optional<std::chrono::steady_clock::time_point> unfinished_since() const {
    return unfinished_ > 0 ? std::optional{began_} : std::nullopt;
  }
  bool closed() const { return closed_; }

  /// Tells the peer why, writes what is queued as far as it goes at once, and closes.
  void refuse(const error& why);

  /// Closes now; `on_closed(why)` follows.
  void close(const error& why);

 private:
  struct outgoing {
    std::array<char, link_header_bytes> header;
    caf::intrusive_ptr<const frame> payload;
    std::size_t bytes() const {
      return header.size() + (payload ? payload->size() * sizeof(capnp::word) : 0);
    }
  };

  void read_more();
  bool is_held_back() const;
  void look_again();
  void count_queued(std::int64_t count);
  void count_unfinished();
  void on_bytes(std::size_t count);
  void deliver();
  void write_more();
  void watch();
  void on_goodbye(const arrived_frame& arrived);

  link_socket socket_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer room_timer_;  // when it is held back
  link_limits limits_;
  std::string peer_;
  std::weak_ptr<link_observer> observer_;
  frame_reader reader_;
  std::array<char, link_hello_bytes> hello_{};
  std::deque<outgoing> queue_;
  std::shared_ptr<traffic> all_;
  std::size_t queued_bytes_ = 0;
  std::size_t unfinished_ = 0;  // bytes of a frame that has begun
  std::size_t writing_ = 0;     // frames at the head of the queue that the system has
  bool hello_sent_ = false;
  bool greeted_ = false;
  bool paused_ = false;
  bool held_back_ = false;  // until all links together have room
  bool reading_ = false;
  bool delivering_ = false;
  bool closed_ = false;
  std::chrono::steady_clock::time_point started_{};
  std::chrono::steady_clock::time_point heard_{};
  std::chrono::steady_clock::time_point spoke_{};
  std::chrono::steady_clock::time_point write_began_{};
  std::chrono::steady_clock::time_point began_{};  // the frame that has not come to its end
};

/// The endpoints of an address, ready for a generic socket, at least one: a host may have several.
/// A path too long for a socket address is reached through an open folder (/proc/self/fd), which
/// `folder` keeps open as long as needed.
struct link_endpoint {
  boost::asio::generic::stream_protocol::endpoint where;
  std::shared_ptr<void> folder;
};
result<std::vector<link_endpoint>> endpoints_of(boost::asio::io_context& io,
                                                const link_address& address);

/// The reason of a system call's failure, as an error about `peer`.
error link_failure(errc code, const std::string& peer, const boost::system::error_code& why);

}  // namespace penstock
