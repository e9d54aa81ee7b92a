// How fast are event-time windows? 10 M events of 10,000 keys (Zipf), sum and count per key in
// windows of 10 s, a quarter of the events up to 2 s late: beside a hand-written loop over integers
// in memory, and beside what other engines took for the same on one core (figures from another
// run, in README.md).
//   bench_windows [ROUNDS]
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <array>
#include <deque>
#include <limits>
#include <penstock/penstock.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.hpp"
#include "bench/support/workload.hpp"

namespace penstock::bench {
namespace {

constexpr std::size_t total = 10'000'000;
constexpr std::size_t key_count = 10'000;
constexpr std::int64_t window_ms = 10'000, disorder_ms = 2'000, events_per_ms = 100;

using reading = std::pair<std::int64_t, std::int64_t>;  // milliseconds, value
using totals = std::pair<std::int64_t, std::uint64_t>;  // sum, count

const topic<std::uint64_t, reading> readings{"readings"};
const topic<std::uint64_t, windowed<totals>> sums{"sums"};

topology windows() {
  topology t{"windows"};
  t.from(readings)
      .event_time(
          "time", [](const reading& r) { return from_millis(r.first); },
          out_of_order{duration{disorder_ms}})
      .window(tumbling{duration{window_ms}, no_grace})
      .aggregate("sum-and-count", totals{},
                 [](totals& held, const reading& r) {
                   held.first += r.second;
                   ++held.second;
                 })
      .on_close(never_idle)
      .to(sums);
  return t;
}

struct event {
  std::int64_t time;
  std::uint64_t key;
  std::int64_t value;
};

std::vector<event> make_events() {
  random chance{3};
  const zipf ranks{key_count};
  std::vector<event> made;
  made.reserve(total);
  for (std::size_t i = 0; i < total; ++i) {
    auto time = static_cast<std::int64_t>(i) / events_per_ms;
    if (chance.below(4) == 0) time -= static_cast<std::int64_t>(chance.below(disorder_ms + 1));
    // The ranks scattered: two primes, so that keys stay apart.
    made.push_back({std::max<std::int64_t>(time, 0), ranks.draw(chance) * 7919 % 10'007,
                    static_cast<std::int64_t>(chance.below(1'000'000))});
  }
  return made;
}

/// The same by hand: integers in memory, a flat hash map per open window, closed by a watermark.
std::size_t windows_by_hand(const std::vector<event>& all) {
  struct window {
    std::int64_t start;
    absl::flat_hash_map<std::uint64_t, totals> keys;
  };
  std::deque<window> open;
  std::int64_t newest = 0;
  std::size_t closed = 0;
  std::int64_t check = 0;
  const auto close_until = [&](std::int64_t watermark) {
    while (!open.empty() && open.front().start + window_ms <= watermark) {
      for (const auto& [key, sum] : open.front().keys) {
        check += sum.first;
        ++closed;
      }
      open.pop_front();
    }
  };
  for (const event& e : all) {
    const std::int64_t start = e.time - e.time % window_ms;
    if (open.empty() || open.back().start < start) {
      open.push_back({start, {}});
      open.back().keys.reserve(key_count);
    }
    auto at = open.end() - 1;
    while (at->start > start) --at;
    totals& sum = at->keys[e.key];
    sum.first += e.value;
    ++sum.second;
    if (e.time > newest) {
      newest = e.time;
      close_until(newest - disorder_ms);
    }
  }
  close_until(std::numeric_limits<std::int64_t>::max());
  return check == 0 ? 0 : closed;
}

std::size_t windows_by_engine(const plan& p, const input& in, std::size_t batches_per_commit) {
  no_output out;
  const auto runner = runner_of(p, 0, out);
  std::size_t since_commit = 0;
  for (const bytes& raw : in.batches) {
    feed(*runner, raw);
    if (++since_commit != batches_per_commit) continue;
    commit(*runner);
    since_commit = 0;
  }
  runner->close_windows().value();
  return out.records;
}

void bench_windows(int rounds) {
  const auto events = make_events();
  input_writer writer;
  bytes key, value;
  for (const event& e : events) {
    writer.add(from_millis(e.time), encoded(e.key, key), encoded(reading{e.time, e.value}, value));
  }
  const input in = writer.finish();
  const plan p = windows().plan();
  const std::size_t wanted = windows_by_hand(events);
  const auto timed = [&](auto&& f) {
    const double before = thread_cpu_seconds();
    const std::size_t got = f();
    const double took = thread_cpu_seconds() - before;
    if (got != wanted) die(fmt::format("{} windows were closed, not {}", got, wanted));
    return took * 1e6 / static_cast<double>(total);
  };
  const std::size_t per_commit = in.batches.size() / 10;
  const auto us = take_turns(
      rounds, {
                  [&] { return timed([&] { return windows_by_hand(events); }); },
                  [&] { return timed([&] { return windows_by_engine(p, in, 0); }); },
                  [&] { return timed([&] { return windows_by_engine(p, in, per_commit); }); },
              });
  report("windows: hand-written loop over integers, us/event", us[0]);
  report("windows: engine from batches beside it, us/event", us[1], us[0], std::nullopt);
  report("windows: with a commit every M events, us/event", us[2], us[0], std::nullopt);
  // Machines differ, so all are measured in loops: what the same loop took where they ran.
  constexpr double loop_us_there = .010;
  struct other {
    const char* name;
    double us;
  };
  samples in_loops;
  for (std::size_t i = 0; i < us[0].values.size(); ++i)
    in_loops.values.push_back(us[1].values[i] / us[0].values[i]);
  for (const auto& [name, theirs] :
       {other{"Flink 2.3", .475}, other{"Hazelcast Jet 5.7", .319}, other{"WindFlow", .520}}) {
    report(fmt::format("windows: beside {} (another run), loops/event", name), in_loops,
           samples{{theirs / loop_us_there}}, ratio_at_most(0.2));
  }
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  penstock::bench::bench_windows(penstock::bench::rounds_from(argc, argv));
}
