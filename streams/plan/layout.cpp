#include "streams/plan/layout.hpp"

#include <algorithm>
#include <numeric>

#include "streams/base/assert.hpp"

namespace penstock::detail {

namespace {

/// A moving `key_by` is in two parts: node `id` writes, node `id + steps` reads.
class cut_graph {
 public:
  cut_graph(const std::vector<step>& steps, const std::vector<bool>& moves)
      : steps_(steps), moves_(moves), parent_(2 * steps.size()) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    for (const step& s : steps) {
      for (const step_id input : s.inputs) join(index_of(s.id), reader(input));
    }
  }

  std::size_t writer(step_id id) { return root(index_of(id)); }
  std::size_t reader(step_id id) {
    return root(index_of(id) + (moves_[index_of(id)] ? steps_.size() : 0));
  }

 private:
  std::size_t root(std::size_t node) {
    while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
    return node;
  }
  void join(std::size_t a, std::size_t b) { parent_[root(a)] = root(b); }

  const std::vector<step>& steps_;
  const std::vector<bool>& moves_;
  std::vector<std::size_t> parent_;
};

struct raw_part {
  std::size_t root = 0;
  std::vector<step_id> steps;
  std::vector<std::size_t> upstream;  // positions of other raw parts
  bool placed = false;
};

std::size_t position_of(std::vector<raw_part>& parts, std::size_t root) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const raw_part& p) { return p.root == root; });
  if (found != parts.end()) return static_cast<std::size_t>(found - parts.begin());
  parts.push_back({root, {}, {}, false});
  return parts.size() - 1;
}

std::vector<raw_part> collect(const std::vector<step>& steps, const std::vector<bool>& moves,
                              cut_graph& graph) {
  std::vector<raw_part> parts;
  for (const step& s : steps) {
    const std::size_t writer = position_of(parts, graph.writer(s.id));
    parts[writer].steps.push_back(s.id);
    if (!moves[index_of(s.id)]) continue;
    const std::size_t reader = position_of(parts, graph.reader(s.id));
    if (reader != writer) parts[reader].steps.push_back(s.id);
    parts[reader].upstream.push_back(writer);
  }
  return parts;
}

/// Upstream parts first, otherwise in the order of the steps; fewer than all when there is a cycle.
std::vector<std::size_t> order(std::vector<raw_part>& parts) {
  std::vector<std::size_t> ordered;
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < parts.size() && !found; ++i) {
      raw_part& p = parts[i];
      const bool ready = !p.placed && std::all_of(p.upstream.begin(), p.upstream.end(),
                                                  [&](std::size_t u) { return parts[u].placed; });
      if (!ready) continue;
      p.placed = found = true;
      ordered.push_back(i);
    }
  }
  return ordered;
}

void report_cycle(const std::vector<step>& steps, const std::vector<bool>& moves,
                  const std::vector<raw_part>& parts, std::vector<std::string>& problems) {
  for (const raw_part& p : parts) {
    if (p.placed) continue;
    for (const step_id id : p.steps) {
      if (!moves[index_of(id)]) continue;
      problems.push_back("the streams before and behind key_by \"" + steps[index_of(id)].name +
                         "\" meet again without moving data: give the stream that joins them a "
                         "key_by of its own");
    }
    return;
  }
}

}  // namespace

std::vector<std::vector<step_id>> users_of(const std::vector<step>& steps) {
  std::vector<std::vector<step_id>> users(steps.size());
  for (const step& s : steps) {
    for (const step_id input : s.inputs) users[index_of(input)].push_back(s.id);
  }
  return users;
}

std::vector<bool> moving_steps(const std::vector<step>& steps, plan_options options) {
  std::vector<bool> moves(steps.size());
  if (options.single_partition) return moves;
  const auto users = users_of(steps);
  std::vector<bool> keeps_state(steps.size());  // the step, or one behind it under the same key
  for (std::size_t i = steps.size(); i-- > 0;) {
    bool behind = false;
    for (const step_id user : users[i]) behind = behind || keeps_state[index_of(user)];
    if (steps[i].kind == step_kind::key_by) {
      moves[i] = behind;
    } else {
      keeps_state[i] = behind || steps[i].kind == step_kind::stateful;
    }
  }
  return moves;
}

std::vector<sub_topology> lay_out(const std::string& name, const std::vector<step>& steps,
                                  const std::vector<bool>& moves, const bad_record_policy& on_bad,
                                  std::vector<std::string>& problems) {
  cut_graph graph{steps, moves};
  auto raw = collect(steps, moves, graph);
  const auto ordered = order(raw);
  if (ordered.size() != raw.size()) {
    report_cycle(steps, moves, raw, problems);
    return {};
  }
  std::vector<std::int32_t> number(raw.size());
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    number[ordered[i]] = static_cast<std::int32_t>(i);
  }
  const auto part_of = [&](std::size_t root) { return number[position_of(raw, root)]; };

  std::vector<sub_topology> parts(ordered.size());
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    sub_topology& part = parts[i];
    part.index = static_cast<std::int32_t>(i);
    part.steps = raw[ordered[i]].steps;
    for (const step_id id : part.steps) {
      const step& s = steps[index_of(id)];
      if (moves[index_of(id)]) {
        const std::int32_t writer = part_of(graph.writer(id));
        const std::int32_t reader = part_of(graph.reader(id));
        const std::string topic = name + "-" + s.name + "-repartition";
        if (reader == part.index) {
          part.sources.push_back({topic, id, true, false, writer, s.formats});
        } else {
          part.sinks.push_back({topic, id, true, false, reader, s.formats});
        }
      } else if (s.kind == step_kind::source || s.kind == step_kind::table_source) {
        part.sources.push_back(
            {s.topic, id, false, s.kind == step_kind::table_source, -1, s.formats});
      } else if (s.kind == step_kind::sink) {
        part.sinks.push_back({s.topic, id, false, false, -1, s.formats});
      }
      if (s.kind == step_kind::stateful || s.kind == step_kind::table_source) {
        part.stores.push_back({s.name, s.state_fingerprint});
      }
    }
    if (on_bad.what == bad_record_policy::action::dead_letter) {
      part.sinks.push_back({on_bad.topic, -1, false, true, -1, {}});
    }
  }
  return parts;
}

}  // namespace penstock::detail
