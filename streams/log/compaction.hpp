// Compaction replaces a run of segments by one in a way that a crash at any moment leaves either
// all of the old ones or the new one. docs/formats/log-folder.md describes the steps.
#pragma once

#include <string>
#include <vector>

#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"

namespace penstock {

/// The commit record of a replacement, in `penstock.compaction` from the moment that it must happen
/// until it has.
struct replacement {
  std::vector<offset_t> from;  // base offsets of the segments that go
  bool empty = false;          // nothing is left of them; else the new one has from.front()

  friend bool operator==(const replacement&, const replacement&) = default;
};

bytes encode(const replacement& planned);
result<replacement> decode_replacement(bytes_view text, const std::string& name);

/// Carries out the replacement that the folder's `penstock.compaction` asks for, if there is one.
/// Can be repeated from any point of an earlier attempt.
result<void> finish_compaction(disk& on, const std::string& folder);

}  // namespace penstock
