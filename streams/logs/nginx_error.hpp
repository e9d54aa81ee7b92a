// The error log of nginx. A step: `t.from(lines).try_map("parse", logs::nginx_error)`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/fields.hpp"

namespace penstock::logs {

/// What nginx does not say of an event is empty or 0.
struct nginx_error_event {
  timestamp time;
  std::string level;  // "error"
  std::int64_t pid = 0;
  std::int64_t tid = 0;
  std::uint64_t connection = 0;  // *90
  std::string message;
  std::string client;
  std::string server;
  std::string request;   // "GET / HTTP/1.1"
  std::string upstream;  // "http://127.0.0.1:8080/"
  std::string host;
  std::string referrer;
};
PENSTOCK_FIELDS(nginx_error_event, time, level, pid, tid, connection, message, client, server,
                request, upstream, host, referrer);

/// Reads one line:
///   2015/05/17 10:05:03 [error] 1234#5678: *90 MESSAGE, client: A, server: S, request: "R", host:
///   "H"
/// The message ends at the first ", client: " that an address follows; nginx escapes nothing, so a
/// request that contains such words itself is told apart as far as the order of the fields goes.
/// `zone` is how far the server's clock is ahead of UTC.
result<nginx_error_event> read_nginx_error(std::string_view line, zone_offset zone = {});

/// The step: `logs::nginx_error`, or `logs::nginx_error_parser{.zone = 1h}`.
struct nginx_error_parser {
  zone_offset zone{};
  result<nginx_error_event> operator()(std::string_view line) const {
    return read_nginx_error(line, zone);
  }
};

inline constexpr nginx_error_parser nginx_error{};

}  // namespace penstock::logs
