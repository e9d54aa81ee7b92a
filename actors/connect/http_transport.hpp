// Requests over HTTP, as the HTTP sink needs them: one at a time per lane, over connections that
// are kept. The sink's own thread runs them by calling `work`; tests put a server of their own in
// its place.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

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

  /// Sends a POST. `then` is called from inside `work`, once, unless the transport ends before.
  virtual void post(std::size_t lane, std::string_view content_type, bytes body, receiver then) = 0;

  /// Lets requests go on, for at most `wait`, and less when all are answered.
  virtual void work(duration wait) = 0;
};

/// Plain HTTP/1.1 over TCP. `timeout` is for a whole request; `wall` for dates in answers.
std::unique_ptr<http_transport> make_http_transport(http_url to, std::size_t lanes,
                                                    duration timeout, const clock& wall);

using http_transport_maker = std::function<std::unique_ptr<http_transport>(
    const http_url& to, std::size_t lanes, duration timeout, const clock& wall)>;

}  // namespace penstock
