// What a `tail` source remembers of a file, as a record of its checkpoint topic. The bytes are in
// docs/formats/checkpoint.md.
#pragma once

#include <cstdint>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/connect/tail_reader.hpp"

namespace penstock {

/// Written before the lines of a commit: when these are in the topic, `now.at` counts, else
/// `before`.
struct tail_checkpoint {
  std::int64_t commit = 0;  // number of the commit that moves it to `now.at`
  content_mark before;      // where it was
  tail_position now;

  /// The lines of the commit did not get into the topic: everything is where it was before it.
  void take_back();
};

/// The key of a content's record, and the number in one; `corrupt` when it is none.
bytes checkpoint_key(std::uint64_t number);
result<std::uint64_t> checkpoint_number(bytes_view key);

/// The key of the record that stands first in each batch and carries the source mark. Its value is
/// the number of lines that were given before the commit, 8 bytes.
inline constexpr bytes_view checkpoint_commit_key = "commit";

bytes encode(const tail_checkpoint& what);

/// `corrupt` when the bytes are no checkpoint, `unsupported_version` for those of a newer Penstock.
/// The number is that of the key.
result<tail_checkpoint> decode_checkpoint(std::uint64_t number, bytes_view from);

}  // namespace penstock
