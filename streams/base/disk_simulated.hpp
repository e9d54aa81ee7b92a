// A disk in memory that behaves as badly as real ones may: a crash loses what was not synced and
// tears the last write, entries of folders that were not synced vanish, syncs fail and take the
// dirty pages with them, space runs out, bits flip. Tests and `simulate` run everything on it from
// a seed. One thread; no faults happen unless asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/disk.hpp"
#include "streams/base/random.hpp"

namespace penstock {

/// How often each kind of fault has really happened.
struct disk_faults {
  std::uint64_t crashes = 0;
  std::uint64_t lost_writes = 0;   // crash: unsynced writes that vanished whole
  std::uint64_t torn_writes = 0;   // crash: writes of which a part reached the disk
  std::uint64_t lost_entries = 0;  // crash: creations, renames and removals undone
  std::uint64_t refused_full = 0;  // writes that met a full disk
  std::uint64_t failed_syncs = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t failed_writes = 0;
  std::uint64_t refused_read_only = 0;
  std::uint64_t flipped_bits = 0;
};

class simulated_disk final : public disk {
 public:
  simulated_disk();
  ~simulated_disk() override;

  result<std::shared_ptr<file>> open(const std::string& path, open_mode mode) override;
  result<bool> exists(const std::string& path) override;
  result<std::vector<std::string>> list(const std::string& folder) override;
  result<void> make_folder(const std::string& folder) override;
  result<void> remove(const std::string& path) override;
  result<void> remove_folder(const std::string& folder) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> sync_folder(const std::string& folder) override;
  result<std::unique_ptr<directory_lock>> lock(const std::string& folder) override;
  result<std::uint64_t> free_bytes(const std::string& folder) override;

  /// The power goes and comes back. Of each file's unsynced writes a random prefix survives, the
  /// write after it perhaps in part (its rest missing, or zeros); of each folder's unsynced entries
  /// a random prefix. Open handles fail from now on, locks are free, and the disk works again.
  void crash(random& chance);

  /// From now until `crash` or `thaw` every operation fails: what belongs to a crashed node can
  /// change nothing any more.
  void freeze() { frozen_ = true; }
  void thaw() { frozen_ = false; }
  bool frozen() const { return frozen_; }

  /// Lets at most this many more bytes be added; nothing: no limit.
  void set_space_left(std::optional<std::uint64_t> left) { space_left_ = left; }

  /// The next `count` calls of that kind fail; a failed write may have written a part. After a
  /// failed sync the writes that it should have covered are lost at the next crash, even when a
  /// later sync succeeds: what Linux does with dirty pages it could not write.
  void fail_syncs(std::uint64_t count) { failing_syncs_ = count; }
  void fail_reads(std::uint64_t count) { failing_reads_ = count; }
  void fail_writes(std::uint64_t count) { failing_writes_ = count; }

  void set_read_only(bool read_only) { read_only_ = read_only; }

  /// Inverts one bit of a file, on the platter and in the cache. False when it is not there.
  bool flip_bit(const std::string& path, std::uint64_t byte, unsigned bit);

  const disk_faults& faults() const { return faults_; }

  /// A file's bytes as a reader sees them now; nothing when it is not there.
  std::optional<bytes> content(const std::string& path) const;

  /// Makes a file with this content, synced, with its folder.
  void set_content(const std::string& path, bytes_view content);

  /// Every file below `folder`, as full paths, sorted.
  std::vector<std::string> files_below(const std::string& folder) const;

 private:
  struct inode;
  struct directory;
  class handle;
  class held_lock;

  struct entry_change;

  result<void> check(const char* verb, const std::string& path, bool writes);
  directory* folder_at(const std::string& path) const;
  std::shared_ptr<inode> inode_at(const std::string& path) const;
  void change_entry(directory& in, const std::string& name, std::shared_ptr<inode> file,
                    std::shared_ptr<directory> sub);
  void crash_file(inode& file, random& chance);
  void crash_folder(directory& root, random& chance);

  std::shared_ptr<directory> root_;
  std::map<std::string, std::uint64_t> locks_;  // folder -> generation that holds it
  std::uint64_t generation_ = 0;                // grows with each crash
  bool frozen_ = false;
  bool read_only_ = false;
  std::optional<std::uint64_t> space_left_;
  std::uint64_t failing_syncs_ = 0;
  std::uint64_t failing_reads_ = 0;
  std::uint64_t failing_writes_ = 0;
  disk_faults faults_;
  random torn_{0x746f726e};  // how much of a failing write was written
};

}  // namespace penstock
