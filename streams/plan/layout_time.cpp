#include <algorithm>

#include "streams/plan/layout.hpp"

namespace penstock::detail {

namespace {

/// What lies behind each step, across hops too.
struct behind {
  std::vector<bool> needs_time;
  std::vector<std::optional<duration>> idle_after;  // the shortest that an on_close asks for
};

behind look_behind(const std::vector<step>& steps) {
  behind all{std::vector<bool>(steps.size()), std::vector<std::optional<duration>>(steps.size())};
  const auto users = users_of(steps);
  for (std::size_t i = steps.size(); i-- > 0;) {
    all.needs_time[i] = steps[i].needs_time;
    all.idle_after[i] = steps[i].idle_after;
    for (const step_id user : users[i]) {
      const std::size_t u = index_of(user);
      all.needs_time[i] = all.needs_time[i] || all.needs_time[u];
      const auto& wanted = all.idle_after[u];
      if (wanted && (!all.idle_after[i] || *wanted < *all.idle_after[i])) {
        all.idle_after[i] = wanted;
      }
    }
  }
  return all;
}

/// The part of the plan that one sub-topology sees.
class part_graph {
 public:
  part_graph(const std::vector<step>& steps, const std::vector<bool>& moves,
             const sub_topology& part)
      : steps_(steps), part_(part), reaches_(part.sources.size() + 1) {
    for (auto& one : reaches_) one.assign(steps.size(), false);
    for (std::size_t i = 0; i < part.sources.size(); ++i) {
      reaches_[i][index_of(part.sources[i].from)] = true;
    }
    for (const step_id id : part.steps) spread(id, moves);
  }

  /// Whether records of source `source` get to the step without passing through a state.
  bool reached(std::size_t source, step_id id) const { return reaches_[source][index_of(id)]; }

  /// Whether records that leave a state get to the step.
  bool reached_from_state(step_id id) const { return reaches_.back()[index_of(id)]; }

 private:
  void spread(step_id id, const std::vector<bool>& moves) {
    for (const step_id input : steps_[index_of(id)].inputs) {
      if (is_read_here(id, moves)) continue;  // its input belongs to the upstream part
      const bool state = steps_[index_of(input)].kind == step_kind::stateful ||
                         steps_[index_of(input)].kind == step_kind::table_source;
      for (std::size_t i = 0; i + 1 < reaches_.size(); ++i) {
        if (!reaches_[i][index_of(input)]) continue;
        (state ? reaches_.back() : reaches_[i])[index_of(id)] = true;
      }
      if (reaches_.back()[index_of(input)]) reaches_.back()[index_of(id)] = true;
    }
  }
  bool is_read_here(step_id id, const std::vector<bool>& moves) const {
    return moves[index_of(id)] &&
           std::any_of(part_.sources.begin(), part_.sources.end(),
                       [&](const plan_source& s) { return s.repartition && s.from == id; });
  }

  const std::vector<step>& steps_;
  const sub_topology& part_;
  std::vector<std::vector<bool>> reaches_;  // per source, then states: per step
};

/// Whether a step sees the time that records have behind `id`: there is a way from it to a step
/// that needs time, or to a hop with one behind it, and no event_time step in between.
bool time_is_used(const std::vector<step>& steps, const std::vector<bool>& moves, const behind& all,
                  const std::vector<std::vector<step_id>>& users, step_id id) {
  for (const step_id user : users[index_of(id)]) {
    const step& s = steps[index_of(user)];
    if (s.out_of_order) continue;
    if (s.needs_time || (moves[index_of(user)] && all.needs_time[index_of(user)])) return true;
    if (!moves[index_of(user)] && time_is_used(steps, moves, all, users, user)) return true;
  }
  return false;
}

void lay_out_delays(const std::vector<step>& steps, const std::vector<bool>& moves,
                    sub_topology& part) {
  std::vector<duration> behind_step(steps.size());  // of what leaves the step
  for (const step_id id : part.steps) {
    const step& s = steps[index_of(id)];
    const bool reads = std::any_of(part.sources.begin(), part.sources.end(),
                                   [&](const plan_source& one) { return one.from == id; });
    duration delay{0};
    if (!reads) {
      for (const step_id input : s.inputs) {
        delay = std::max(delay, behind_step[index_of(input)]);
      }
      if (moves[index_of(id)]) part.hop_delay = std::max(part.hop_delay, delay);
    }
    part.delays.push_back(delay);
    behind_step[index_of(id)] = delay + s.holds_back;
  }
}

}  // namespace

void lay_out_time(const std::vector<step>& steps, const std::vector<bool>& moves,
                  std::vector<sub_topology>& parts) {
  const behind all = look_behind(steps);
  const auto users = users_of(steps);
  for (sub_topology& part : parts) {
    lay_out_delays(steps, moves, part);
    const part_graph graph{steps, moves, part};
    for (std::size_t i = 0; i < part.sources.size(); ++i) {
      const plan_source& source = part.sources[i];
      const std::size_t from = index_of(source.from);
      if (source.table || !time_is_used(steps, moves, all, users, source.from)) continue;
      part.timelines.push_back({source.topic, source.from, static_cast<std::int32_t>(i),
                                source.repartition, duration{0},
                                source.repartition ? std::nullopt : all.idle_after[from]});
    }
    for (const step_id id : part.steps) {
      const step& s = steps[index_of(id)];
      if (!s.out_of_order || !time_is_used(steps, moves, all, users, id)) continue;
      for (std::size_t i = 0; i <= part.sources.size(); ++i) {
        const bool state = i == part.sources.size();
        if (!(state ? graph.reached_from_state(id) : graph.reached(i, id))) continue;
        const std::string name = state ? s.name : s.name + "/" + part.sources[i].topic;
        part.timelines.push_back({name, id, state ? -1 : static_cast<std::int32_t>(i), false,
                                  *s.out_of_order, all.idle_after[index_of(id)]});
      }
    }
  }
}

}  // namespace penstock::detail
