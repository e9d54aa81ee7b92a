// Where an HTTP sink sends to: "http://HOST[:PORT][/PATH][?QUERY]", and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/result.hpp"

namespace penstock {

struct http_url {
  std::string host;  // a name or an address; of IPv6 without brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query

  /// "HOST[:PORT]" as the header Host has it.
  std::string authority() const;
};

/// `invalid_argument` naming what is wrong: another scheme (https is not spoken yet), user names,
/// fragments, spaces and control characters, a port that is none.
result<http_url> parse_http_url(std::string_view text);

}  // namespace penstock
