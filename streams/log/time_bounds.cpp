#include "streams/log/time_bounds.hpp"

#include <fmt/format.h>

namespace penstock {

result<void> check_times(const batch_view& batch, const batch_facts& facts,
                         const log_settings& settings, timestamp node_time) {
  if (settings.time_type != timestamp_type::create_time || batch.is_control()) return {};
  const auto now = to_millis(node_time);
  const auto refused = [&](std::int64_t time, std::uint64_t by, bool ahead, duration most) {
    return error{errc::bad_record, fmt::format("the time of a record, {}, is {} ms {} the node's: "
                                               "message.timestamp.{}.max.ms is {}",
                                               time, by, ahead ? "ahead of" : "behind",
                                               ahead ? "after" : "before", most.count())};
  };
  // Any two times may lie further apart than a signed number holds.
  const auto between = [](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  };
  const auto beyond = [](std::uint64_t by, duration most) {
    return by > static_cast<std::uint64_t>(most.count());
  };
  const auto newest = to_millis(facts.max_time);
  if (newest > now && beyond(between(now, newest), settings.time_ahead_max))
    return refused(newest, between(now, newest), true, settings.time_ahead_max);
  if (settings.time_behind_max == duration::max()) return {};
  // Few topics ask for it, so it has a pass over the records of its own.
  batch_cursor records;
  PENSTOCK_TRY(records.open(batch));
  for (record_view record;;) {
    PENSTOCK_ASSIGN(const bool more, records.next(record));
    if (!more) return {};
    if (record.time == no_timestamp) continue;  // it says nothing, as with Kafka
    const auto time = to_millis(record.time);
    if (time < now && beyond(between(time, now), settings.time_behind_max))
      return refused(time, between(time, now), false, settings.time_behind_max);
  }
}

}  // namespace penstock
