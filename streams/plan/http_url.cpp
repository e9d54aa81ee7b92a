#include "streams/plan/http_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace penstock {

namespace {

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

}  // namespace

std::string http_url::authority() const {
  const bool brackets = host.find(':') != host.npos;
  auto out = brackets ? "[" + host + "]" : host;
  if (port != default_port(tls)) out += fmt::format(":{}", port);
  return out;
}

std::string http_url::to_string() const {
  return (tls ? "https://" : "http://") + authority() + target;
}

result<http_url> parse_http_url(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return error{
        errc::invalid_argument,
        fmt::format("\"{}\": {}; write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH", text,
                    what)};
  };
  http_url out;
  constexpr std::string_view plain = "http://", secure = "https://";
  out.tls = text.starts_with(secure);
  out.port = default_port(out.tls);
  if (!out.tls && !text.starts_with(plain)) return wrong("it begins with neither");
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!printable) return wrong("only printable ASCII, without spaces, may be in it");
  if (text.find('#') != text.npos) return wrong("a fragment (#…) is nothing to send");
  auto rest = text.substr((out.tls ? secure : plain).size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (authority.find('@') != authority.npos)
    return wrong(
        "user names and passwords are not sent; give a header "
        "Authorization");
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

bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= ' ' && byte != 0x7f;
  });
}

}  // namespace penstock
