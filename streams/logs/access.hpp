// The access logs of Apache, nginx and those who write like them: the common and the combined
// format. Steps for `try_map`: `t.from(lines).try_map("parse", logs::combined)`. Pure, one pass, no
// state.
//
//   83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a?b HTTP/1.1" 200 203023 "http://r/"
//   "curl/8" client       ident user  time                     method path protocol status bytes
//   referer agent
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/record/fields.hpp"
#include "streams/record/serde.hpp"

namespace penstock::logs {

/// One request. Texts are as the server wrote them, its escapes (\", \\, \x16) included, so that
/// they stay printable; `unescape` gives what the client sent. `-`, how servers write that there is
/// nothing, is empty, or 0 for numbers.
///
/// A request line that is not METHOD PATH PROTOCOL (scanners send such things, and servers log them
/// with status 400) stands in `path` as a whole, with `method` and `protocol` empty; one of
/// HTTP/0.9 has no protocol.
struct access {
  std::string client;  // an address or host name
  std::string ident;
  std::string user;
  timestamp time;
  std::string method;
  std::string path;  // with the query
  std::string protocol;
  std::int32_t status = 0;
  std::uint64_t bytes = 0;
  std::string referer;  // empty in the common format, as is the agent
  std::string agent;
};
PENSTOCK_FIELDS(access, client, ident, user, time, method, path, protocol, status, bytes, referer,
                agent);

/// The same without copies: the texts point into the line, so it lives as long as the record that
/// the line came in. For logs that are mostly dropped by a filter: only what goes to a topic,
/// behind `key_by`, or into state is copied, there as `access`.
struct access_view {
  std::string_view client;
  std::string_view ident;
  std::string_view user;
  timestamp time;
  std::string_view method;
  std::string_view path;
  std::string_view protocol;
  std::int32_t status = 0;
  std::uint64_t bytes = 0;
  std::string_view referer;
  std::string_view agent;

  explicit operator access() const;
};
PENSTOCK_FIELDS(access_view, client, ident, user, time, method, path, protocol, status, bytes,
                referer, agent);

/// The fields of a line, or what is wrong with it and where.
///
/// What stands behind the last field is ignored when a space comes first (nginx's
/// $http_x_forwarded_for, $request_time …), and so `common` reads combined lines too. A quote
/// inside a quoted field must be escaped, as Apache and nginx do. The status is a number of three
/// digits or `-`, bytes a number of at most 64 bits or `-`. A user name may contain spaces.
result<access_view> read_combined(std::string_view line);
result<access_view> read_common(std::string_view line);

namespace detail {
struct combined_parser {
  result<access> operator()(std::string_view line) const;
};
struct common_parser {
  result<access> operator()(std::string_view line) const;
};
struct combined_view_parser {
  result<access_view> operator()(std::string_view line) const { return read_combined(line); }
};
struct common_view_parser {
  result<access_view> operator()(std::string_view line) const { return read_common(line); }
};
}  // namespace detail

/// The steps: `.try_map("parse", logs::combined)` gives `access`. The views borrow from the line:
/// use them behind `from`, not behind a step that makes the line itself.
inline constexpr detail::combined_parser combined{};
inline constexpr detail::common_parser common{};
inline constexpr detail::combined_view_parser combined_view{};
inline constexpr detail::common_view_parser common_view{};

/// A quoted field without its escapes: \" \\ \n \t \r \b \v \xHH; others stay as they are.
std::string unescape(std::string_view quoted);

}  // namespace penstock::logs

namespace penstock {
template <>
struct owned<logs::access_view> {
  using type = logs::access;
};
}  // namespace penstock
