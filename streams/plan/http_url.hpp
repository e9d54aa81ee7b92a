// Where an HTTP sink sends to: "http[s]://HOST[:PORT][/PATH][?QUERY]", and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/result.hpp"

namespace penstock {

struct http_url {
  std::string host;  // a name or an address; of IPv6 without brackets
  std::uint16_t port = 80;
  bool tls = false;          // https
  std::string target = "/";  // path and query

  /// "HOST[:PORT]" as the header Host has it.
  std::string authority() const;

  std::string to_string() const;
};

/// `invalid_argument` naming what is wrong: another scheme, user names, fragments, spaces and
/// control characters, a port that is none.
result<http_url> parse_http_url(std::string_view text);

/// Whether it can stand behind the name of a header: printable, or bytes above ASCII.
bool is_header_value(std::string_view text);

}  // namespace penstock
