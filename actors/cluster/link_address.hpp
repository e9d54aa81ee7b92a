// Where a node listens for links: a socket file of this machine, or a TCP port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/result.hpp"

namespace penstock {

struct link_address {
  enum class kind : std::uint8_t { local, tcp };
  kind type = kind::local;
  std::string path;  // local: the socket file
  std::string host;  // tcp
  std::uint16_t port = 0;

  /// "unix:data/node.sock" or "tcp:host:9000", as messages print it.
  std::string to_string() const;

  static link_address local(std::string path);
  static link_address tcp(std::string host, std::uint16_t port);

  /// From `unix:PATH`, `tcp:HOST:PORT` or `penstock://HOST:PORT` (IPv6 hosts in brackets);
  /// `invalid_argument` naming the value otherwise.
  static result<link_address> parse(std::string_view text);
};

/// The socket file of a node that works on a data directory.
std::string node_socket_path(std::string_view directory);

}  // namespace penstock
