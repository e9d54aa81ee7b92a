// The note of how far a log is known to be on the disk: the file `penstock.synced`, rewritten in
// place after each sync and never synced itself. It cannot run ahead of the truth, for what it says
// was true before it was written; after a power loss it may be older. Recovery refuses damage below
// it, which took acknowledged records, and may cut what lies above. docs/formats/log-folder.md.
#pragma once

#include <memory>
#include <string>

#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"

namespace penstock {

class durable_mark {
 public:
  durable_mark(disk& on, const std::string& folder);

  /// What the note says; 0 when there is none, or a torn one.
  result<offset_t> read();

  /// Everything below `offset` was synced. Should the note fail, it stays what it was, or is
  /// unreadable and says nothing.
  void raise(offset_t offset);

  /// Removes the note, before the log becomes shorter. The caller syncs the folder.
  result<void> forget();

  /// Gives up the open file.
  void release() { file_.reset(); }

 private:
  disk* disk_;
  std::string path_;
  std::shared_ptr<file> file_;
  offset_t noted_ = 0;
};

}  // namespace penstock
