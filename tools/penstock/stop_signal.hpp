// Ctrl-C and a polite kill: the first one asks the word at work to end cleanly, the second ends
// the process as the system does it.
#pragma once

namespace penstock::tool {

/// Takes SIGINT and SIGTERM from now on, and ignores SIGPIPE (writing then says EPIPE). Call before
/// other threads exist; they then leave these signals to the main thread.
void catch_stop_signals();

/// While one lives, new threads are started with SIGINT and SIGTERM blocked.
class signals_blocked {
 public:
  signals_blocked();
  ~signals_blocked();
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
};

bool stop_requested();

}  // namespace penstock::tool
