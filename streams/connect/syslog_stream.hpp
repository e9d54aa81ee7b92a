// What one syslog sender says over a stream: bytes become messages, and messages events where lines
// belong together. Knows nothing of sockets; one object per connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "streams/base/bytes.hpp"
#include "streams/logs/framing.hpp"
#include "streams/logs/multiline.hpp"

namespace penstock {

class syslog_stream {
 public:
  /// Gets a record of the source; valid until it returns.
  using emit_function = std::function<void(std::string_view record)>;

  /// `events`: without lines; none: a message is a record.
  syslog_stream(std::size_t message_bytes_max, std::optional<logs::event_assembler> events)
      : framer_(message_bytes_max), events_(std::move(events)) {}

  /// The next bytes.
  void add(bytes_view data, std::chrono::nanoseconds now, const emit_function& emit) {
    framer_.add(data, [&](std::string_view message) { take(message, now, emit); });
  }

  /// Nothing has come by `now`: gives an event that has waited long enough.
  void tick(std::chrono::nanoseconds now, const emit_function& emit) {
    if (events_) events_->tick(now, emit);
  }

  /// The connection has ended: gives what is left.
  void finish(const emit_function& emit) {
    framer_.finish([&](std::string_view message) { take(message, {}, emit); });
    if (events_) events_->finish(emit);
  }

  /// Whether an event waits for more, or for its time.
  bool waits() const { return events_ && events_->pending_lines() > 0; }

  /// Messages that were given without their end.
  std::uint64_t cut() const { return framer_.cut(); }

 private:
  void take(std::string_view message, std::chrono::nanoseconds now, const emit_function& emit) {
    events_ ? events_->add(message, now, emit) : emit(message);
  }

  logs::syslog_framer framer_;
  std::optional<logs::event_assembler> events_;
};

}  // namespace penstock
