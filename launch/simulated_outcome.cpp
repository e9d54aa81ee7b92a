#include "launch/simulated_outcome.hpp"

#include <algorithm>
#include <array>

#include "actors/processor/commit_record.hpp"
#include "actors/processor/task.hpp"
#include "streams/log/log.hpp"
#include "streams/plan/connector.hpp"
#include "streams/record/task_marks.hpp"

namespace penstock {
namespace {

/// Where operators write when only their state is wanted.
class no_output final : public task_output {
 public:
  void emit(std::int32_t, const emitted&) override {}
  void print(std::string_view) override {}
};

std::string printable(bytes_view raw) {
  std::string text;
  for (char c : raw.substr(0, 60)) {
    if (c >= ' ' && c < 127) {
      text += c;
    } else {
      static constexpr char digits[] = "0123456789abcdef";
      text += "\\x";
      text += digits[static_cast<unsigned char>(c) >> 4];
      text += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return text;
}

std::string shown(const std::optional<bytes>& raw) {
  return raw ? "\"" + printable(bytes_view{*raw}) + "\"" : "nothing";
}

template <class F>
result<void> each_record(disk& on, const clock& time, const std::string& directory,
                         const topic_partition& tp, F&& f) {
  const auto folder = directory + "/" + tp.to_string();
  PENSTOCK_ASSIGN(bool there, on.exists(folder));
  if (!there) return {};
  PENSTOCK_ASSIGN(auto log, partition_log::open(on, time, folder, log_settings{}));
  batch_cursor cursor;
  for (auto at = log->start_offset(); at < log->end_offset();) {
    PENSTOCK_ASSIGN(auto read, log->read(at, 1u << 20, log->end_offset()));
    for (bytes_view data = read.batches; !data.empty();) {
      PENSTOCK_ASSIGN(auto batch, batch_view::parse(data));
      data.remove_prefix(batch.size());
      if (batch.is_control()) continue;
      PENSTOCK_TRY(cursor.open(batch));
      record_view r;
      for (;;) {
        PENSTOCK_ASSIGN(bool more, cursor.next(r));
        if (!more) break;
        if (r.offset >= at) PENSTOCK_TRY(f(r));
      }
    }
    at = read.next_offset;
  }
  return {};
}

result<void> check_lane(disk& on, const clock& time, const std::string& directory,
                        const simulated_lane& lane) {
  std::size_t seen = 0;
  auto next = [&](const record_view& r) -> result<void> {
    if (seen >= lane.records.size())
      return error{errc::internal, lane.to.to_string() + " has more records than were sent"};
    const auto& sent = lane.records[seen];
    if (r.value != sent.value || r.key != sent.key)
      return error{errc::internal, lane.to.to_string() + ": record " + std::to_string(seen) +
                                       " is " + printable(r.value.value_or(bytes_view{})) +
                                       ", sent was " + shown(sent.value) +
                                       " (lost, repeated or reordered)"};
    ++seen;
    return {};
  };
  PENSTOCK_TRY(each_record(on, time, directory, lane.to, next));
  if (seen < lane.acked)
    return error{errc::internal, lane.to.to_string() + " has " + std::to_string(seen) + " of " +
                                     std::to_string(lane.acked) + " acknowledged records"};
  return {};
}

result<void> read_state(disk& on, const clock& time, const std::string& directory, const plan& p,
                        const sub_topology& part, std::int32_t partition, simulated_outcome& to) {
  no_output nowhere;
  runner_settings settings;
  settings.time = &time;
  settings.upstream_tasks.assign(part.sources.size(), 0);
  settings.job = p.name();
  auto runner = p.make_runner(part.index, partition, settings, nowhere);
  const topic_partition changelog{changelog_topic(p, part.index), partition};
  PENSTOCK_TRY(
      each_record(on, time, directory, changelog, [&](const record_view& r) -> result<void> {
        if (!r.key || *r.key == positions_key || *r.key == outbox_key) return {};
        return runner->restore(*r.key, r.value);
      }));
  for (const auto& store : part.stores) {
    auto& all = to.state[store.step];
    std::string twice;
    runner->each_state(store.step, [&](bytes_view key, bytes_view value) {
      if (!all.emplace(key, value).second) twice = printable(key);
    });
    if (!twice.empty())
      return error{errc::internal,
                   "step " + store.step + " has key " + twice + " in two partitions"};
  }
  return {};
}

// What runs must have in common, by the step that a sink's records come from.
enum class likeness : std::uint8_t {
  same_records,      // stateless and closed windows: the same set, in any order, repeats allowed
  same_last,         // tables: the same last value of every key
  last_among_all,    // updates of windows: the last of each key was written by the other run too
  depends_on_order,  // joins, dedupe, process: nothing that a schedule may not change
};

likeness likeness_of(const plan& p, const plan_sink& sink) {
  if (sink.dead_letter) return likeness::same_records;
  static constexpr std::array tables{"count",   "sum",    "min",       "max",
                                     "average", "reduce", "aggregate", "table"};
  auto at = sink.from;
  for (;;) {
    const auto& s = p.steps()[static_cast<std::size_t>(at)];
    if (s.kind == step_kind::emit)
      return s.verb == "on_close" ? likeness::same_records : likeness::last_among_all;
    if (s.kind == step_kind::stateful || s.kind == step_kind::table_source)
      return std::find(tables.begin(), tables.end(), s.verb) != tables.end()
                 ? likeness::same_last
                 : likeness::depends_on_order;
    if (s.inputs.size() > 1) return likeness::depends_on_order;
    if (s.inputs.empty()) return likeness::same_records;
    at = s.inputs.front();
  }
}

/// The step whose connector empties a sink's topic; else null.
const step* connected(const plan& p, const plan_sink& sink) {
  if (sink.dead_letter) return nullptr;
  const auto& s = p.steps()[static_cast<std::size_t>(sink.from)];
  return s.writes_to ? &s : nullptr;
}

/// Where the topic may have a record twice, the sink may deliver it twice.
std::string compare_deliveries(const plan& p, const plan_sink& sink, const step& s,
                               const simulated_outcome& expected, const simulated_outcome& found) {
  if (likeness_of(p, sink) != likeness::same_records) return {};
  const auto* file = std::get_if<file_sink>(&s.writes_to->how);
  if (file != nullptr && file->put_aside.keep > 0) return {};  // which are kept depends on time
  const auto& wanted = expected.delivered.at(s.name);
  const auto& came = found.delivered.at(s.name);
  const std::set<std::string> all{wanted.begin(), wanted.end()}, got{came.begin(), came.end()};
  for (const auto& each : all)
    if (!got.contains(each)) return "step " + s.name + " did not deliver " + printable(each);
  for (const auto& each : got)
    if (!all.contains(each))
      return "step " + s.name + " delivered " + printable(each) +
             ", which the run without faults did not";
  return {};
}

std::string compare_sets(const std::string& topic,
                         const std::set<simulated_outcome::pair>& expected,
                         const std::set<simulated_outcome::pair>& found) {
  for (const auto& each : expected)
    if (!found.contains(each))
      return "topic " + topic + " lacks key " + shown(each.first) + " value " + shown(each.second);
  for (const auto& each : found)
    if (!expected.contains(each))
      return "topic " + topic + " has key " + shown(each.first) + " value " + shown(each.second) +
             ", which the run without faults did not write";
  return {};
}

std::string compare_output(const std::string& topic, likeness how,
                           const simulated_outcome::output& expected,
                           const simulated_outcome::output& found) {
  switch (how) {
    case likeness::depends_on_order:
      return {};
    case likeness::same_records:
      return compare_sets(topic, expected.all, found.all);
    case likeness::same_last:
      return compare_sets(topic, {expected.last.begin(), expected.last.end()},
                          {found.last.begin(), found.last.end()});
    case likeness::last_among_all:
      break;
  }
  for (const auto& each : expected.last)
    if (!found.all.contains(each))
      return "topic " + topic + " lacks key " + shown(each.first) + " value " + shown(each.second);
  for (const auto& each : found.last)
    if (!expected.all.contains(each))
      return "topic " + topic + " ends with key " + shown(each.first) + " value " +
             shown(each.second) + ", which the run without faults did not write";
  return {};
}

}  // namespace

result<simulated_outcome> read_outcome(disk& on, const clock& time, const std::string& directory,
                                       const plan& p, const simulated_client& client,
                                       simulated_deliveries delivered) {
  for (const auto& lane : client.lanes) PENSTOCK_TRY(check_lane(on, time, directory, lane));
  simulated_outcome out;
  out.delivered = std::move(delivered);
  std::int32_t partitions = 0;
  for (const auto& [name, topic] : client.topics)
    partitions = std::max(partitions, topic.partitions);
  for (const auto& part : p.sub_topologies()) {
    for (std::int32_t n = 0; n < partitions; ++n) {
      if (!part.stores.empty()) PENSTOCK_TRY(read_state(on, time, directory, p, part, n, out));
      for (const auto& sink : part.sinks) {
        if (sink.repartition || connected(p, sink) != nullptr) continue;
        auto& output = out.outputs[sink.topic];
        PENSTOCK_TRY(each_record(on, time, directory, {sink.topic, n},
                                 [&](const record_view& r) -> result<void> {
                                   auto owned = own(r);
                                   output.all.emplace(owned.key, owned.value);
                                   output.last[owned.key] = owned.value;
                                   return {};
                                 }));
      }
    }
  }
  return out;
}

std::string compare(const plan& p, const simulated_outcome& expected,
                    const simulated_outcome& found) {
  for (const auto& [step, wanted] : expected.state) {
    const auto& is = found.state.at(step);
    for (const auto& [key, value] : wanted) {
      auto at = is.find(key);
      if (at == is.end()) return "state of " + step + " lacks key " + printable(key);
      if (at->second != value)
        return "state of " + step + ", key " + printable(key) + ": " + printable(at->second) +
               " instead of " + printable(value);
    }
    for (const auto& [key, value] : is)
      if (!wanted.contains(key)) return "state of " + step + " has key " + printable(key) + " too";
  }
  for (const auto& part : p.sub_topologies()) {
    for (const auto& sink : part.sinks) {
      if (sink.repartition) continue;
      if (const auto* sent = connected(p, sink)) {
        auto differs = compare_deliveries(p, sink, *sent, expected, found);
        if (!differs.empty()) return differs;
        continue;
      }
      auto differs = compare_output(sink.topic, likeness_of(p, sink),
                                    expected.outputs.at(sink.topic), found.outputs.at(sink.topic));
      if (!differs.empty()) return differs;
    }
  }
  return {};
}

}  // namespace penstock
