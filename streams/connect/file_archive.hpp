// The files that a file sink has put aside, beside the one it writes: named by time, compressed
// after the fact, the oldest removed. Works in small pieces, so that its owner can do other things
// in between. A plain object on a `disk`; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "streams/base/disk.hpp"
#include "streams/connect/compressor.hpp"
#include "streams/connect/rotation.hpp"

namespace penstock {

class file_archive {
 public:
  /// `on` outlives the archive.
  file_archive(disk& on, const std::string& path, rotate how);

  /// Of the file, "." when its path has none.
  const std::string& folder() const { return folder_; }

  /// A time from `wanted` on whose names are not taken.
  result<timestamp> free_time(timestamp wanted);

  /// Whether the file was put aside under this time, compressed or not.
  result<bool> is_there(timestamp at);

  /// Renames the file durably.
  result<void> put_aside(timestamp at);

  /// A piece of the compressing and removing that is due; false when there is none. After an error
  /// it begins anew.
  result<bool> tidy_some();

 private:
  std::string in_folder(const std::string& name) const;
  result<std::vector<rotated_file>> list();
  result<bool> begin_some();
  result<bool> compress_some();
  result<void> finish_job();
  result<void> rename_durably(const std::string& from, const std::string& to);

  disk& disk_;
  std::string path_;
  std::string folder_;
  std::string name_;
  rotate how_;

  // Of the file that is being compressed.
  std::shared_ptr<file> from_;
  std::shared_ptr<file> to_;
  std::optional<file_compressor> compressor_;
  std::string plain_, packed_, partial_;  // paths
  std::uint64_t read_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace penstock
