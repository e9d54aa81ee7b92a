// The files of other programs, as a reader of log files sees them: which paths match a pattern,
// what lies behind a path right now, and bytes at positions of a file that stays open while its
// path changes. `machine_files` is the machine's; tests have one in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/result.hpp"

namespace penstock {

/// What the system says of a file. Device and number stay when it is renamed.
struct file_facts {
  std::uint64_t device = 0;
  std::uint64_t number = 0;  // the inode; used again when the file is deleted
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  // when it was written last, by the system's clock
  bool regular = true;          // neither a folder nor a pipe, socket or device

  bool same_file(const file_facts& other) const {
    return device == other.device && number == other.number;
  }
};

/// An open file of another program. Never written.
class readable_file {
 public:
  virtual ~readable_file() = default;

  virtual result<file_facts> facts() = 0;

  /// Up to `length` bytes at `position`; fewer at the end of the file.
  virtual result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) = 0;
};

struct found_file {
  std::string path;
  file_facts facts;
  bool link = false;  // the path is a symbolic link to the file
};

struct found_files {
  std::vector<found_file> files;     // sorted by path; a file once for each name that matches
  std::vector<std::string> notices;  // folders that could not be looked into, and why
};

class file_tree {
 public:
  virtual ~file_tree() = default;

  /// What matches a shell pattern (`*`, `?`, `[…]`, `\` before a character that means itself).
  /// Nothing is no failure.
  virtual result<found_files> match(const std::string& pattern) = 0;

  /// `not_found`, `read_only` when it may not be read, `invalid_argument` when it is no regular
  /// file.
  virtual result<std::unique_ptr<readable_file>> open(const std::string& path) = 0;
};

/// The machine's. Stateless; any thread.
file_tree& machine_files();

/// A pattern that matches exactly this path.
std::string pattern_of(const std::string& path);

/// The one path that a pattern without wildcards matches; nothing when it has some.
std::optional<std::string> path_of(const std::string& pattern);

}  // namespace penstock
