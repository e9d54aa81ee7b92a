// The actor that runs one sub-topology of a plan for one partition: it reads its inputs through the
// node, runs the records through its runner, sends what comes out, and commits. How its state
// survives a crash: docs/decisions/0005-commits-of-tasks.md; its life is in task_state.hpp. The job
// starts it, gives it orders and hears from it.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/clock.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

using task_actor =
    caf::typed_actor<caf::reacts_to<task_order>,
                     caf::replies_to<deliver_request>::with<deliver_reply>, caf::reacts_to<tick>>;

/// Where another task of this process hands over repartitioned records.
using task_inlet = caf::typed_actor<caf::replies_to<deliver_request>::with<deliver_reply>>;

/// Whoever wants to hear from tasks.
using task_listener = caf::typed_actor<caf::reacts_to<task_changed>>;

/// How a job keeps its promises; the same for all of its tasks.
struct processing_settings {
  duration commit_interval = 100ms;
  std::size_t commit_change_bytes = std::size_t{1} << 20;  // commit before there are more changes
  std::size_t outbox_bytes = std::size_t{4} << 20;  // … or more output for repartition topics
  std::uint64_t unsent_bytes_max = std::uint64_t{8} << 20;  // stop reading above this
  std::uint32_t fetch_bytes = std::uint32_t{512} << 10;     // of one input at a time
  duration fetch_wait = 500ms;                              // long poll
  duration watermark_interval = 50ms;
  std::size_t watermark_bytes = std::size_t{64} << 10;
  std::uint64_t purge_bytes = std::uint64_t{8} << 20;  // repartition data read between purges
  duration visible_interval = 1s;  // group offsets of tasks with state, which are for people
  duration request_timeout = 30s;
  duration retry_after = 50ms;
  std::uint32_t deliver_bytes = std::uint32_t{1} << 20;  // credit of in-memory repartition
  bool in_memory_repartition = false;
};

struct task_config {
  std::shared_ptr<const plan> topology;
  std::int32_t part = 0;
  std::int32_t partition = 0;
  std::vector<std::int32_t> upstream_tasks;      // per source, 0 for external topics
  std::vector<std::int32_t> sink_partitions;     // per sink
  std::map<std::string, std::string> topic_ids;  // of every topic that the topology reads
  std::vector<std::string> drop_steps;           // whose stored state is to be forgotten
  /// In-memory repartition: per sink the tasks that read it, by partition; else empty.
  std::vector<std::vector<task_inlet>> downstream;
  node_actor node;
  task_listener job;
  const penstock::clock* time = nullptr;
  processing_settings settings;
  std::function<void(std::string_view)> print;
};

/// "<topology>/<sub-topology>/<partition>", the name under which a task writes.
std::string task_name(const plan& p, std::int32_t part, std::int32_t partition);

/// "<topology>-<first stateful step>-changelog".
std::string changelog_topic(const plan& p, std::int32_t part);

task_actor spawn_task(caf::actor_system& system, task_config config);

}  // namespace penstock
