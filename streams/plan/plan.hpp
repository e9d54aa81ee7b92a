// The untyped graph that a topology becomes: named steps with typed operators inside, validated as
// a whole, fingerprinted, described, and split into sub-topologies where `key_by` moves data. The
// plan is the contract between the DSL, which builds it, and the engines, which run it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/error.hpp"
#include "streams/base/time.hpp"
#include "streams/plan/mock.hpp"
#include "streams/plan/runner.hpp"

namespace penstock {

struct source_connector;  // streams/plan/connector.hpp
struct sink_connector;

/// Index of a step in its plan.
using step_id = std::int32_t;

enum class step_kind : std::uint8_t {
  source,        // from(topic)
  table_source,  // table(name, topic)
  stateless,     // map, filter, flat_map, try_map, peek, branch, merge, event_time …
  key_by,        // moves data when something behind it keeps state
  stateful,      // count … distinct, window aggregates
  emit,          // on_update, on_close, late
  sink,          // to(topic)
  effect,        // for_each, print
};

/// What happens to a record that a step cannot process.
struct bad_record_policy {
  enum class action : std::uint8_t { stop, skip, dead_letter };
  action what = action::stop;
  std::string topic;  // with dead_letter
};

/// How keys and values of a topic are written, remembered in the topic's metadata. The name of a
/// format is stable ("text", "json", "binary:u64", "binary:<struct fingerprint>"); empty: none.
struct topic_formats {
  std::string key;
  std::string value;

  friend bool operator==(const topic_formats&, const topic_formats&) = default;
};

struct step {
  step_id id = 0;
  std::string name;  // unique in the topology, but for topic ends
  step_kind kind = step_kind::stateless;
  std::string verb;     // the DSL's word: "flat_map", "tumbling window", …
  std::string details;  // what describe() adds: "size 1min, grace 10s"
  std::vector<step_id> inputs;
  std::string topic;              // source, table_source, sink
  topic_formats formats;          // of the topic, or of the key and value that leave the step
  std::string state_fingerprint;  // stateful: types and semantics of what it remembers
  std::optional<duration> out_of_order;  // event_time
  std::optional<duration> idle_after;    // on_close(idle_after{…}); empty with never_idle
  bool needs_time = false;               // windows, dedupe, throttle: timestamps must make sense
  duration holds_back{0};                // how far behind the watermark its output may be
  std::shared_ptr<const source_connector>
      reads_from;                                   // source: what fills its topic, if not others
  std::shared_ptr<const sink_connector> writes_to;  // sink: what empties its topic, if not others
  /// Makes the typed operator of this step for one task. Called once per task, inputs first.
  std::function<std::unique_ptr<operator_base>(task_context&)> make;
  /// How a test replaces the step's function; null where that cannot be.
  std::shared_ptr<const step_mock> mock;
};

/// One input of a sub-topology: an external topic, or the repartition topic behind a `key_by`.
struct plan_source {
  std::string topic;  // external name, or "<topology>-<step>-repartition"
  step_id from = 0;   // the source step, or the key_by step
  bool repartition = false;
  bool table = false;          // loaded to its end before the streams start
  std::int32_t upstream = -1;  // repartition: the sub-topology that writes it
  topic_formats formats;
};

/// One output of a sub-topology, numbered for `task_output::emit`.
struct plan_sink {
  std::string topic;
  step_id from = 0;
  bool repartition = false;
  bool dead_letter = false;
  std::int32_t downstream = -1;  // repartition: the sub-topology that reads it
  topic_formats formats;
};

struct plan_store {
  std::string step;
  std::string fingerprint;
};

/// One way in which event time comes into a task: a source, or an `event_time` step behind one.
struct plan_timeline {
  std::string name;          // the topic, or the step; with the source's number when there are more
  step_id at = 0;            // the source, the key_by, or the event_time step
  std::int32_t source = -1;  // the source that drives it; -1: records that leave a state
  bool marks = false;        // driven by the watermarks of upstream tasks
  duration out_of_order{0};
  std::optional<duration> idle_after;
};

/// A part of the plan without data movement inside. One task runs it per input partition; the
/// sources of one sub-topology must have equal partition counts.
struct sub_topology {
  std::int32_t index = 0;
  std::vector<plan_source> sources;
  std::vector<plan_sink> sinks;
  std::vector<plan_store> stores;        // empty: stateless
  std::vector<step_id> steps;            // inputs before users
  std::vector<duration> delays;          // for each step: how far records come behind the watermark
  duration hop_delay{0};                 // the same for what is written to repartition topics
  std::vector<plan_timeline> timelines;  // empty: nothing here or downstream needs event time
};

/// A connector of the plan and its topics.
struct plan_connector {
  step_id at = 0;
  std::string name;        // of the step
  std::string topic;       // filled by a source, emptied by a sink
  std::string checkpoint;  // topic of a source that remembers how far it has read; else empty
  bool source = false;
};

enum class describe_format : std::uint8_t { text, mermaid, dot, json };

struct plan_options {
  /// Every topic has one partition: no `key_by` has to move data.
  bool single_partition = false;
};

class plan {
 public:
  /// Steps in an order in which inputs come before users; `id` is the position. `problems` are
  /// those that the caller has found already.
  plan(std::string name, std::vector<step> steps, bad_record_policy on_bad,
       plan_options options = {}, std::vector<std::string> problems = {});

  const std::string& name() const { return name_; }
  const std::vector<step>& steps() const { return steps_; }
  const bad_record_policy& on_bad_record() const { return on_bad_; }
  const std::vector<sub_topology>& sub_topologies() const { return parts_; }

  /// The steps that have connectors, in the order of steps.
  const std::vector<plan_connector>& connectors() const { return connectors_; }

  /// Names of the sources that never end: a job with one cannot end by itself.
  std::vector<std::string> endless_sources() const;

  /// Whether a `key_by` step writes to a repartition topic.
  bool moves(step_id id) const { return moves_[static_cast<std::size_t>(id)]; }

  /// The topic behind a `key_by` that moves data.
  std::string repartition_topic(step_id id) const;

  /// Everything wrong with the topology, one sentence each, all at once; empty when it may run.
  const std::vector<std::string>& problems() const { return problems_; }

  /// Equal plans have equal fingerprints: names, kinds, edges, formats and state, not functions,
  /// and not where connectors read and write: that may differ from machine to machine.
  std::uint64_t fingerprint() const;

  /// The topology for a person (text) or a tool; every data movement is shown.
  std::string describe(describe_format as = describe_format::text) const;

  /// A task of sub-topology `part` for `partition`, state empty. The plan must outlive it and have
  /// no problems. `settings.upstream_tasks[i]` is the number of tasks that write source i (0 for
  /// external topics).
  std::unique_ptr<task_runner> make_runner(std::int32_t part, std::int32_t partition,
                                           const runner_settings& settings,
                                           task_output& output) const;

 private:
  std::string name_;
  std::vector<step> steps_;
  bad_record_policy on_bad_;
  plan_options options_;
  std::vector<bool> moves_;
  std::vector<sub_topology> parts_;
  std::vector<plan_connector> connectors_;
  std::vector<std::string> problems_;
};

/// Runs a plan under a command line: `--on …`, `--workers`, `--until-end`, … (docs/guide). Returns
/// the process's exit status. Declared here so that a user's file sees no engine; defined in
/// `launch/`.
int launch(const plan& p, int argc, char** argv);

}  // namespace penstock
