// From a topology to a process: the last line of every job's main().
#pragma once

#include <functional>
#include <utility>

#include "dsl/flags.hpp"
#include "dsl/topology.hpp"
#include "streams/plan/launch.hpp"

namespace penstock {

/// Runs the topology under a command line (`--on DIR`, `--workers N`, `--until-end`, `--describe`
/// …; `--help` lists them) and returns the process's exit status. A topology with problems prints
/// them all and runs nothing.
inline int run(const topology& t, int argc, char** argv) {
  return launch(t.plan(), argc, argv);
}

/// The same for a program with flags of its own, which `--help` then lists too. `at_end` is called
/// when the job has run and ended with everything committed, and gives the exit status: there the
/// program may read what the job has written, through the node that it ran on (include
/// <penstock/client.hpp>). Not called after `--describe`, `--test` and failures.
inline int run(const topology& t, int argc, char** argv, const flags& own,
               std::function<int(local_node&)> at_end = {}) {
  return launch(t.plan(), argc, argv, launch_extras{own.help(), own.has_json(), std::move(at_end)});
}

}  // namespace penstock
