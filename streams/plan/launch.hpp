// What a program adds to `launch`: its own flags in the help, and what it does with the results.
// `run` in dsl/run.hpp fills it; defined in `launch/`, like the engines.
#pragma once

#include <functional>
#include <string>

#include "streams/plan/plan.hpp"

namespace penstock {

class local_node;

struct launch_extras {
  /// What `--help` says about the program's own flags.
  std::string help;
  /// `--json` says something to the program itself: it may stand there without a test.
  bool has_json = false;
  /// Called when a job has run and ended with everything committed, on Ctrl-C too, before the node
  /// goes; gives the process's exit status. Not called for `--describe`, `--test` and failures.
  std::function<int(local_node&)> at_end;
};

/// `launch` (streams/plan/plan.hpp) for a program that has more than a topology.
int launch(const plan& p, int argc, char** argv, const launch_extras& extras);

}  // namespace penstock
