// What a simulated job left on its disk: read from the logs themselves, without actors, and
// compared with what another run left.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "launch/simulated_driver.hpp"
#include "launch/simulated_outside.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/result.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

struct simulated_outcome {
  using pair = std::pair<std::optional<bytes>, std::optional<bytes>>;

  /// Step -> serialized key -> serialized value, all partitions together.
  std::map<std::string, std::map<bytes, bytes>> state;

  /// Sink topic -> everything that was ever written, and the last per key.
  struct output {
    std::set<pair> all;
    std::map<std::optional<bytes>, std::optional<bytes>> last;
  };
  std::map<std::string, output> outputs;

  /// What sinks gave to files and servers.
  simulated_deliveries delivered;
};

/// Reads everything. `corrupt` and friends when a log cannot be opened; `internal` when an
/// acknowledged record of the input is missing, there twice, or out of order.
result<simulated_outcome> read_outcome(disk& on, const clock& time, const std::string& directory,
                                       const plan& p, const simulated_client& client,
                                       simulated_deliveries delivered);

/// Empty when the run left what it had to; else the first difference, in words.
std::string compare(const plan& p, const simulated_outcome& expected,
                    const simulated_outcome& found);

}  // namespace penstock
