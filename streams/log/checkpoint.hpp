// What a partition remembers about itself between runs, in one small text file that is replaced
// atomically: how far it is known to be on disk, where it starts, how far it is compacted, and
// whether it was shut down in order. docs/formats/log-folder.md has an example.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"

namespace penstock {

/// The state at a shutdown in order. It is believed when the last segment is still the same and its
/// files are as long as they were: whatever is appended later outdates it without touching it.
struct clean_shutdown {
  offset_t last_segment = 0;
  std::uint64_t last_segment_bytes = 0;
  std::uint64_t offset_entries = 0;  // in its two indexes
  std::uint64_t time_entries = 0;
  offset_t end_offset = 0;
  bool has_producers = false;  // a snapshot was taken at `end_offset`

  friend bool operator==(const clean_shutdown&, const clean_shutdown&) = default;
};

struct log_checkpoint {
  offset_t recovery_point = 0;  // segments below it are synced and need no scan
  offset_t start_offset = 0;    // records below it are deleted
  offset_t compacted_to = 0;    // keys below it are unique
  offset_t gaps_to = 0;         // below it offsets may be missing, by compaction
  std::optional<clean_shutdown> clean;

  friend bool operator==(const log_checkpoint&, const log_checkpoint&) = default;
};

bytes encode(const log_checkpoint& checkpoint);

/// Whether `text` ends with a line "crc " and the CRC-32C of what stands before it, as ours do in
/// every version: without it, an unknown version is damage.
bool ends_with_its_crc(bytes_view text);

/// `corrupt` for damaged text, `unsupported_version` for that of a newer Penstock; `name` is for
/// the message.
result<log_checkpoint> decode_checkpoint(bytes_view text, const std::string& name);

/// The folder's checkpoint, or nothing when it has none.
result<std::optional<log_checkpoint>> read_checkpoint(disk& on, const std::string& folder);

}  // namespace penstock
