// A node inside this process: the actor system, the machine's disk, the lock on a data directory,
// the node actor, and the socket on which other processes may attach to it, started and ended in
// the right order. Jobs, the command-line tool, examples and tests that want a real node own one.
#pragma once

#include <caf/actor_system.hpp>
#include <memory>
#include <string>

#include "actors/broker/node.hpp"
#include "actors/broker/node_defaults.hpp"
#include "actors/cluster/conversations.hpp"
#include "actors/cluster/link_listener.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// Partitions of a topic that is made without a number: enough for tasks to run in parallel.
inline constexpr std::int32_t embedded_partitions = 4;

struct embedded_options {
  std::string directory = "./penstock-data";  // made when missing
  std::size_t workers = 0;                    // threads of the scheduler; 0: one per core
  std::int32_t default_partitions = embedded_partitions;
  flush_policy default_flush = flush_policy::batch;
  node_defaults defaults;
  duration housekeeping = 30s;  // between passes of retention and compaction
  bool listen = true;  // take links on <directory>/node.sock; failing to is no failure to open
};

class embedded_node {
 public:
  /// Locks the directory and starts a node on it. `locked` names the process that has it;
  /// `read_only`, `disk_full`, `io_error` as the disk says. The node reads its metadata meanwhile:
  /// requests wait for it.
  static result<std::unique_ptr<embedded_node>> open(const embedded_options& options);

  /// Closes, if `close` was not called.
  ~embedded_node();
  embedded_node(const embedded_node&) = delete;
  embedded_node& operator=(const embedded_node&) = delete;

  caf::actor_system& system();
  const node_actor& node() const;
  const std::string& directory() const;

  /// Where links come in; a listener that shares its port with links hands them over here. Lives
  /// until `close`.
  link_listener& links();

  /// The job that answers whoever attaches and asks for one; null: none. Any thread.
  void show_job(job_handle job);

  /// Says goodbye to whoever is attached, syncs everything, marks the logs as cleanly shut down and
  /// ends the node's actors. The caller's own actors have ended before. Fails with what the node
  /// says, or `timed_out`.
  result<void> close(duration deadline = 30s);

 private:
  struct state;
  explicit embedded_node(std::unique_ptr<state> held);
  std::unique_ptr<state> state_;
};

}  // namespace penstock
