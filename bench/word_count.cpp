// What does the engine cost over a hand-written loop when it counts words? First in memory on one
// thread, with and without moving the words between partitions; then through durable topics, with
// the programs that users run. Text: 100,000 words by Zipf's law, 12 to a line.
//   bench_word_count [ROUNDS]
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <filesystem>
#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "actors/client/consumer.hpp"
#include "bench/support/report.hpp"
#include "bench/support/topics.hpp"
#include "bench/support/workload.hpp"
#include "launch/embedded_node.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock::bench {
namespace {

constexpr int words_per_line = 12;
constexpr std::size_t vocabulary_size = 100'000;
constexpr std::int32_t hop_partitions = 4;
constexpr std::size_t words_per_commit = 2'000'000;  // about what 100 ms can do

const topic<no_key, std::string> lines{"log-lines", format::text};
const topic<std::string, std::uint64_t> counts{"word-counts"};

topology word_count() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", [](const std::string& line) { return words{line}; })
      .key_by("by-word", [](std::string_view word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

std::string make_text(std::size_t words_wanted) {
  random chance{2};
  absl::flat_hash_set<std::string> seen;
  std::vector<std::string> vocabulary;
  while (vocabulary.size() < vocabulary_size) {
    std::string word(3 + chance.below(8), ' ');
    for (char& c : word) c = static_cast<char>('a' + static_cast<char>(chance.below(26)));
    if (seen.insert(word).second) vocabulary.push_back(std::move(word));
  }
  const zipf ranks{vocabulary.size()};
  std::string text;
  for (std::size_t i = 0; i < words_wanted; ++i) {
    text += vocabulary[ranks.draw(chance)];
    text += (i + 1) % words_per_line == 0 ? '\n' : ' ';
  }
  return text;
}

/// The loop that everything is measured against: a flat hash map, views of the words as keys,
/// copied once into an arena, no allocation per word.
std::size_t count_by_hand(std::string_view text) {
  absl::flat_hash_map<std::string_view, std::uint64_t> table;
  std::string arena;
  arena.reserve(vocabulary_size * 16);  // never moves: no word is longer
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    while (at != end && static_cast<unsigned char>(*at) > ' ') ++at;
    if (begin != at) {
      const std::string_view word{begin, static_cast<std::size_t>(at - begin)};
      const auto entry = table.lazy_emplace(word, [&](const auto& construct) {
        arena.append(word);
        construct(std::string_view{arena}.substr(arena.size() - word.size()), 0);
      });
      ++entry->second;
    }
    if (at != end) ++at;
  }
  return table.size();
}

/// Output of a hop: partitioned into batches, as the task actor does it.
struct hop_output final : task_output {
  void emit(std::int32_t, const emitted& out) override {
    const auto p = static_cast<std::size_t>(partition_of_key(*out.key, hop_partitions));
    builders[p].add(out.time, out.key, out.value, out.headers);
    if (builders[p].size() >= batch_bytes) full.emplace_back(p, builders[p].finish());
  }
  void print(std::string_view) override {}
  void close() {
    for (std::size_t p = 0; p < builders.size(); ++p) {
      if (!builders[p].empty()) full.emplace_back(p, builders[p].finish());
    }
  }
  std::vector<batch_builder> builders{hop_partitions};
  std::vector<std::pair<std::size_t, bytes>> full;
};

std::size_t count_in_one_task(const plan& p, const input& in, std::size_t words_in_batch) {
  no_output out;
  const auto runner = runner_of(p, 0, out);
  std::size_t since_commit = 0;
  for (const bytes& raw : in.batches) {
    feed(*runner, raw);
    since_commit += words_in_batch;
    if (since_commit < words_per_commit) continue;
    commit(*runner);
    since_commit = 0;
  }
  commit(*runner);
  return out.records;
}

std::size_t count_behind_hop(const plan& p, const input& in, std::size_t words_in_batch) {
  hop_output hop;
  const auto up = runner_of(p, 0, hop);
  no_output out;
  std::vector<std::unique_ptr<task_runner>> down;
  for (int i = 0; i < hop_partitions; ++i) down.push_back(runner_of(p, 1, out));
  const auto pass_on = [&] {
    for (const auto& [partition, raw] : hop.full) feed(*down[partition], raw);
    hop.full.clear();
  };
  std::size_t since_commit = 0;
  for (const bytes& raw : in.batches) {
    feed(*up, raw);
    pass_on();
    since_commit += words_in_batch;
    if (since_commit < words_per_commit) continue;
    for (auto& each : down) commit(*each);
    since_commit = 0;
  }
  hop.close();
  pass_on();
  for (auto& each : down) commit(*each);
  return out.records;
}

void bench_engine(int rounds) {
  constexpr std::size_t total = 6'000'000;
  const std::string text = make_text(total);
  input_writer writer;
  each_line(text, [&](std::string_view line) { writer.add(from_millis(0), std::nullopt, line); });
  const input in = writer.finish();
  const std::size_t in_batch = total / in.batches.size();
  const plan fused = word_count().plan({.single_partition = true});
  const plan moved = word_count().plan();
  std::size_t sink = 0;
  const auto timed = [&](auto&& f) {
    const double before = thread_cpu_seconds();
    sink += f();
    return (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(total);
  };
  const auto ns = take_turns(
      rounds, {
                  [&] { return timed([&] { return count_by_hand(text); }); },
                  [&] { return timed([&] { return count_in_one_task(fused, in, in_batch); }); },
                  [&] { return timed([&] { return count_behind_hop(moved, in, in_batch); }); },
              });
  if (sink == 0) die("nothing was counted");
  // 27 M words a second: what such a loop did where the other engines were measured.
  report("word count: hand-written loop, M words/s", ns[0].rate(1e3), std::nullopt,
         at_least(27 * 0.8));
  report("word count: engine beside the loop, ns/word", ns[1], ns[0], ratio_at_most(1.5));
  report("word count: with a hop in memory, ns/word", ns[2], ns[0], ratio_at_most(2.5));
}

// ---- through durable topics --------------------------------------------------------------------

/// The sum of the newest count of every word.
std::uint64_t counted(const std::string& directory) {
  embedded_options options;
  options.directory = directory;
  const auto node = must(embedded_node::open(options));
  absl::flat_hash_map<std::string, std::uint64_t> newest;
  {
    consumer_config config;
    config.topics = {counts.name()};
    config.start = start_at::beginning;
    consumer in{node->system(), node->node(), config};
    do {
      for (const consumed& each : must(in.poll(1s))) {
        std::uint64_t n = 0;
        if (!each.what.key || !counts.value_formatting().decode(each.what.value, n))
          die("a count that does not decode");
        newest[*each.what.key] = n;
      }
    } while (!in.at_end());
  }
  std::uint64_t sum = 0;
  for (const auto& [word, n] : newest) sum += n;
  return sum;
}

void bench_durable(int rounds) {
  constexpr std::size_t total = 6'000'000;
  const std::string text = make_text(total);
  const auto job = [&](const std::vector<std::string>& program) {
    const temp_folder folder;
    const std::string data = folder.path() + "/data";
    fill_topic(data, lines.name(), text);
    std::vector<std::string> arguments = program;
    arguments.insert(arguments.end(), {"--on", data, "--until-end", "--quiet"});
    const auto done = run_child(arguments);
    if (const auto sum = counted(data); sum != total)
      die(fmt::format("{} words were counted, not {}", sum, total));
    return done;
  };
  samples views, example, memory, wall;
  const std::string beside = std::filesystem::path{this_program()}.parent_path().string();
  for (int round = 0; round < rounds; ++round) {
    const auto own = job({this_program(), "job"});
    views.values.push_back(static_cast<double>(total) / own.cpu_seconds / 1e6);
    wall.values.push_back(static_cast<double>(total) / own.wall_seconds / 1e6);
    const auto direct = job({this_program(), "job", "--repartition", "memory"});
    memory.values.push_back(static_cast<double>(total) / direct.cpu_seconds / 1e6);
    const auto users = job({beside + "/word_count"});
    example.values.push_back(static_cast<double>(total) / users.cpu_seconds / 1e6);
  }
  report("word count: durable topics, example's program, M words/CPU-s", example, std::nullopt,
         at_least(3));
  report("word count: durable topics, words as views, M words/CPU-s", views, std::nullopt,
         at_least(3));
  report("word count: the same, M words/s by the clock", wall);
  report("word count: the same, repartition in memory, M words/CPU-s", memory);
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  // As a child: the job, with the rest of the command line.
  if (argc > 1 && std::string_view{argv[1]} == "job")
    return penstock::run(word_count(), argc - 1, argv + 1);
  const int rounds = rounds_from(argc, argv);
  bench_engine(rounds);
  bench_durable(rounds);
}
