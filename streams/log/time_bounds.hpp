// How far the times of records may lie from the node's when they are appended.
#pragma once

#include "streams/log/settings.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// `bad_record` when a record of `batch` is more than `time_ahead_max` ahead of `node_time` or more
/// than `time_behind_max` behind it, with both times; `facts` are those of the batch. Batches that
/// the log stamps itself, and control batches, pass.
result<void> check_times(const batch_view& batch, const batch_facts& facts,
                         const log_settings& settings, timestamp node_time);

}  // namespace penstock
