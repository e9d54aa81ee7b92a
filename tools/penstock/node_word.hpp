// The word `node`: serves Kafka's clients on a data directory of its own until a signal ends it.
#pragma once

#include <string>
#include <vector>

#include "streams/base/result.hpp"

namespace penstock::tool {

struct node_arguments {
  std::string config;                  // a file in the form of server.properties
  std::vector<std::string> overrides;  // NAME=VALUE, instead of what the file says
};

result<int> node_run(const node_arguments& args);

}  // namespace penstock::tool
