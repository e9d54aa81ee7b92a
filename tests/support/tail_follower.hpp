#pragma once
/// A `tail_reader` over files in memory, and lines that tests write into them.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "streams/connect/tail_reader.hpp"
#include "tests/support/memory_files.hpp"

namespace penstock::test {

using strings = std::vector<std::string>;

/// A line long enough that a file of a few of them is known again.
inline std::string line(int n) {
  return "2026-05-17T10:05:03Z request " + std::to_string(n) + " " + std::string(80, 'x');
}
inline std::string lines(int from, int to) {
  std::string text;
  for (int n = from; n < to; ++n) text += line(n) + "\n";
  return text;
}
inline strings listed(int from, int to) {
  strings all;
  for (int n = from; n < to; ++n) all.push_back(line(n));
  return all;
}

/// A reader that may be stopped and started again at what it had committed.
struct follower {
  explicit follower(memory_files& on, std::string glob = "/log/a*") : files(on) {
    settings.glob = std::move(glob);
    start();
  }
  void start() {
    reader = std::make_unique<tail_reader>(settings, files);
    std::vector<tail_position> known;
    for (const auto& [number, position] : positions) known.push_back(position);
    reader->restore(std::move(known));
  }
  void look(std::size_t budget = 1 << 20, bool last = false) {
    now += std::chrono::milliseconds{250};
    reader->scan(wall + std::chrono::duration_cast<duration>(now), now, last);
    while (reader->read(budget, now, take())) {
    }
    keep_notices();
  }
  void keep_notices() {
    for (auto& each : reader->take_notices()) notices.push_back(each);
  }
  tail_reader::emit_function take() {
    return [this](const std::string& key, std::string_view text) {
      fresh.emplace_back(text);
      keys.insert(key);
    };
  }
  void commit() {
    for (auto& each : reader->take_changed()) positions[each.number] = each;
    for (const auto number : reader->take_forgotten()) positions.erase(number);
    given.insert(given.end(), fresh.begin(), fresh.end());
    fresh.clear();
  }
  void crash() {
    fresh.clear();
    start();
  }
  /// Lines since the last call, committed.
  strings taken() {
    commit();
    return std::exchange(given, {});
  }
  strings looked() {
    look();
    return taken();
  }
  void wait(std::chrono::nanoseconds span) { now += span; }

  memory_files& files;
  tail_settings settings;
  std::unique_ptr<tail_reader> reader;
  std::map<std::uint64_t, tail_position> positions;
  strings fresh;
  strings given;
  strings notices;
  std::set<std::string> keys;
  timestamp wall = from_millis(1'700'000'000'000);
  std::chrono::nanoseconds now{0};
};

}  // namespace penstock::test
