// From a topology to a process: the last line of every job's main().
#pragma once

#include "dsl/topology.hpp"

namespace penstock {

/// Runs the topology under a command line (`--on DIR`, `--workers N`, `--until-end`, `--describe`
/// …; `--help` lists them) and returns the process's exit status. A topology with problems prints
/// them all and runs nothing.
inline int run(const topology& t, int argc, char** argv) {
  return launch(t.plan(), argc, argv);
}

}  // namespace penstock
