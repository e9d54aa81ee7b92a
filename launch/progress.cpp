#include "launch/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "streams/base/clock.hpp"
#include "streams/base/time.hpp"

namespace penstock {

std::string with_commas(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string connectors_line(wire::JobReply::Reader job) {
  std::string line;
  const auto wall = to_millis(machine_clock().now());
  for (auto each : job.getConnectors()) {
    const auto n = each.getNumbers();
    line += fmt::format(" · {} {}", view(each.getName()), with_commas(n.getRecords()));
    if (!each.getSource() && n.getWaiting() > 0)
      line += fmt::format(" ({} waiting)", with_commas(n.getWaiting()));
    if (n.getDropped() > 0) line += fmt::format(" ({} dropped)", with_commas(n.getDropped()));
    if (each.getDownSinceMs() >= 0)
      line += fmt::format(" (down for {} s: {})",
                          std::max<std::int64_t>(0, wall - each.getDownSinceMs()) / 1000,
                          view(each.getDownWhy()));
  }
  return line;
}

progress::progress(std::string topology, bool quiet)
    : topology_(std::move(topology)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

std::string progress::line(wire::JobReply::Reader job, std::chrono::nanoseconds now) {
  const auto n = job.getNumbers();
  const auto span = std::chrono::duration<double>(now - counted_).count();
  // A restarted task counts anew: a rate is never negative.
  const auto fresh = n.getRecordsIn() > counted_records_ ? n.getRecordsIn() - counted_records_ : 0;
  const auto rate = span > 0 ? static_cast<std::uint64_t>(static_cast<double>(fresh) / span) : 0;
  counted_ = now;
  counted_records_ = n.getRecordsIn();
  const std::string state{view(job.getState())};
  if (n.getRecordsIn() == 0 && n.getRestored() > 0)
    return fmt::format("{}: {} · restored {} changes", topology_, state,
                       with_commas(n.getRestored()));
  return fmt::format("{}: {} · {} records in, {} out · {}/s · lag {} · late {} · bad {}{}",
                     topology_, state, with_commas(n.getRecordsIn()),
                     with_commas(n.getRecordsOut()), with_commas(rate), with_commas(n.getLag()),
                     with_commas(n.getLate()), with_commas(n.getBad()), connectors_line(job));
}

void progress::update(const job_reply& reply, std::chrono::nanoseconds now,
                      std::string_view missing) {
  if (quiet_) return;
  if (started_.count() < 0) started_ = printed_ = counted_ = now;
  if (now - printed_ < (terminal_ ? 500ms : 5s)) return;
  printed_ = now;
  auto job = reply.open();
  const auto text = missing.empty()
                        ? line(*job, now)
                        : fmt::format("{}: waiting · no node answers at {}", topology_, missing);
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  dirty_ = true;
}

void progress::clear_line() {
  if (dirty_) std::fputs("\r\x1b[K", stderr);
  dirty_ = false;
}

void progress::finish(const job_reply& reply, std::chrono::nanoseconds now) {
  if (quiet_) return;
  clear_line();
  auto job = reply.open();
  const auto n = job->getNumbers();
  const auto span =
      started_.count() < 0 ? 0.0 : std::chrono::duration<double>(now - started_).count();
  std::fprintf(stderr, "%s\n",
               (fmt::format("{}: {} after {:.1f} s · {} records in, {} out · late {} · bad {}",
                            topology_, view(job->getState()), span, with_commas(n.getRecordsIn()),
                            with_commas(n.getRecordsOut()), with_commas(n.getLate()),
                            with_commas(n.getBad())) +
                connectors_line(*job))
                   .c_str());
}

}  // namespace penstock
