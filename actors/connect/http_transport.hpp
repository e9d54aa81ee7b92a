// Requests over HTTP, as the HTTP sink needs them: one at a time per lane, over connections that
// are kept. The sink's own thread runs them by calling `work`; tests put a server of their own in
// its place.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/connect/own_headers.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/result.hpp"
#include "streams/connect/delivery.hpp"
#include "streams/plan/http_url.hpp"

namespace penstock {

class http_transport {
 public:
  virtual ~http_transport() = default;

  /// `io_error`, `timed_out` or `closed` when there is no answer.
  using receiver = std::function<void(const result<http_answer>&)>;

  /// Sends a POST with these headers besides what HTTP needs. `then` is called from inside `work`,
  /// once, unless the transport ends before.
  virtual void post(std::size_t lane, std::string_view content_type, const http_fields& own,
                    bytes body, receiver then) = 0;

  /// Lets requests go on, for at most `wait`, and less when all are answered.
  virtual void work(duration wait) = 0;
};

/// Where requests go. `ca_file`: the authorities that an https server is verified by, in PEM;
/// empty: the system's.
struct http_peer {
  http_url at;
  std::string ca_file;
};

/// HTTP/1.1 over TCP, or over TLS. `timeout` is for a whole request; `wall` for dates in answers.
/// `invalid_argument` when the authorities cannot be read.
result<std::unique_ptr<http_transport>> make_http_transport(http_peer to, std::size_t lanes,
                                                            duration timeout, const clock& wall);

using http_transport_maker = std::function<result<std::unique_ptr<http_transport>>(
    const http_peer& to, std::size_t lanes, duration timeout, const clock& wall)>;

}  // namespace penstock
