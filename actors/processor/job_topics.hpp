// What a plan needs of the topics around it: which have to be made, which formats they must
// remember, how many tasks each sub-topology gets, and everything that does not fit. Pure; the job
// actor asks for the topics that are there and carries out what this says.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

using setting_list = std::vector<std::pair<std::string, std::string>>;

/// A topic that is there.
struct known_topic {
  std::int32_t partitions = 0;
  std::map<std::string, std::string> settings;  // those that were set
  std::string id = {};                          // 16 bytes
};
using known_topics = std::map<std::string, known_topic>;

/// A topic to be made (or, for `alter`, settings to be added).
struct wanted_topic {
  std::string name;
  std::int32_t partitions = -1;  // -1: the node's default
  setting_list settings;
};

struct topic_work {
  std::vector<wanted_topic> create;
  std::vector<wanted_topic> alter;
};

/// Sources, sinks and dead-letter topics: missing ones are made, those without formats take the
/// plan's. `type_mismatch` names every topic whose remembered formats are others.
result<topic_work> external_topics(const plan& p, const known_topics& known);

/// Tasks of one sub-topology.
struct part_layout {
  std::int32_t tasks = 0;
  std::vector<std::int32_t> upstream_tasks;   // per source
  std::vector<std::int32_t> sink_partitions;  // per sink
};

/// All external topics are known. `plan_invalid` when sources of one sub-topology have different
/// partition counts, `state_changed` when an internal topic was made for another count.
result<std::vector<part_layout>> lay_out(const plan& p, const known_topics& known);

/// Repartition topics (unless records move in memory), changelogs and checkpoints that are missing.
std::vector<wanted_topic> internal_topics(const plan& p, const std::vector<part_layout>& layout,
                                          const known_topics& known, bool in_memory);

/// In memory nobody would read what an earlier run left in repartition topics: `state_changed`.
result<void> check_in_memory(const plan& p, const known_topics& known);

/// Every topic that the plan reads or writes, its own and its connectors' among them.
std::set<std::string> used_topics(const plan& p);

/// What starting over deletes: repartition topics, changelogs, checkpoints, and the topics of
/// connectors, but those of sources that cannot be read again.
std::vector<std::string> internal_topic_names(const plan& p);

}  // namespace penstock
