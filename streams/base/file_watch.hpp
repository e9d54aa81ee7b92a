// Wakes up whoever follows files when something happens in their folders. A hint and no more: what
// has really changed is found by looking, and looking now and then finds everything without hints.
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace penstock {

class file_watch {
 public:
  virtual ~file_watch() = default;

  /// Hints from now on of what happens in a folder. Any number of times; a folder that cannot be
  /// watched gives none.
  virtual void add_folder(const std::string& folder) = 0;

  /// Waits for a hint, for at most `wait`; true when one came.
  virtual bool wait(std::chrono::milliseconds wait) = 0;
};

/// The machine's (inotify); where that is not to be had, one that only waits. One thread.
std::unique_ptr<file_watch> watch_files();

}  // namespace penstock
