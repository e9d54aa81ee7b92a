#include "streams/log/epochs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace penstock {

epoch_t leader_epochs::at(offset_t offset) const {
  epoch_t found = starts_.empty() || starts_.front().second > offset ? 0 : starts_.front().first;
  for (const auto& [epoch, start] : starts_) {
    if (start > offset) break;
    found = epoch;
  }
  return found;
}

void leader_epochs::begin(epoch_t epoch, offset_t offset) {
  PENSTOCK_ASSERT(epoch > latest() || starts_.empty(), epoch, latest());
  truncate_to(offset);  // epochs that never wrote anything
  starts_.emplace_back(epoch, offset);
}

std::pair<epoch_t, offset_t> leader_epochs::end_of(epoch_t epoch, offset_t start_offset,
                                                   offset_t end_offset) const {
  if (epoch >= latest()) return {latest(), end_offset};
  auto above = std::find_if(starts_.begin(), starts_.end(),
                            [&](const auto& start) { return start.first > epoch; });
  epoch_t ended = above == starts_.begin() ? 0 : std::prev(above)->first;
  return {std::min(ended, epoch), std::max(above->second, start_offset)};
}

void leader_epochs::truncate_to(offset_t offset) {
  while (!starts_.empty() && starts_.back().second >= offset) starts_.pop_back();
}

bytes leader_epochs::encode() const {
  bytes text = fmt::format("0\n{}\n", starts_.size());
  for (const auto& [epoch, start] : starts_) text += fmt::format("{} {}\n", epoch, start);
  return text;
}

result<leader_epochs> leader_epochs::decode(bytes_view text, const std::string& name) {
  std::istringstream in{bytes{text}};
  int version = -1;
  std::size_t count = 0;
  in >> version >> count;
  // Kafka has had version 0 only, without a checksum, and the records say the same: whatever else
  // stands there is damage and is rebuilt.
  leader_epochs found;
  bool sound = in && version == 0 && count <= text.size();
  for (std::size_t i = 0; sound && i < count; ++i) {
    epoch_t epoch = 0;
    offset_t start = 0;
    in >> epoch >> start;
    sound = in && epoch >= 0 && start >= 0 &&
            (found.starts_.empty() ||
             (epoch > found.starts_.back().first && start >= found.starts_.back().second));
    if (sound) found.starts_.emplace_back(epoch, start);
  }
  std::string more;
  if (!sound || in >> more) return error{errc::corrupt, name + " is damaged"};
  return found;
}

}  // namespace penstock
