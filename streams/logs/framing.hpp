// Where one syslog message ends and the next begins in a stream of bytes (RFC 6587): octet
// counting, `83 <34>1 2026-…`, and a newline behind each message. One object per connection, filled
// with what was read from it; knows nothing of sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::logs {

class syslog_framer {
 public:
  enum class mode : std::uint8_t {
    automatic,  // chosen for each message: a count and a space in front of '<', else a newline
    newline,
    octets,  // every message has its count; anything else is an error
  };

  /// The least cap that is of use: RFC 5424 wants 480 bytes from every receiver.
  static constexpr std::size_t least_cap = 480;

  /// A message longer than `most_bytes` (at least `least_cap`) is cut: what fits is given, the rest
  /// of that message is skipped, and `cut()` counts it. Holds at most that much memory, and a
  /// little.
  explicit syslog_framer(std::size_t most_bytes = std::size_t{256} << 10,
                         mode how = mode::automatic);

  /// Takes the next bytes and calls `message` for each message that is whole now, without its
  /// frame. The view is valid during the call. Empty messages are skipped, as is a carriage return
  /// in front of a newline. Does nothing after an error.
  void add(bytes_view data, const std::function<void(std::string_view)>& message);

  /// The connection has ended: gives what is left of a message that was not finished, because
  /// nobody will send it again. One with a count counts as cut.
  void finish(const std::function<void(std::string_view)>& message);

  /// What is wrong with the stream, after which nothing more can be read from it: the connection
  /// should be closed. Only with mode::octets.
  result<void> error() const { return error_; }

  /// Messages that were given without their end.
  std::uint64_t cut() const { return cut_; }

  /// Bytes of a message whose end did not come yet.
  std::size_t pending_bytes() const { return held_.size(); }

 private:
  using sink = std::function<void(std::string_view)>;
  enum class state : std::uint8_t { start, in_line, in_octets, skip_line, skip_octets };

  void start(bytes_view& data);
  void line(bytes_view& data, const sink& message);
  void octets(bytes_view& data, const sink& message);
  void skip(bytes_view& data);
  void give(bytes_view whole, const sink& message);
  void fail();

  std::size_t most_;
  mode mode_;
  state state_ = state::start;
  std::uint64_t count_ = 0;  // bytes of the message with a count that are still to come
  bytes held_;               // the message so far, or the count in front of it
  std::uint64_t cut_ = 0;
  result<void> error_;
};

}  // namespace penstock::logs
