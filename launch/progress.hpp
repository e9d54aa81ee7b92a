// How a job is doing, for the person who started it: one line that is refreshed on a terminal,
// plain lines every few seconds otherwise. To stderr, because stdout belongs to `print` steps.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "actors/messages/messages.hpp"

namespace penstock {

class progress {
 public:
  /// `quiet`: says nothing.
  progress(std::string topology, bool quiet);

  /// The newest numbers, at monotonic time `now`. Prints when it is time; while the node is gone
  /// numbers say nothing, and `missing` names it.
  void update(const job_reply& reply, std::chrono::nanoseconds now, std::string_view missing = {});

  /// The last word, with totals.
  void finish(const job_reply& reply, std::chrono::nanoseconds now);

 private:
  std::string line(wire::JobReply::Reader job, std::chrono::nanoseconds now);
  void clear_line();

  std::string topology_;
  bool quiet_;
  bool terminal_;
  bool dirty_ = false;  // a refreshed line is on the screen
  std::chrono::nanoseconds started_{-1};
  std::chrono::nanoseconds printed_{0};
  std::chrono::nanoseconds counted_{0};
  std::uint64_t counted_records_ = 0;
};

/// What each connector has done, " · access 1,234 · alerts 10 (down for 5 s: …)"; empty without.
std::string connectors_line(wire::JobReply::Reader job);

/// "12,345,678".
std::string with_commas(std::uint64_t number);

}  // namespace penstock
