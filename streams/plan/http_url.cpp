#include "streams/plan/http_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace penstock {

std::string http_url::authority() const {
  const bool brackets = host.find(':') != host.npos;
  auto out = brackets ? "[" + host + "]" : host;
  if (port != 80) out += fmt::format(":{}", port);
  return out;
}

result<http_url> parse_http_url(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return error{errc::invalid_argument,
                 fmt::format("\"{}\": {}; write http://HOST[:PORT]/PATH", text, what)};
  };
  if (text.starts_with("https:")) {
    return error{
        errc::invalid_argument,
        fmt::format("\"{}\": https is not spoken yet; send to a proxy on this machine that "
                    "does, with http://",
                    text)};
  }
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) return wrong("it does not begin with http://");
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!printable) return wrong("only printable ASCII, without spaces, may be in it");
  if (text.find('#') != text.npos) return wrong("a fragment (#…) is nothing to send");
  auto rest = text.substr(scheme.size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (authority.find('@') != authority.npos) return wrong("user names and passwords are not sent");
  http_url out;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos) return wrong("the bracket of the address is not closed");
    out.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    out.host = authority.substr(0, colon);
    authority.remove_prefix(colon);
  }
  if (out.host.empty()) return wrong("it names no host");
  if (!authority.empty()) {
    const auto digits = authority.substr(1);
    unsigned port = 0;
    const auto [at, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (authority[0] != ':' || failed != std::errc{} || at != digits.data() + digits.size() ||
        port == 0 || port > 65535) {
      return wrong("its port is not a number from 1 to 65535");
    }
    out.port = static_cast<std::uint16_t>(port);
  }
  if (!rest.empty())
    out.target = rest.starts_with('/') ? std::string{rest} : "/" + std::string{rest};
  return out;
}

}  // namespace penstock
