// Where a plan is cut: which `key_by` moves data, which steps form a sub-topology, and how event
// time gets into each. Called once, by the plan's constructor.
#pragma once

#include <string>
#include <vector>

#include "streams/plan/plan.hpp"

namespace penstock::detail {

/// For each step: a `key_by` with a stateful step behind it, before the next `key_by`.
std::vector<bool> moving_steps(const std::vector<step>& steps, plan_options options);

/// The sub-topologies, upstream before downstream; adds to `problems` when they form a cycle.
std::vector<sub_topology> lay_out(const std::string& name, const std::vector<step>& steps,
                                  const std::vector<bool>& moves, const bad_record_policy& on_bad,
                                  std::vector<std::string>& problems);

/// Fills in delays and timelines of the parts.
void lay_out_time(const std::vector<step>& steps, const std::vector<bool>& moves,
                  std::vector<sub_topology>& parts);

/// Everything wrong with the steps themselves: names, topics, formats, windows.
std::vector<std::string> find_problems(const std::string& name, const std::vector<step>& steps,
                                       const bad_record_policy& on_bad);

inline std::size_t index_of(step_id id) {
  return static_cast<std::size_t>(id);
}

/// For each step, those that have it as an input.
std::vector<std::vector<step_id>> users_of(const std::vector<step>& steps);

}  // namespace penstock::detail
