// The actor that owns one partition's log and puts appends in order. It answers an append when the
// flush policy says so, parks fetches until there is data, and runs retention and compaction by
// timer. Its log is opened at the first request. When its log fails it goes offline: every request
// is answered with the reason, nothing else is affected.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>
#include <string>
#include <string_view>

#include "actors/broker/writer.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/opaque.hpp"
#include "actors/messages/transactions.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "streams/base/ids.hpp"
#include "streams/log/settings.hpp"

namespace penstock {

using partition_actor =
    caf::typed_actor<caf::replies_to<append_request>::with<append_reply>,
                     caf::replies_to<open_source_request>::with<open_source_reply>,
                     caf::replies_to<fetch_request>::with<fetch_reply>,
                     caf::replies_to<watch_request>::with<fetch_reply>,
                     caf::replies_to<list_offsets_request>::with<list_offsets_reply>,
                     caf::replies_to<delete_records_request>::with<delete_records_reply>,
                     caf::replies_to<partition_request>::with<partition_numbers>,
                     caf::replies_to<partition_change>::with<admin_reply>,
                     caf::replies_to<write_marker>::with<transaction_reply>,
                     caf::replies_to<list_producers>::with<producers_list>, caf::reacts_to<tick>>;

/// Folders with this ending are on their way out; a starting node removes them.
inline constexpr std::string_view removed_folder_suffix = ".deleted";

struct partition_config {
  topic_partition id;
  std::string folder;
  std::string topic_id;  // 16 bytes; a folder of another topic of this name is cleared away
  bool made = false;     // the folder was there before: it may not be missing now
  log_settings log;
  disk* on = nullptr;
  const penstock::clock* time = nullptr;
  writer_actor writer;             // somebody waits for its syncs
  writer_actor background_writer;  // for whole segments, which take long
  duration housekeeping = 30s;     // between passes of retention and compaction
  std::size_t parked_fetches_max = 10'000;
  std::uint32_t append_credit_bytes = 4u << 20;
};

partition_actor spawn_partition(caf::actor_system& system, partition_config config);

}  // namespace penstock
