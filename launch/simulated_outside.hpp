// What stands around the connectors of a simulated job: sources whose topics the simulation fills
// itself, the disk that file sinks write, and servers that HTTP sinks send to, which fail when they
// are told to. Lives longer than the node, as the world does.
#pragma once

#include <caf/actor_system.hpp>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "actors/connect/connector.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/random.hpp"
#include "streams/base/result.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

/// What sinks delivered: by step, in order.
using simulated_deliveries = std::map<std::string, std::vector<std::string>>;

class simulated_outside {
 public:
  /// `files` and `time` outlive it.
  simulated_outside(const plan& p, disk& files, const clock& time, random chance);

  /// Starts a connector in these surroundings, as `job_config::connect` does.
  connector_actor connect(caf::actor_system& system, connector_config config);

  bool has_servers() const { return !servers_.empty(); }

  /// One of the servers fails for so long. There must be some.
  void take_down(std::chrono::nanoseconds how_long);

  /// Lines of files, values of requests.
  result<simulated_deliveries> delivered(const plan& p) const;

 private:
  struct server {
    std::chrono::nanoseconds down_until{0};
    std::vector<std::string> taken;
  };
  class transport;

  disk& files_;
  const clock& time_;
  random chance_;
  std::map<std::string, server> servers_;  // by step
};

}  // namespace penstock
