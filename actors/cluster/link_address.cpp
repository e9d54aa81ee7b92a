#include "actors/cluster/link_address.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace penstock {

std::string link_address::to_string() const {
  if (type == kind::local) return "unix:" + path;
  const bool bare_ipv6 = host.find(':') != std::string::npos;
  return bare_ipv6 ? fmt::format("tcp:[{}]:{}", host, port) : fmt::format("tcp:{}:{}", host, port);
}

link_address link_address::local(std::string path) {
  link_address out;
  out.path = std::move(path);
  return out;
}

link_address link_address::tcp(std::string host, std::uint16_t port) {
  link_address out;
  out.type = kind::tcp;
  out.host = std::move(host);
  out.port = port;
  return out;
}

result<link_address> link_address::parse(std::string_view text) {
  const auto refuse = [&] {
    return error{
        errc::invalid_argument,
        fmt::format("\"{}\" is not an address: write unix:PATH or penstock://HOST:PORT", text)};
  };
  auto rest = text;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(5);
    if (rest.empty() || rest.find('\0') != rest.npos) return refuse();
    return local(std::string{rest});
  }
  if (rest.starts_with("penstock://")) {
    rest.remove_prefix(11);
  } else if (rest.starts_with("tcp:")) {
    rest.remove_prefix(4);
  } else {
    return refuse();
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  if (colon == rest.npos || colon == 0) return refuse();
  auto host = rest.substr(0, colon);
  const auto digits = rest.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc{} || end != digits.data() + digits.size() || port == 0) return refuse();
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return refuse();
  }
  if (host.empty()) return refuse();
  return tcp(std::string{host}, port);
}

std::string node_socket_path(std::string_view directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  return std::string{directory} + "/node.sock";
}

}  // namespace penstock
