// What the Kafka edge of a node is told when it starts: who the node is for clients, and the limits
// that hold before memory is spent. Filled from server.properties; shared by all connections, never
// changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/topic/group.hpp"
#include "streams/topic/settings.hpp"

namespace penstock::kafka {

/// A line of the node's configuration, as DescribeConfigs shows it.
struct broker_setting {
  std::string name;
  std::string value;
  bool is_default = false;
};

struct edge_settings {
  std::int32_t node_id = 0;
  std::string cluster_id;
  std::string host = "localhost";  // advertised.listeners
  std::uint16_t port = 9092;
  bool delete_topics = true;  // delete.topic.enable
  bool auto_create_topics = true;
  group_settings groups;  // of which join requests are refused by their session timeout
  topic_settings::values topic_defaults;
  std::vector<broker_setting> broker;
  std::string directory;  // log.dirs

  std::uint32_t request_bytes_max = 100u << 20;                 // socket.request.max.bytes
  std::uint32_t fetch_bytes_max = 55u << 20;                    // fetch.max.bytes
  std::uint32_t connections_max = 20'000;                       // max.connections
  std::uint32_t connections_per_address_max = 0x7fffffff;       // max.connections.per.ip
  std::map<std::string, std::uint32_t> connections_of_address;  // max.connections.per.ip.overrides
  duration idle_max = 10min;                                    // connections.max.idle.ms

  /// Per connection: at either limit nothing more is read until something has been answered, so
  /// that they are exceeded by one request at most.
  std::uint32_t requests_in_flight_max = 64;
  std::uint32_t bytes_in_flight_max = 16u << 20;

  /// Of all connections together (queued.max.request.bytes): see actors/cluster/traffic.hpp.
  std::uint64_t traffic_bytes_max = 256u << 20;

  /// Of the fetch sessions of all connections together; beyond it fetches are full ones.
  std::uint64_t fetch_sessions_bytes_max = 64u << 20;
};

}  // namespace penstock::kafka
