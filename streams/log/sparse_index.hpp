// From offset or time to file position: a file of fixed-size entries in growing order, one per few
// kilobytes of log. New entries gather in memory and reach the file some at a time: the log can
// always rebuild it. Owned by a segment; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "streams/base/coding.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/time.hpp"

namespace penstock {

/// Kafka's `.index`: the last offset of a batch, relative to the segment, and where it starts.
struct offset_entry {
  static constexpr std::size_t bytes_each = 8;
  std::int32_t relative = 0;
  std::int32_t position = 0;

  void write(char* to) const {
    store_be(to, relative);
    store_be(to + 4, position);
  }
  static offset_entry read(const char* from) {
    return {load_be<std::int32_t>(from), load_be<std::int32_t>(from + 4)};
  }
  friend bool operator==(const offset_entry&, const offset_entry&) = default;
};

/// Kafka's `.timeindex`: the largest timestamp so far, and the last offset of the batch it is in.
struct time_entry {
  static constexpr std::size_t bytes_each = 12;
  std::int64_t time = to_millis(no_timestamp);
  std::int32_t relative = 0;

  void write(char* to) const {
    store_be(to, time);
    store_be(to + 8, relative);
  }
  static time_entry read(const char* from) {
    return {load_be<std::int64_t>(from), load_be<std::int32_t>(from + 8)};
  }
  friend bool operator==(const time_entry&, const time_entry&) = default;
};

template <class Entry>
class sparse_index {
 public:
  sparse_index(disk& on, std::string path) : disk_(&on), path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  /// Entries in file and memory. `corrupt` when the file's size is not a number of entries.
  result<std::size_t> count() {
    PENSTOCK_TRY(load());
    return written_ + pending_.size() / Entry::bytes_each;
  }

  result<Entry> at(std::size_t i) {
    PENSTOCK_TRY(load());
    if (i >= written_) {
      PENSTOCK_ASSERT((i - written_ + 1) * Entry::bytes_each <= pending_.size(), i, written_);
      return Entry::read(pending_.data() + (i - written_) * Entry::bytes_each);
    }
    return read_written(i);
  }

  result<std::optional<Entry>> last() {
    PENSTOCK_ASSIGN(std::size_t entries, count());
    if (entries == 0) return std::optional<Entry>{};
    PENSTOCK_ASSIGN(Entry found, at(entries - 1));
    return std::optional{found};
  }

  /// The last entry for which `fits`, which holds for a prefix of the entries.
  template <class Fits>
  result<std::optional<Entry>> last_that(Fits fits) {
    PENSTOCK_ASSIGN(std::size_t fitting, count_that(fits));
    if (fitting == 0) return std::optional<Entry>{};
    PENSTOCK_ASSIGN(Entry found, at(fitting - 1));
    return std::optional{found};
  }

  /// How many entries `fits` holds for.
  template <class Fits>
  result<std::size_t> count_that(Fits fits) {
    PENSTOCK_ASSIGN(std::size_t entries, count());
    std::size_t low = 0, high = entries;  // fits below low, not from high on
    while (low < high) {
      std::size_t middle = low + (high - low) / 2;
      PENSTOCK_ASSIGN(Entry found, at(middle));
      if (fits(found)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /// Adds an entry in memory; a full block of them goes to the file. An error loses nothing: the
  /// entries stay in memory and the next call tries again.
  result<void> push(const Entry& entry) {
    char raw[Entry::bytes_each];
    entry.write(raw);
    pending_.append(raw, sizeof raw);
    if (pending_.size() < flush_bytes) return {};
    return flush();
  }

  /// Writes what is in memory; makes the file, empty if need be.
  result<void> flush() {
    PENSTOCK_TRY(load());
    if (pending_.empty() && exists_ && !ragged_) return {};
    PENSTOCK_TRY(open(true));
    if (ragged_) {
      PENSTOCK_TRY(file_->truncate(written_ * Entry::bytes_each));
    }
    ragged_ = true;
    PENSTOCK_TRY(file_->write_at(written_ * Entry::bytes_each, pending_));
    ragged_ = false;
    written_ += pending_.size() / Entry::bytes_each;
    bytes{}.swap(pending_);
    return {};
  }

  result<void> flush_and_sync() {
    PENSTOCK_TRY(flush());
    PENSTOCK_TRY(open(true));
    return file_->sync();
  }

  /// Keeps the first `entries`, in memory and file.
  result<void> keep(std::size_t entries) {
    PENSTOCK_TRY(load());
    if (entries >= written_ && !ragged_) {
      pending_.resize(std::min(pending_.size(), (entries - written_) * Entry::bytes_each));
      return {};
    }
    PENSTOCK_TRY(open(true));
    const std::size_t in_file = std::min(entries, written_);
    PENSTOCK_TRY(file_->truncate(in_file * Entry::bytes_each));
    written_ = in_file;
    ragged_ = false;
    pending_.resize(std::min(pending_.size(), (entries - in_file) * Entry::bytes_each));
    return {};
  }

  /// Starts again from nothing, whatever the file holds.
  result<void> restart() {
    pending_.clear();
    written_ = 0;
    PENSTOCK_TRY(open(true));
    PENSTOCK_TRY(file_->truncate(0));
    ragged_ = false;
    loaded_ = true;
    return {};
  }

  /// Gives up the open file; it is opened again when it is needed.
  void release() { file_.reset(); }

 private:
  static constexpr std::size_t flush_bytes = 512 / Entry::bytes_each * Entry::bytes_each;

  result<void> open(bool write) {
    if (file_ && (writable_ || !write)) return {};
    // Reading must work on a disk that cannot be written.
    PENSTOCK_ASSIGN(file_, disk_->open(path_, write ? open_mode::create : open_mode::read));
    writable_ = write;
    exists_ = true;
    return {};
  }

  result<void> load() {
    if (loaded_) return {};
    auto opened = open(false);
    if (!opened && opened.error() != errc::not_found) return std::move(opened).error();
    exists_ = opened.has_value();
    if (exists_) {
      PENSTOCK_ASSIGN(std::uint64_t size, file_->size());
      if (size % Entry::bytes_each != 0) {
        return error{errc::corrupt, path_ + " has " + std::to_string(size) +
                                        " bytes, not a multiple of " +
                                        std::to_string(Entry::bytes_each)};
      }
      written_ = static_cast<std::size_t>(size / Entry::bytes_each);
    }
    loaded_ = true;
    return {};
  }

  result<Entry> read_written(std::size_t i) {
    PENSTOCK_TRY(open(false));
    char raw[Entry::bytes_each];
    PENSTOCK_ASSIGN(std::size_t got, file_->read_at(i * Entry::bytes_each, raw, sizeof raw));
    if (got == sizeof raw) return Entry::read(raw);
    return error{errc::corrupt,
                 path_ + " is shorter than it was: entry " + std::to_string(i) + " is gone"};
  }

  disk* disk_;
  std::string path_;
  std::shared_ptr<file> file_;
  bytes pending_;  // entries that are not in the file yet
  std::size_t written_ = 0;
  bool writable_ = false;
  bool loaded_ = false;
  bool exists_ = false;
  bool ragged_ = false;  // a failed write may have left bytes behind the last entry
};

}  // namespace penstock
