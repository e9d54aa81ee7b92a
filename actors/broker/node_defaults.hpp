// What a server's configuration says of everything that a node keeps: settings of topics that do
// not say otherwise, and bounds for consumer groups. Embedded nodes go without.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/broker/node.hpp"
#include "actors/broker/transactions.hpp"
#include "streams/topic/group.hpp"
#include "streams/topic/settings.hpp"

namespace penstock {

struct node_defaults {
  topic_settings::values topics;  // in force, not stored: another start may have others
  bool delete_topics = true;      // delete.topic.enable
  group_settings groups{.initial_rebalance_delay = 0ms};
  duration offsets_retention = 168h;  // offsets.retention.minutes
  transaction_settings transactions;
};

/// As `spawn_node` of a `node_config` alone, whose `group_initial_delay` is not looked at.
node_actor spawn_node(caf::actor_system& system, node_config config, node_defaults defaults);

}  // namespace penstock
