#include "actors/processor/job_topics.hpp"

#include <algorithm>
#include <set>

#include "actors/processor/task.hpp"
#include "streams/plan/connector.hpp"
#include "streams/record/type_name.hpp"

namespace penstock {
namespace {

constexpr std::string_view key_format = "penstock.key.format";
constexpr std::string_view value_format = "penstock.value.format";

// A commit is one batch, however many windows close in it.
constexpr std::string_view internal_batch_bytes_max = "134217728";
constexpr std::string_view letter_bytes_max = "8388608";

// State is exact after a power failure too, whatever a node does for topics that say nothing.
constexpr std::pair<std::string_view, std::string_view> durable{"penstock.flush", "batch"};

struct format_check {
  topic_work work;
  std::string mismatches;
  std::set<std::string> seen;
};

setting_list formats_of(const topic_formats& formats) {
  setting_list list;
  if (!formats.key.empty()) list.emplace_back(key_format, formats.key);
  if (!formats.value.empty()) list.emplace_back(value_format, formats.value);
  return list;
}

enum class end : std::uint8_t { source, sink };

// A connector's topic is what makes it safe to be gone: durable, and what a sink has not delivered
// stays however long that takes.
void shape_for_connector(wanted_topic& made, const step& connected) {
  const bool source = connected.reads_from != nullptr;
  made.partitions =
      source ? partitions_of(*connected.reads_from) : partitions_of(*connected.writes_to);
  made.settings.emplace_back("cleanup.policy", "delete");
  made.settings.emplace_back("max.message.bytes", internal_batch_bytes_max);
  if (source) made.settings.emplace_back("penstock.drop.repeats", "true");
  if (!source) {
    made.settings.emplace_back("retention.ms", "-1");
    made.settings.emplace_back("segment.bytes", "33554432");
  }
  made.settings.emplace_back(durable);
}

/// The step of a topic end when it has a connector; else null.
const step* connected_step(const plan& p, step_id id) {
  if (id < 0) return nullptr;  // dead letters
  const step& s = p.steps()[static_cast<std::size_t>(id)];
  return s.reads_from || s.writes_to ? &s : nullptr;
}

// A topic takes the formats of the plan when it has none yet, and those of a sink whose structs
// have got fields or lost some; whatever else differs is a mistake.
void check_topic(format_check& to, const std::string& topic, const topic_formats& formats,
                 const known_topics& known, end which, const step* connected,
                 bool dead_letters = false) {
  auto at = known.find(topic);
  if (at == known.end()) {
    if (!to.seen.insert(topic).second) return;
    wanted_topic made{topic, -1, formats_of(formats)};
    if (connected != nullptr) shape_for_connector(made, *connected);
    // A letter is larger than the record in it, which may have been as large as its topic allows.
    if (dead_letters) made.settings.emplace_back("max.message.bytes", letter_bytes_max);
    to.work.create.push_back(std::move(made));
    return;
  }
  wanted_topic adopt{topic, -1, {}};
  for (const auto& [name, wanted] : formats_of(formats)) {
    auto is = at->second.settings.find(name);
    if (is == at->second.settings.end() || is->second.empty()) {
      adopt.settings.emplace_back(name, wanted);
    } else if (can_read(wanted, is->second)) {
      if (which == end::sink && is->second != wanted) adopt.settings.emplace_back(name, wanted);
    } else {
      to.mismatches += (to.mismatches.empty() ? "" : "; ") + std::string{"topic \""} + topic +
                       "\" has " + (name == key_format ? "keys" : "values") + " of format " +
                       is->second + ", the topology reads or writes " + wanted;
    }
  }
  if (!adopt.settings.empty() && to.seen.insert(topic).second)
    to.work.alter.push_back(std::move(adopt));
}

}  // namespace

result<topic_work> external_topics(const plan& p, const known_topics& known) {
  format_check check;
  for (const auto& part : p.sub_topologies()) {
    for (const auto& each : part.sources)
      if (!each.repartition)
        check_topic(check, each.topic, each.formats, known, end::source,
                    connected_step(p, each.from));
    for (const auto& each : part.sinks)
      if (!each.repartition)
        check_topic(check, each.topic, each.formats, known, end::sink, connected_step(p, each.from),
                    each.dead_letter);
  }
  if (!check.mismatches.empty())
    return error{errc::type_mismatch,
                 check.mismatches + ": use the topic's types, or another topic"};
  return std::move(check.work);
}

namespace {

// Tasks of `part`, or 0 when that depends on an upstream part that is not laid out yet.
result<std::int32_t> count_tasks(const plan& p, const sub_topology& part,
                                 const std::vector<part_layout>& layout,
                                 const known_topics& known) {
  std::int32_t tasks = 0;
  std::string named;
  for (const auto& each : part.sources) {
    auto at = known.find(each.topic);
    if (at == known.end()) continue;  // a repartition topic that has to be made
    if (tasks != 0 && at->second.partitions != tasks) {
      const auto text = named + " and \"" + each.topic + "\" with " +
                        std::to_string(at->second.partitions) + " are read together";
      if (each.repartition)
        return error{errc::state_changed,
                     text +
                         ": the number of partitions has changed since an earlier run; run once "
                         "with --reset to start over"};
      return error{errc::plan_invalid,
                   text +
                       ": give both topics the same number of partitions, or put a key_by in "
                       "front"};
    }
    tasks = at->second.partitions;
    named = "topics \"" + each.topic + "\" with " + std::to_string(tasks) + " partitions";
  }
  if (tasks == 0) {
    for (const auto& each : part.sources) {
      const auto upstream = layout[static_cast<std::size_t>(each.upstream)].tasks;
      if (upstream == 0) return 0;
      tasks = std::max(tasks, upstream);
    }
  }
  if (part.stores.empty()) return tasks;
  const auto changelog = changelog_topic(p, part.index);
  if (auto at = known.find(changelog); at != known.end() && at->second.partitions != tasks)
    return error{errc::state_changed, "topic \"" + changelog + "\" keeps the state of " +
                                          std::to_string(at->second.partitions) +
                                          " partitions, the input has " + std::to_string(tasks) +
                                          " now: run once with --reset to start over"};
  return tasks;
}

}  // namespace

result<std::vector<part_layout>> lay_out(const plan& p, const known_topics& known) {
  const auto& parts = p.sub_topologies();
  std::vector<part_layout> layout(parts.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (layout[i].tasks != 0) continue;
      PENSTOCK_ASSIGN(layout[i].tasks, count_tasks(p, parts[i], layout, known));
      moved = moved || layout[i].tasks != 0;
    }
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (layout[i].tasks == 0)
      return error{errc::plan_invalid, "sub-topology " + std::to_string(i) + " has no input"};
    for (const auto& each : parts[i].sources)
      layout[i].upstream_tasks.push_back(
          each.repartition ? layout[static_cast<std::size_t>(each.upstream)].tasks : 0);
    for (const auto& each : parts[i].sinks)
      layout[i].sink_partitions.push_back(
          each.repartition ? layout[static_cast<std::size_t>(each.downstream)].tasks
                           : known.at(each.topic).partitions);
  }
  return layout;
}

