#include "kafka/listener/fetch_session.hpp"

#include <limits>

namespace penstock::kafka {

namespace {

constexpr int by_id_from = 13;  // the first version whose requests name topics by their ids alone
constexpr std::int32_t final_epoch = -1;
constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();

template <class Topic>
std::string name_in(const Topic& topic, int version) {
  return version < by_id_from ? topic.topic : std::string{topic.topic_id.view()};
}

std::int32_t after(std::int32_t number) {
  return number == largest ? 1 : number + 1;
}

}  // namespace

bool session_room::take(std::uint64_t size) {
  if (used_.fetch_add(size) + size <= bytes_max_) return true;
  used_ -= size;
  return false;
}

std::uint64_t fetch_session::size_of(const topic_partition& what) {
  constexpr std::uint64_t nodes = 2 * 4 * sizeof(void*);  // of the list and the map
  return sizeof(reading) + sizeof(topic_partition) + nodes + 2 * what.topic.size();
}

error_code fetch_session::on_request(const fetch_request& request, int version) {
  incremental_ = false;
  const bool begins = request.session_epoch == 0;
  if (begins || request.session_epoch == final_epoch) {
    in_session_ = false;
    if (begins || request.session_id == id_) forget();
    // An empty session would have nothing to leave out.
    if (!begins || request.topics.empty()) return error_code::none;
    by_id_ = version >= by_id_from;
    id_ = after(id_);
    next_epoch_ = 1;
    open_ = in_session_ = add(request, version);
    if (!open_) forget();
    return error_code::none;
  }
  in_session_ = false;
  if (!open_ || request.session_id != id_) return error_code::fetch_session_id_not_found;
  if (request.session_epoch != next_epoch_) return error_code::invalid_fetch_session_epoch;
  if (by_id_ != (version >= by_id_from)) return error_code::fetch_session_topic_id_error;
  next_epoch_ = after(next_epoch_);
  in_session_ = incremental_ = true;
  drop(request, version);
  if (add(request, version)) return error_code::none;
  forget();
  return error_code::fetch_session_id_not_found;
}

bool fetch_session::add(const fetch_request& request, int version) {
  for (const auto& topic : request.topics) {
    const auto name = name_in(topic, version);
    for (const auto& asked : topic.partitions) {
      const topic_partition what{name, asked.partition};
      auto found = places_.find(what);
      if (found == places_.end()) {
        const auto size = size_of(what);
        if (!room_->take(size)) return false;
        taken_ += size;
        all_.push_back({what});
        found = places_.emplace(what, std::prev(all_.end())).first;
      }
      auto& into = *found->second;
      into.offset = asked.fetch_offset;
      into.bytes_max = asked.partition_max_bytes;
      into.leader_epoch = asked.current_leader_epoch;
    }
  }
  return true;
}

void fetch_session::drop(const fetch_request& request, int version) {
  for (const auto& topic : request.forgotten_topics_data) {
    const auto name = name_in(topic, version);
    for (const auto partition : topic.partitions) {
      const auto found = places_.find({name, partition});
      if (found == places_.end()) continue;
      const auto size = size_of(found->first);
      room_->give_back(size);
      taken_ -= size;
      all_.erase(found->second);
      places_.erase(found);
    }
  }
}

void fetch_session::forget() {
  room_->give_back(taken_);
  taken_ = 0;
  places_.clear();
  all_.clear();
  open_ = in_session_ = false;
}

bool fetch_session::tell(const topic_partition& what, error_code code, bool has_records,
                         std::int64_t high_watermark, std::int64_t start) {
  const auto found = places_.find(what);
  if (found == places_.end()) return true;
  auto& known = *found->second;
  const bool wrong = code != error_code::none;
  const bool news = !known.told || has_records || wrong ||
                    known.told_high_watermark != high_watermark || known.told_start != start;
  known.told = !wrong;  // that it is well again is news too
  known.told_high_watermark = high_watermark;
  known.told_start = start;
  if (has_records) all_.splice(all_.end(), all_, found->second);
  return news || !incremental_;
}

}  // namespace penstock::kafka
