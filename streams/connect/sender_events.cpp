#include "streams/connect/sender_events.hpp"

namespace penstock {

void sender_events::forget(place at) {
  places_.erase(at->sender);
  waiting_.erase(at);
}

void sender_events::end_first(const emit_function& emit) {
  auto& first = waiting_.front();
  bytes_ -= first.lines.pending_bytes();
  first.lines.finish([&](std::string_view event) { emit(first.sender, event); });
  forget(waiting_.begin());
}

void sender_events::add(const std::string& sender, std::string_view line,
                        std::chrono::nanoseconds now, const emit_function& emit) {
  const auto [known, fresh] = places_.try_emplace(sender);
  if (fresh)
    known->second = waiting_.insert(waiting_.end(), {sender, like_});
  else
    waiting_.splice(waiting_.end(), waiting_, known->second);
  auto& lines = waiting_.back().lines;
  bytes_ -= lines.pending_bytes();
  lines.add(line, now, [&](std::string_view event) { emit(sender, event); });
  bytes_ += lines.pending_bytes();
  if (lines.pending_lines() == 0) forget(std::prev(waiting_.end()));
  while (waiting_.size() > senders_max_ || (bytes_ > bytes_max_ && !waiting_.empty()))
    end_first(emit);
}

void sender_events::tick(std::chrono::nanoseconds now, const emit_function& emit) {
  while (!waiting_.empty()) {
    auto& first = waiting_.front();
    const auto held = first.lines.pending_bytes();
    first.lines.tick(now, [&](std::string_view event) { emit(first.sender, event); });
    if (first.lines.pending_lines() > 0) return;  // so the others have not waited long enough
    bytes_ -= held;
    forget(waiting_.begin());
  }
}

void sender_events::finish(const emit_function& emit) {
  while (!waiting_.empty()) end_first(emit);
}

}  // namespace penstock
