// Runs a job under everything that can go wrong, in one thread on virtual time: the real node,
// partitions, tasks and sinks on a simulated disk, with a schedule and faults that follow from a
// seed. Then compares what the job remembers, wrote and delivered with a run in which nothing went
// wrong. A seed
// that fails fails again: give it to the debugger. Defined in `launch/`, so a user's file sees no
// engine.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/topology.hpp"
#include "streams/record/record.hpp"

namespace penstock {

/// What can go wrong.
enum class fault : std::uint8_t {
  task_kill,       // a task ends in the middle of whatever it does
  partition_kill,  // the actor of a partition ends; the node starts another
  writer_kill,     // the actor that syncs ends; the node starts another
  node_crash,      // power loss: all actors end, what was not synced is lost or torn
  disk_full,       // for a while nothing can be added
  failed_sync,     // the disk says that it could not
  slow_actor,      // one actor gets no time for a while
  server_down,  // the server of a `to_http`, where there is one, fails, or takes what it does not
                // confirm
};
inline constexpr std::size_t fault_kinds = 8;

/// "task_kill", …
std::string_view name_of(fault what);

/// How many faults a run gets, and which.
struct faults {
  std::uint32_t at_most = 6;
  std::array<bool, fault_kinds> enabled{};

  static faults none() { return {0, {}}; }
  static faults all() {
    faults f{6, {}};
    f.enabled.fill(true);
    return f;
  }
  static faults only(fault what, std::uint32_t at_most = 4) {
    faults f{at_most, {}};
    f.enabled[static_cast<std::size_t>(what)] = true;
    return f;
  }
};

/// The records that the simulated producer sends, and the lines that sources find: per partition in
/// this order.
class simulated_input {
 public:
  template <class K, class V>
  void feed(const topic<K, V>& in, const std::type_identity_t<K>& key,
            const std::type_identity_t<V>& value, timestamp at) requires key_type<K> {
    bytes key_scratch, value_scratch;
    add(in.name(), in.key_formatting().encode(key, key_scratch),
        in.value_formatting().encode(value, value_scratch), at);
  }
  template <class V>
  void feed(const topic<no_key, V>& in, const std::type_identity_t<V>& value, timestamp at) {
    bytes scratch;
    add(in.name(), std::nullopt, in.value_formatting().encode(value, scratch), at);
  }

  void add(const std::string& topic, std::optional<bytes_view> key, std::optional<bytes_view> value,
           timestamp at);

  /// A line for the source of a step (`lines`, `tail`, …), as its outside would give it at the
  /// time `at`: without its newline, `key` is the path or sender where the source has such a key.
  /// Lines that belong together are put together. It is in the source's topic once: files, streams
  /// and sockets themselves are not simulated.
  void feed_line(const std::string& step, std::string_view line, timestamp at) {
    lines_.push_back({step, std::nullopt, std::string{line}, at});
  }
  void feed_line(const std::string& step, std::string_view key, std::string_view line,
                 timestamp at) {
    lines_.push_back({step, std::string{key}, std::string{line}, at});
  }

  struct fed_line {
    std::string step;
    std::optional<std::string> key;
    std::string line;
    timestamp at;
  };

  const std::vector<std::pair<std::string, record>>& records() const { return records_; }
  const std::vector<fed_line>& lines() const { return lines_; }

 private:
  std::vector<std::pair<std::string, record>> records_;
  std::vector<fed_line> lines_;
};

struct simulation_options {
  std::int32_t partitions = 3;
  duration commit_interval = 20ms;
  bool in_memory_repartition = false;
  bool close_windows = true;  // at the end, so that every window shows its result
};

/// What came of one seed, or of many.
struct simulation_report {
  bool ok = true;
  std::uint64_t seed = 0;  // of the run, or of the first that failed
  std::string what;        // what was wrong, in words; empty when ok
  std::uint64_t runs = 0;
  std::uint64_t records = 0;   // fed, per run
  std::uint64_t steps = 0;     // scheduling decisions, all runs
  std::uint64_t restarts = 0;  // of the whole node
  std::array<std::uint64_t, fault_kinds> fired{};
  /// What the sinks of the last run delivered, by step and in order: lines of `to_file`, values
  /// that a server was sent by `to_http`. There, some may be twice.
  std::map<std::string, std::vector<std::string>> delivered;

  /// Counts of everything that happened and, after a failure, how to see it again.
  std::string to_string() const;
};

/// A job and its input, to be run again and again. Sources are fed by the input; sinks are the real
/// ones: `to_file` writes to the simulated disk, `to_http` to a server of the simulation. The run
/// without faults, which others are compared with, is made once.
class simulation {
 public:
  /// `feed` is called once. Throws std::invalid_argument for a topology with problems, and for
  /// lines of a step that is no source.
  simulation(const topology& t, const std::function<void(simulated_input&)>& feed,
             simulation_options options = {});
  ~simulation();
  simulation(simulation&&) noexcept;

  simulation_report run(std::uint64_t seed, const faults& what = faults::all());

  /// Seeds from 1 on until one fails; with the environment variable PENSTOCK_SEED that one only,
  /// with PENSTOCK_SEEDS that many.
  simulation_report explore(std::uint64_t seeds, const faults& what = faults::all());

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// ```
/// auto report = simulate(build(), 42, faults::all(), [](simulated_input& in) {
///   for (int i = 0; i < 1000; ++i) in.feed(lines, "to be or not", from_millis(i));
/// });
/// CHECK(report.ok);
/// ```
simulation_report simulate(const topology& t, std::uint64_t seed, const faults& what,
                           const std::function<void(simulated_input&)>& feed,
                           simulation_options options = {});

}  // namespace penstock
