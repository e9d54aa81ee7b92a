// The files of a data directory as they lie there, read without a node and without changing
// anything: partition folders, their segments, the batches in them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/record/batch.hpp"

namespace penstock::tool {

struct partition_folder {
  topic_partition id;
  std::string path;
};

/// "orders-3" as topic and partition; nothing for other names.
std::optional<topic_partition> partition_of_folder(const std::string& name);

/// The folders in a data directory that hold partitions, sorted by topic and number.
result<std::vector<partition_folder>> partition_folders(disk& on, const std::string& directory);

/// The .log files of a partition, in order of their offsets.
result<std::vector<std::string>> segment_files(disk& on, const std::string& folder);

/// Calls `f(position, batch)` for each whole batch of a segment file until it returns false. The
/// checksum is not looked at. Gives the position behind the last batch; `corrupt` naming file and
/// position where no batch can be read. The view lives until `f` returns.
result<std::uint64_t> each_batch(
    disk& on, const std::string& file,
    const std::function<bool(std::uint64_t position, const batch_view& batch)>& f);

}  // namespace penstock::tool
