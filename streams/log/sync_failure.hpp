// The note that a sync failed in a partition's folder. After a failed fsync the kernel may hold the
// pages for clean although the disk does not have them: a later sync of the same file succeeds and
// means nothing. Whoever sees the failure leaves the note before anybody can hear of it; the next
// opening of the folder writes what it believes again before it trusts a sync.
#pragma once

#include <string>

#include "streams/base/disk.hpp"

namespace penstock {

/// Leaves the note in `folder`. It need not survive a power loss, which takes the lying cache as
/// well, so nothing is synced. Should it fail as well, nothing better can be done.
void note_sync_failure(disk& on, const std::string& folder);

/// Whether the note is there.
result<bool> sync_failure_noted(disk& on, const std::string& folder);

/// Everything was written again and synced.
result<void> forget_sync_failure(disk& on, const std::string& folder);

}  // namespace penstock
