// What the engine costs over hand-written loops: nanoseconds of processor time per record, medians
// of several runs with all variants taking turns, so that a noisy neighbour disturbs them alike.
// Everything runs on one thread and in memory; the engine reads real record batches.
//   bench_operators [RUNS]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "dsl/words.hpp"
#include "streams/base/random.hpp"
#include "streams/record/batch.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {
namespace {

constexpr std::size_t batch_bytes = std::size_t{64} << 10;

/// Input as a task gets it: batches with offsets.
struct input {
  std::vector<bytes> batches;
  std::size_t records = 0;
};

class input_writer {
 public:
  void add(timestamp time, std::optional<bytes_view> key, std::optional<bytes_view> value) {
    builder_.add(time, key, value);
    ++made_.records;
    if (builder_.size() >= batch_bytes) close();
  }
  input finish() {
    close();
    return std::move(made_);
  }

 private:
  void close() {
    if (builder_.empty()) return;
    const auto base = static_cast<offset_t>(made_.records) - builder_.count();
    made_.batches.emplace_back(builder_.finish(base));
  }
  batch_builder builder_;
  input made_;
};

/// Output that goes nowhere.
struct no_output final : task_output {
  void emit(std::int32_t, const emitted& out) override { bytes_seen += out.value->size(); }
  void print(std::string_view) override {}
  std::size_t bytes_seen = 0;
};

/// Output of a hop: partitioned into batches, as the task actor does it.
struct hop_output final : task_output {
  explicit hop_output(std::size_t partitions) : builders(partitions), full(partitions) {}
  void emit(std::int32_t, const emitted& out) override {
    const auto p = static_cast<std::size_t>(
        partition_of_key(*out.key, static_cast<std::int32_t>(builders.size())));
    builders[p].add(out.time, out.key, out.value, out.headers);
    if (builders[p].size() >= batch_bytes) full[p].emplace_back(builders[p].finish());
  }
  void print(std::string_view) override {}
  void close() {
    for (std::size_t p = 0; p < builders.size(); ++p) {
      if (!builders[p].empty()) full[p].emplace_back(builders[p].finish());
    }
  }
  std::vector<batch_builder> builders;
  std::vector<std::vector<bytes>> full;
};

void feed(task_runner& to, const input& from) {
  for (const bytes& raw : from.batches) {
    const auto batch = batch_view::parse(raw).value();
    to.process(0, batch, 0).value();
  }
}

std::unique_ptr<task_runner> runner_of(const plan& p, std::int32_t part, task_output& out) {
  runner_settings settings;
  settings.time = &machine_clock();
  settings.upstream_tasks = {part == 0 ? 0 : 1};
  return p.make_runner(part, 0, settings, out);
}

/// A commit as the task makes it, without the disk.
std::size_t commit(task_runner& r) {
  static batch_builder changes;
  r.flush().value();
  r.take_changes(changes);
  return changes.finish().size();
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_of(const std::function<void()>& f) {
  const double before = cpu_seconds();
  f();
  return cpu_seconds() - before;
}

struct variant {
  std::string name;
  std::function<void()> run;
  std::vector<double> ns = {};

  double median() {
    std::sort(ns.begin(), ns.end());
    return ns[ns.size() / 2];
  }
};

void measure(std::string_view title, std::size_t records, std::vector<variant> variants, int runs) {
  for (int i = 0; i < runs; ++i) {
    for (variant& v : variants) {
      v.ns.push_back(seconds_of(v.run) * 1e9 / static_cast<double>(records));
    }
  }
  fmt::print("{} ({} records)\n", title, records);
  const double base = variants.front().median();
  for (variant& v : variants) {
    fmt::print("  {:<44} {:>8.2f} ns  {:>6.2f} M/s  {:>5.2f} x\n", v.name, v.median(),
               1e3 / v.median(), v.median() / base);
  }
}

/// Draws ranks with probability 1 / rank.
class zipf {
 public:
  explicit zipf(std::size_t n) : sums_(n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sums_[i] = sum += 1.0 / static_cast<double>(i + 1);
  }
  std::size_t draw(random& chance) const {
    const double at = static_cast<double>(chance.next() >> 11) * 0x1.0p-53 * sums_.back();
    return static_cast<std::size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) -
                                    sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

// ---- word count: 100,000 words by Zipf's law, 14 to a line -------------------------------------

const topic<no_key, std::string> lines{"lines", format::text};
const topic<std::string, std::uint64_t> counts{"counts"};

topology word_count() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", [](const std::string& line) { return words{line}; })
      .key_by("by-word", [](std::string_view word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

std::vector<std::string> make_lines(std::size_t words_wanted) {
  random chance{1};
  std::vector<std::string> vocabulary;
  for (int i = 0; i < 100'000; ++i) {
    std::string word;
    const auto length = 3 + chance.below(8);
    for (std::uint64_t c = 0; c < length; ++c) {
      word += static_cast<char>('a' + static_cast<char>(chance.below(26)));
    }
    vocabulary.push_back(std::move(word));
  }
  const zipf ranks{vocabulary.size()};
  std::vector<std::string> made;
  for (std::size_t i = 0; i < words_wanted; i += 14) {
    std::string line;
    for (int w = 0; w < 14; ++w) line += (w == 0 ? "" : " ") + vocabulary[ranks.draw(chance)];
    made.push_back(std::move(line));
  }
  return made;
}

/// The loop that facts are measured against: flat hash map, views, no allocation per word.
std::size_t count_by_hand(const std::vector<std::string>& text) {
  absl::flat_hash_map<std::string_view, std::uint64_t, detail::key_hash, std::equal_to<>> table;
  for (const std::string& line : text) {
    const char* at = line.data();
    const char* const end = at + line.size();
    while (at != end) {
      while (at != end && *at == ' ') ++at;
      const char* const begin = at;
      while (at != end && *at != ' ') ++at;
      if (begin != at) ++table[{begin, static_cast<std::size_t>(at - begin)}];
    }
  }
  return table.size();
}

void bench_word_count(int runs) {
  const auto text = make_lines(2'800'000);
  const std::size_t word_total = text.size() * 14;
  input_writer writer;
  for (const std::string& line : text) writer.add(from_millis(0), std::nullopt, line);
  const input in = writer.finish();

  const plan fused = word_count().plan({.single_partition = true});
  const plan moved = word_count().plan();
  static std::size_t sink = 0;
  measure("word count, 100 k words by Zipf, per word", word_total,
          {{"hand-written loop", [&] { sink += count_by_hand(text); }},
           {"engine, no hop",
            [&] {
              no_output out;
              const auto r = runner_of(fused, 0, out);
              feed(*r, in);
            }},
           {"engine, no hop, one commit at the end",
            [&] {
              no_output out;
              const auto r = runner_of(fused, 0, out);
              feed(*r, in);
              sink += commit(*r);
            }},
           {"engine, hop through batches, 4 partitions",
            [&] {
              hop_output hop{4};
              const auto up = runner_of(moved, 0, hop);
              feed(*up, in);
              hop.close();
              for (const auto& partition : hop.full) {
                no_output out;
                const auto down = runner_of(moved, 1, out);
                for (const bytes& raw : partition) {
                  const auto batch = batch_view::parse(raw).value();
                  down->process(0, batch, 0).value();
                }
              }
            }}},
          runs);
}

// ---- stateless steps ---------------------------------------------------------------------------

const topic<no_key, std::uint64_t> numbers{"numbers"};
const topic<no_key, std::uint64_t> results{"results"};

topology chain(int steps) {
  topology t{"chain"};
  auto s = t.from(numbers);
  for (int i = 0; i < steps; ++i) {
    s = s.map("m" + std::to_string(i), [](std::uint64_t n) { return n * 3 + 1; });
  }
  s.filter("none", [](std::uint64_t n) { return n == 0; }).to(results);
  return t;
}

void bench_steps(int runs) {
  input_writer writer;
  bytes scratch;
  for (std::uint64_t i = 0; i < 4'000'000; ++i) {
    writer.add(from_millis(0), std::nullopt, encoded(i, scratch));
  }
  const input in = writer.finish();
  std::vector<variant> variants;
  static std::vector<plan> plans;
  plans.reserve(4);
  for (const int steps : {0, 1, 5, 10}) {
    plans.push_back(chain(steps).plan());
    variants.push_back({fmt::format("{} maps and a filter", steps), [&in, p = &plans.back()] {
                          no_output out;
                          const auto r = runner_of(*p, 0, out);
                          feed(*r, in);
                        }});
  }
  measure("stateless chain, per record", in.records, std::move(variants), runs);
}

// ---- event-time windows: 10,000 keys, 10 s windows, 2 s disorder ------------------------------

const topic<std::string, std::uint64_t> events{"events"};
const topic<std::string, windowed<std::uint64_t>> sums{"sums"};

topology windows() {
  topology t{"windows"};
  t.from(events)
      .event_time(
          "time", [](std::uint64_t ms) { return from_millis(static_cast<std::int64_t>(ms)); },
          out_of_order{2s})
      .window(tumbling{10s, no_grace})
      .count("per-key")
      .on_close(never_idle)
      .to(sums);
  return t;
}

struct event {
  std::uint32_t key;
  std::int64_t time;
};

/// The same by hand: keys are numbers already, one array per open window.
std::uint64_t windows_by_hand(const std::vector<event>& all, std::size_t keys) {
  struct window {
    std::int64_t start = -1;
    std::vector<std::uint64_t> counts;
  };
  std::array<window, 4> open;
  std::int64_t seen = 0;
  std::uint64_t out = 0;
  for (const event& e : all) {
    seen = std::max(seen, e.time);
    const std::int64_t start = e.time / 10'000 * 10'000;
    window& w = open[static_cast<std::size_t>(start / 10'000) % open.size()];
    if (w.start != start) {
      for (const std::uint64_t n : w.counts) out += n;
      w.start = start;
      w.counts.assign(keys, 0);
    }
    ++w.counts[e.key];
  }
  return out;
}

void bench_windows(int runs) {
  constexpr std::size_t total = 4'000'000, keys = 10'000;
  random chance{2};
  std::vector<event> all;
  for (std::size_t i = 0; i < total; ++i) {
    // 50,000 events a second of event time, up to 2 s out of order.
    const auto time = static_cast<std::int64_t>(i / 50 + 2000 - chance.below(2000));
    all.push_back({static_cast<std::uint32_t>(chance.below(keys)), time});
  }
  input_writer writer;
  bytes scratch;
  for (const event& e : all) {
    const std::string key = "key-" + std::to_string(e.key);
    writer.add(from_millis(e.time), key, encoded(static_cast<std::uint64_t>(e.time), scratch));
  }
  const input in = writer.finish();
  const plan p = windows().plan();
  static std::uint64_t sink = 0;
  measure("event-time windows, 10 k keys, 10 s, 2 s disorder, per event", total,
          {{"hand-written loop over integers", [&] { sink += windows_by_hand(all, keys); }},
           {"engine from batches, string keys",
            [&] {
              no_output out;
              const auto r = runner_of(p, 0, out);
              feed(*r, in);
              sink += out.bytes_seen;
            }}},
          runs);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  penstock::bench_steps(runs);
  penstock::bench_word_count(runs);
  penstock::bench_windows(runs);
}
