// What a job's command line says: the flags of every program that calls `run`. Parsed here, carried
// out by `launch`; docs/operations/running.md lists them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "launch/exit_status.hpp"
#include "streams/base/time.hpp"
#include "streams/plan/launch.hpp"

namespace penstock {

struct run_options {
  std::string directory = "./penstock-data";  // or the address of a node
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
  std::vector<std::string> tests;  // files to run instead of the job
  bool json = false;               // with tests, or as the program says
};

/// The options, or the status to end with (help was printed, or what is wrong to stderr).
/// `extras` is what the program says about flags of its own.
std::variant<run_options, int> parse_command_line(const plan& p, int argc, const char* const* argv,
                                                  const launch_extras& extras);

}  // namespace penstock
