// What a job's command line says: the flags of every program that calls `run`. Parsed here, carried
// out by `launch`; docs/operations/running.md lists them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/plan/plan.hpp"

namespace penstock {

/// What the process ends with; scripts may rely on these.
enum exit_status : int {
  exit_ok = 0,         // done, or stopped on request with everything committed
  exit_failed = 1,     // the job failed while it ran
  exit_usage = 2,      // the command line is wrong
  exit_refused = 3,    // the topology, its state or a topic's types do not fit
  exit_directory = 4,  // the data directory is locked, damaged, of a newer version or not writable
  exit_killed = 130,   // a second Ctrl-C: ended at once, the last moments are not committed
};

struct run_options {
  std::string directory = "./penstock-data";
  std::size_t workers = 0;
  bool until_end = false;
  bool close_windows = false;
  bool reset = false;
  bool quiet = false;
  bool in_memory_repartition = false;
  std::vector<std::string> drop_steps;
  duration commit_interval = 100ms;
  bool describe = false;
  describe_format format = describe_format::text;
};

/// The options, or the status to end with (help was printed, or what is wrong to stderr).
std::variant<run_options, int> parse_command_line(const plan& p, int argc, const char* const* argv);

/// The status for a job that ended with this error.
int status_for(const error& why);

}  // namespace penstock
