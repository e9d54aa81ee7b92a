// Events of several lines from senders whose lines come mixed, such as datagrams: lines of one
// sender belong together, in the order in which they came. Bounded: when there are too many
// senders, or too much waits, the event that has waited longest is given as it is. Pure; owned by
// the socket that the lines come from.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "streams/logs/multiline.hpp"

namespace penstock {

class sender_events {
 public:
  /// Gets an event; what it is given lives until it returns.
  using emit_function = std::function<void(const std::string& sender, std::string_view event)>;

  /// `like`: without lines; copied for each sender.
  sender_events(logs::event_assembler like, std::size_t senders_max, std::size_t bytes_max)
      : like_(std::move(like)), senders_max_(senders_max), bytes_max_(bytes_max) {}

  /// As of `logs::event_assembler`.
  void add(const std::string& sender, std::string_view line, std::chrono::nanoseconds now,
           const emit_function& emit);
  void tick(std::chrono::nanoseconds now, const emit_function& emit);
  void finish(const emit_function& emit);

  /// Senders with an event that is not complete, and the bytes of those events.
  std::size_t senders() const { return waiting_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct waiting {
    std::string sender;
    logs::event_assembler lines;
  };
  using place = std::list<waiting>::iterator;

  void end_first(const emit_function& emit);
  void forget(place at);

  logs::event_assembler like_;
  std::size_t senders_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<waiting> waiting_;  // whose last line is oldest first
  absl::flat_hash_map<std::string, place> places_;
};

}  // namespace penstock
