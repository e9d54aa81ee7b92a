// The word `node`: serves Kafka's clients on a data directory of its own until a signal ends it.
#pragma once

#include <string>
#include <vector>

#include "streams/base/result.hpp"
#include "tools/penstock/server_properties.hpp"

namespace penstock::tool {

struct node_arguments {
  std::string config;                  // a file in the form of server.properties
  std::vector<std::string> overrides;  // NAME=VALUE, instead of what the file says
};

/// Until a signal ends it.
result<int> node_run(server_properties config);

/// What the file and the overrides say; warnings are printed. Fails as `parse_server_properties`.
result<server_properties> read_node_config(const node_arguments& args);

/// Makes a data directory and says to which cluster it belongs; `already_exists` when it does so
/// already. A node does this by itself when it starts on an empty directory.
result<void> format_directory(const std::string& directory, std::int32_t node_id,
                              const std::string& cluster_id);

/// A new name for a cluster, 22 characters as Kafka's.
std::string fresh_cluster_id();

}  // namespace penstock::tool
