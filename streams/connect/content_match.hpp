// Whether a file holds what is known of another content: the whole of it, a part of it, or
// something else that begins alike. `tail_reader` tells copies of the files it follows by this,
// whatever they are called, and however long they take to be written.
#pragma once

#include <cstdint>

#include "streams/base/bytes.hpp"
#include "streams/base/file_tree.hpp"
#include "streams/connect/content_mark.hpp"
#include "streams/connect/content_stream.hpp"

namespace penstock {

/// Bytes of a content that is not where it was, as they were read.
struct content_memory {
  bytes head;             // the first, up to 1 KiB
  bytes window;           // those in front of `end`, at least since the last look but one
  std::uint64_t end = 0;  // where reading was
};

struct known_content {
  content_mark at;  // everything in front of it is known
  const content_points* points = nullptr;
  const content_memory* memory = nullptr;  // none after a restart
};

enum class likeness_kind : std::uint8_t {
  other,    // another content
  unclear,  // too short to say
  part,     // all of it is in what is known
  more,     // it has all that is known, and more
};

struct likeness {
  likeness_kind kind = likeness_kind::other;
  std::uint64_t alike = 0;  // bytes from the beginning that were found to be the same
  /// The file ends there. Else a `part` ends between two places that are known.
  bool whole = false;
};

/// Compares a file with a content that is nowhere else any more. Reads about 20 KiB and as much as
/// `memory` has of a plain file; a compressed one up to the end of what is known.
likeness compare(readable_file& file, file_coding coding, const known_content& known);

/// Compares a file with a plain one that still holds the content: both ends of a plain file, each
/// byte of a compressed one. `more` when `with` ends first.
likeness compare(readable_file& file, file_coding coding, readable_file& with);

/// The first bytes of a content, up to `content_mark::sum_bytes_max`.
bytes head_of(readable_file& file, file_coding coding);

}  // namespace penstock
