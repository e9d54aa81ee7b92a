// A node's configuration file: Kafka's server.properties, with Kafka's names and meanings. Read
// once when `penstock node` starts. What Kafka knows and Penstock has no use for is taken without
// effect; a name that neither knows is warned of, as Kafka does; a value that cannot be is refused.
// Every complaint names the line.
#pragma once

#include <string>
#include <vector>

#include "kafka/listener/edge_settings.hpp"
#include "launch/embedded_node.hpp"
#include "streams/base/result.hpp"

namespace penstock::tool {

struct server_properties {
  embedded_options node;
  kafka::edge_settings edge;
  std::string listen_host;  // empty: all addresses
  std::uint16_t listen_port = 9092;
  std::vector<std::string> warnings;
};

/// `text` is the file's content, `name` what messages call it. `overrides` are "NAME=VALUE" and
/// win. `invalid_setting` for a value that cannot be, `invalid_argument` for such an override.
result<server_properties> parse_server_properties(std::string_view text, const std::string& name,
                                                  const std::vector<std::string>& overrides);

}  // namespace penstock::tool
