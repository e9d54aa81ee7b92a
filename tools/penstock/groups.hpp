// What several words need to know about consumer groups: who reads what, how far, and where a reset
// would put them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/penstock/arguments.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

using group_offsets = std::map<topic_partition, offset_t>;

/// Start and end of partitions.
using partition_bounds = std::map<topic_partition, std::pair<offset_t, offset_t>>;

struct group_view {
  struct member {
    std::string id;
    std::string instance;
    std::string client;
    std::string host;  // "/127.0.0.1", as Kafka writes it; empty where it is not known
    std::vector<topic_partition> partitions;
  };
  std::string state;
  std::int32_t generation = 0;
  std::string assignor;
  std::vector<member> members;
  std::map<topic_partition, const member*> owners;
  group_offsets positions;  // -1: read, and nothing committed
  partition_bounds ends;
};

/// Sorted by name, with their states.
result<std::map<std::string, std::string>> list_groups(target& at);

/// `unknown_group` naming similar ones.
result<std::unique_ptr<group_view>> view_of_group(target& at, const std::string& name);

/// Moves the committed offsets of a group without members as `args` says, or only tells: by
/// partition what they were (-1: none) and are. `group_not_empty`, `unknown_group`.
result<std::map<topic_partition, std::pair<offset_t, offset_t>>> reset_group(
    target& at, const group_arguments& args);

/// `unknown_group` naming similar ones, `group_not_empty`.
result<void> delete_group(target& at, const std::string& name);

}  // namespace penstock::tool
