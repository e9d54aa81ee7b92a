// What a script learns from the exit status of a job or of the command-line tool: one table for
// both, never renumbered. docs/guide/command-line.md and docs/operations/running.md print it.
#pragma once

#include "streams/base/error.hpp"

namespace penstock {

enum exit_status : int {
  exit_ok = 0,           // done, or stopped on request with everything committed
  exit_failed = 1,       // the disk, the node, the data or the job; `log verify` found damage
  exit_usage = 2,        // the command line makes no sense
  exit_refused = 3,      // understood, and against a rule: a name, a setting, a type, a limit
  exit_not_found = 4,    // no such directory, topic, group, partition, file or job
  exit_unavailable = 5,  // locked by another process, or no answer: worth another try
  exit_killed = 130,     // interrupted before the work was done
};

/// The status for a program that ends with this error.
int exit_status_of(errc code);

}  // namespace penstock
