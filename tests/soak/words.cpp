// The program that tests/soak/run starts and kills: one process that produces lines and counts
// their words at the same time, and the judge that says whether anything was lost.
//
//   soak_words work DIR ACKS ROUND HOW   produce and count until killed; ACKS: what is acknowledged
//   soak_words finish DIR HOW            count the rest, end
//   soak_words check DIR ACKS            every acknowledged line once, in order; counts are right
// HOW records move behind key_by: durable or memory.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <penstock/penstock.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "actors/client/consumer.hpp"
#include "actors/client/producer.hpp"
#include "actors/processor/job.hpp"
#include "launch/embedded_node.hpp"
#include "streams/base/random.hpp"

using namespace penstock;

namespace {

const topic<no_key, std::string> lines{"soak-lines", format::text};
const topic<std::string, std::uint64_t> counts{"soak-counts"};
constexpr int partitions = embedded_partitions;
constexpr int lines_per_ack = 200;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  return {std::istream_iterator<std::string>{in}, {}};
}

topology build() {
  topology t{"soak"};
  t.from(lines)
      .flat_map("split", words_of)
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "soak_words: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> r) {
  if (!r) die(r.error().to_string());
  return std::move(*r);
}
void must(const result<void>& r) {
  if (!r) die(r.error().to_string());
}

std::unique_ptr<embedded_node> open_node(const std::string& dir) {
  embedded_options options;
  options.directory = dir;
  return must(embedded_node::open(options));
}

void make_topic(embedded_node& node) {
  caf::scoped_actor self{node.system()};
  auto request = create_topic_request::make([](auto out) {
    out.setName(text_of(lines.name()));
    out.setPartitions(partitions);
  });
  self->request(node.node(), 30s, std::move(request))
      .receive(
          [](const admin_reply& r) {
            auto why = error_of(r.open()->getFailure());
            if (why && !(why == errc::topic_exists)) die(why.to_string());
          },
          [](const caf::error&) { die("the node does not answer"); });
}

// Lines look like "<round>-<number> w17 w3 …": unique, and their words repeat.
int work(const std::string& dir, const std::string& acks, int round, const std::string& how) {
  auto node = open_node(dir);
  make_topic(*node);
  const auto p = build().plan();
  job_config config;
  config.topology = std::shared_ptr<const plan>{std::shared_ptr<void>{}, &p};
  config.node = node->node();
  config.time = &machine_clock();
  config.settings.in_memory_repartition = how == "memory";
  auto job = spawn_job(node->system(), std::move(config));
  auto out = must(producer::open(node->system(), node->node()));
  const int file = ::open(acks.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (file < 0) die("cannot open " + acks);
  penstock::random chance{static_cast<std::uint64_t>(round)};
  for (int n = 0;;) {
    for (int i = 0; i < lines_per_ack; ++i, ++n) {
      auto line = fmt::format("{}-{}", round, n);
      for (auto words = chance.below(8); words > 0; --words)
        line += fmt::format(" w{}", chance.below(500));
      producer::message m;
      m.value = line;
      m.partition = n % partitions;
      must(out.send(lines.name(), m));
    }
    must(out.flush());
    const auto ack = fmt::format("{} {}\n", round, n);
    if (::write(file, ack.data(), ack.size()) < 0) die("cannot write " + acks);
  }
}

int finish(const std::string& dir, const std::string& how) {
  std::vector<std::string> words{"soak",    "--on",          dir, "--until-end",
                                 "--quiet", "--repartition", how};
  std::vector<char*> args;
  for (auto& each : words) args.push_back(each.data());
  args.push_back(nullptr);
  return launch(build().plan(), static_cast<int>(words.size()), args.data());
}

template <class F>
void each_record(embedded_node& node, const std::string& topic, F&& f) {
  consumer_config config;
  config.topics = {topic};
  config.start = start_at::beginning;
  consumer in{node.system(), node.node(), config};
  do {
    for (const auto& each : must(in.poll(1s))) f(each);
  } while (!in.at_end());
}

int check(const std::string& dir, const std::string& acks) {
  std::map<int, int> acknowledged;  // round -> lines
  std::ifstream from{acks};
  for (int round = 0, n = 0; from >> round >> n;) acknowledged[round] = n;
  auto node = open_node(dir);
  std::map<std::pair<int, int>, int> last;  // (round, partition) -> last number
  std::map<int, int> seen;                  // round -> lines below the acknowledged number
  std::map<std::string, std::uint64_t> expected;
  std::uint64_t total = 0;
  each_record(*node, lines.name(), [&](const consumed& each) {
    const auto words = words_of(each.what.value.value_or(""));
    int round = 0, n = 0;
    if (words.empty() || std::sscanf(words[0].c_str(), "%d-%d", &round, &n) != 2)
      die("a line that nobody wrote");
    auto [at, fresh] = last.try_emplace({round, each.from.partition}, -1);
    if (n <= at->second)
      die(fmt::format("line {}-{} comes after {}: repeated or reordered", round, n, at->second));
    if (n != (fresh ? each.from.partition : at->second + partitions))
      die(fmt::format("before line {}-{} one is missing", round, n));
    at->second = n;
    if (n < acknowledged[round]) ++seen[round];
    for (const auto& word : words) ++expected[word];
    ++total;
  });
  for (const auto& [round, n] : acknowledged)
    if (seen[round] != n)
      die(fmt::format("round {}: {} of {} acknowledged lines are there", round, seen[round], n));
  std::map<std::string, std::uint64_t> found;
  each_record(*node, counts.name(), [&](const consumed& each) {
    std::uint64_t n = 0;
    if (!counts.value_formatting().decode(each.what.value, n)) die("a count that does not decode");
    found[each.what.key.value_or("")] = n;
  });
  for (const auto& [word, n] : expected)
    if (found[word] != n)
      die(fmt::format("\"{}\": counted {}, recounted {}", word, found[word], n));
  if (found.size() != expected.size()) die("words were counted that are in no line");
  std::printf("%d rounds: %llu lines, every acknowledged one once and in order; %zu counts right\n",
              static_cast<int>(acknowledged.size()), static_cast<unsigned long long>(total),
              expected.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args{argv + 1, argv + argc};
  if (args.size() == 5 && args[0] == "work")
    return work(args[1], args[2], std::stoi(args[3]), args[4]);
  if (args.size() == 3 && args[0] == "finish") return finish(args[1], args[2]);
  if (args.size() == 3 && args[0] == "check") return check(args[1], args[2]);
  die("usage: soak_words work DIR ACKS ROUND HOW | finish DIR HOW | check DIR ACKS");
}
