// What a link may cost its process. Every limit has a default and holds before memory is spent.
#pragma once

#include <cstdint>

#include "actors/messages/envelope.hpp"
#include "streams/base/time.hpp"

namespace penstock {

struct link_limits {
  std::uint32_t frame_bytes_max = static_cast<std::uint32_t>(envelope_bytes_max);

  /// Per connection, of the other side's requests: at the limit nothing more is read from the
  /// socket until replies have been written, so it is exceeded by one request at most.
  std::uint32_t requests_in_flight_max = 4096;
  std::uint32_t bytes_in_flight_max = 96u << 20;  // requests, and the replies they ask for

  /// Of all links of a listener together, besides. At the limit no request is read any more, and
  /// large replies are refused as `overloaded`; of requests that do not come to their end half as
  /// much is kept, then the link goes that began first.
  std::uint64_t traffic_bytes_max = 256u << 20;

  std::uint32_t connections_max =
      64;  // of a socket file, and of a port; more are told so and closed
  duration handshake_timeout = 5s;
  duration write_timeout = 30s;  // a peer that does not read for so long is cut off
  duration alive_interval = 10s;
  duration silence_max = 40s;  // nothing at all from the peer for so long: it is gone

  /// Of the asking side: how long an answer may take beyond what the request itself waits for.
  duration answer_timeout = 30s;
};

}  // namespace penstock
