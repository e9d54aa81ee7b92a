// The disk as everything below `launch` sees it: files, folders, syncs and a lock. `disk_posix` is
// the machine's; `disk_simulated` loses what was not synced, tears and flips what was. Paths are
// UTF-8 strings with '/' between parts. Errors name the path and the system's reason; ENOSPC comes
// as `disk_full`, EROFS and EACCES as `read_only`, a missing file as `not_found`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// One open file. Calls on different files may come from different threads; `sync` may be called
/// while another thread reads or writes the same file.
class file {
 public:
  virtual ~file() = default;

  /// Reads up to `length` bytes at `position` into `to`; fewer only at the end of the file.
  virtual result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) = 0;

  /// Writes all of `data` at `position`, extending the file when needed. On error any prefix may
  /// have been written.
  virtual result<void> write_at(std::uint64_t position, bytes_view data) = 0;

  /// Everything written so far survives a power loss once this returns (fdatasync).
  virtual result<void> sync() = 0;

  virtual result<void> truncate(std::uint64_t size) = 0;
  virtual result<std::uint64_t> size() = 0;
};

/// Held as long as the data directory is in use; releases on destruction.
class directory_lock {
 public:
  virtual ~directory_lock() = default;
};

enum class open_mode { read, read_write, create };  // create: read_write, made when missing

class disk {
 public:
  virtual ~disk() = default;

  virtual result<std::shared_ptr<file>> open(const std::string& path, open_mode mode) = 0;
  virtual result<bool> exists(const std::string& path) = 0;

  /// Names (not paths) of the entries of a folder, sorted.
  virtual result<std::vector<std::string>> list(const std::string& folder) = 0;

  /// Makes the folder and its missing parents; fine when it is there already.
  virtual result<void> make_folder(const std::string& folder) = 0;

  /// Removes a file; fine when it is not there.
  virtual result<void> remove(const std::string& path) = 0;

  /// Removes a folder with all below it; fine when it is not there.
  virtual result<void> remove_folder(const std::string& folder) = 0;

  /// Atomic replacement of `to`; durable once `sync_folder` of the parent has returned.
  virtual result<void> rename(const std::string& from, const std::string& to) = 0;

  /// Makes creations, removals and renames inside `folder` survive a power loss.
  virtual result<void> sync_folder(const std::string& folder) = 0;

  /// Takes the exclusive lock file `<folder>/.lock`; `locked` with the owner's process id when
  /// another process has it.
  virtual result<std::unique_ptr<directory_lock>> lock(const std::string& folder) = 0;

  /// Bytes free for this process on the file system of `folder`.
  virtual result<std::uint64_t> free_bytes(const std::string& folder) = 0;
};

/// The machine's disk. Any thread.
disk& machine_disk();

/// Reads a whole file of at most `limit` bytes; `corrupt` when it is larger.
result<bytes> read_file(disk& from, const std::string& path, std::uint64_t limit);

/// Makes a folder and its missing parents so that they survive a power loss.
result<void> make_folder_durably(disk& on, const std::string& folder);

/// Replaces a file atomically and durably: temporary file, sync, rename, sync of the folder.
result<void> write_file(disk& on, const std::string& path, bytes_view content);

}  // namespace penstock
