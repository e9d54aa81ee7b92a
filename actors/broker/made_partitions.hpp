// Which partitions have been made: a small file in the data directory, replaced atomically, so that
// a folder that somebody removed can be told from one that a crash kept from being made. The node
// owns it and writes it when all of a topic's new partitions have opened; `penstock log verify`
// reads it. docs/formats/log-folder.md has an example.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "streams/base/disk.hpp"
#include "streams/base/result.hpp"
#include "streams/topic/metadata.hpp"

namespace penstock {

class made_partitions {
 public:
  struct topic {
    std::string name;
    std::int32_t count = 0;  // partitions 0 to count - 1 were made
    friend bool operator==(const topic&, const topic&) = default;
  };
  using topics = std::map<topic_id, topic>;

  explicit made_partitions(topics all = {}) : all_(std::move(all)) {}

  /// The directory's list; empty when it has none. `corrupt` for damaged text,
  /// `unsupported_version` for that of a newer Penstock.
  static result<made_partitions> read(disk& on, const std::string& directory);
  result<void> write(disk& on, const std::string& directory) const;

  bool has(const topic_id& id, std::int32_t partition) const;
  const topics& all() const { return all_; }

  friend bool operator==(const made_partitions&, const made_partitions&) = default;

 private:
  topics all_;
};

bytes encode(const made_partitions& made);
result<made_partitions> decode_made_partitions(bytes_view text, const std::string& name);

}  // namespace penstock