std::vector<wanted_topic> internal_topics(const plan& p, const std::vector<part_layout>& layout,
                                          const known_topics& known, bool in_memory) {
  std::vector<wanted_topic> wanted;
  for (const auto& part : p.sub_topologies()) {
    const auto tasks = layout[static_cast<std::size_t>(part.index)].tasks;
    for (const auto& each : part.sources) {
      if (!each.repartition || in_memory || known.contains(each.topic)) continue;
      auto settings = formats_of(each.formats);
      settings.emplace_back("cleanup.policy", "delete");
      settings.emplace_back("retention.ms", "-1");  // read records are purged, others must stay
      settings.emplace_back("segment.bytes", "33554432");
      settings.emplace_back("max.message.bytes", internal_batch_bytes_max);
      settings.emplace_back("penstock.drop.repeats", "true");
      settings.emplace_back(durable);
      wanted.push_back({each.topic, tasks, std::move(settings)});
    }
    if (part.stores.empty()) continue;
    const auto changelog = changelog_topic(p, part.index);
    if (known.contains(changelog)) continue;
    wanted.push_back({changelog,
                      tasks,
                      {{"cleanup.policy", "compact"},
                       {"segment.bytes", "67108864"},
                       {"max.message.bytes", std::string{internal_batch_bytes_max}},
                       {"penstock.drop.repeats", "true"},
                       {std::string{durable.first}, std::string{durable.second}}}});
  }
  for (const auto& each : p.connectors()) {
    if (each.checkpoint.empty() || known.contains(each.checkpoint)) continue;
    wanted.push_back({each.checkpoint,
                      1,
                      {{"cleanup.policy", "compact"},
                       {"segment.bytes", "16777216"},
                       {"max.message.bytes", std::string{internal_batch_bytes_max}},
                       {"penstock.drop.repeats", "true"},
                       {std::string{durable.first}, std::string{durable.second}}}});
  }
  return wanted;
}

result<void> check_in_memory(const plan& p, const known_topics& known) {
  for (const auto& part : p.sub_topologies())
    for (const auto& each : part.sources)
      if (each.repartition && known.contains(each.topic))
        return error{errc::state_changed,
                     "topic \"" + each.topic +
                         "\" may hold records of an earlier run with durable repartition: go on "
                         "with --repartition durable, or run once with --reset to start over"};
  return {};
}

std::vector<std::string> internal_topic_names(const plan& p) {
  std::vector<std::string> names;
  for (const auto& part : p.sub_topologies()) {
    for (const auto& each : part.sources)
      if (each.repartition) names.push_back(each.topic);
    if (!part.stores.empty()) names.push_back(changelog_topic(p, part.index));
  }
  for (const auto& each : p.connectors()) {
    const step& at = p.steps()[static_cast<std::size_t>(each.at)];
    if (!each.checkpoint.empty()) names.push_back(each.checkpoint);
    if (!at.reads_from || can_be_read_again(*at.reads_from)) names.push_back(each.topic);
  }
  return names;
}

std::set<std::string> used_topics(const plan& p) {
  std::set<std::string> names;
  for (const auto& part : p.sub_topologies()) {
    for (const auto& each : part.sources) names.insert(each.topic);
    for (const auto& each : part.sinks) names.insert(each.topic);
    if (!part.stores.empty()) names.insert(changelog_topic(p, part.index));
  }
  for (const auto& each : p.connectors())
    if (!each.checkpoint.empty()) names.insert(each.checkpoint);
  return names;
}

}  // namespace penstock
