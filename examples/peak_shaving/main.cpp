// A burst ten times what the consumer can do: the topic takes it, the consumer works at its own
// pace, nothing is lost, and memory stays where it was, because what waits is on disk.
#include <penstock/client.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace penstock;

namespace {

const topic<std::uint64_t, std::string> events{"events"};

constexpr std::uint64_t burst = 10'000;
constexpr std::size_t event_bytes = 8 << 10;  // the burst is 80 MB: more than memory may grow
constexpr auto one_event = 1ms;               // what the consumer needs for each
constexpr double growth_mib_max = 64;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool measured = false;  // a sanitizer has its own memory and its own pace
#else
constexpr bool measured = true;
#endif

[[noreturn]] void die(const error& why) {
  std::fprintf(stderr, "peak_shaving: %s\n", why.to_string().c_str());
  std::exit(1);
}
template <class T>
T must(result<T> r) {
  if (!r) die(r.error());
  return std::move(*r);
}
void must(const result<void>& r) {
  if (!r) die(r.error());
}

using wall = std::chrono::steady_clock;

double seconds_since(wall::time_point start) {
  return std::chrono::duration<double>(wall::now() - start).count();
}

// Memory that the process holds right now.
double resident_mib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    double kib = 0;
    status >> kib;
    return kib / 1024;
  }
  return 0;
}

struct progress_board {
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> handled = 0;
  std::atomic<bool> intact = true;
};

void consume_slowly(local_node& node, progress_board& board) {
  reader_options options;
  options.group = "slow";
  options.buffer_bytes_max = 4 << 20;  // fetched ahead, no more
  auto in = node.reader(events, options);
  std::vector<bool> seen(burst);
  while (board.handled < burst) {
    for (const auto& each : must(in.poll(200ms))) {
      std::this_thread::sleep_for(one_event);  // its work
      if (each.key >= burst || seen[each.key]) board.intact = false;
      if (each.key < burst) seen[each.key] = true;
      ++board.handled;
    }
    must(in.commit());
  }
}

void send_burst(local_node& node, progress_board& board) {
  writer_options options;
  options.buffer_bytes_max = 8 << 20;  // `send` waits above this: back-pressure, not memory
  auto out = must(node.writer(events, options));
  std::string event(event_bytes, '.');
  for (std::uint64_t i = 0; i < burst; ++i) {
    event[i % event_bytes] = static_cast<char>('a' + i % 26);
    must(out.send(i, event));
    ++board.sent;
  }
  must(out.flush());
}

// Watches memory and shows the lag until everything is handled; gives the peak in MiB.
double watch(const progress_board& board, wall::time_point start) {
  double peak = 0;
  for (auto next = 0.0; board.handled < burst;) {
    peak = std::max(peak, resident_mib());
    if (const auto now = seconds_since(start); now >= next) {
      std::printf("%5.1f s: sent %5llu, handled %5llu, lag %5llu\n", now,
                  static_cast<unsigned long long>(board.sent),
                  static_cast<unsigned long long>(board.handled),
                  static_cast<unsigned long long>(board.sent - board.handled));
      std::fflush(stdout);
      next += 1;
    }
    std::this_thread::sleep_for(5ms);
  }
  return peak;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: peak_shaving DIR    (a new data directory)\n");
    return 2;
  }
  auto node = must(local_node::open(argv[1]));
  must(node.create(events));
  progress_board board;
  std::thread consumer{[&] { consume_slowly(node, board); }};
  std::this_thread::sleep_for(500ms);  // the consumer is there and has nothing to do
  const auto before = resident_mib();

  const auto start = wall::now();
  double burst_seconds = 0;
  std::thread producer{[&] {
    send_burst(node, board);
    burst_seconds = seconds_since(start);
  }};
  const auto peak = watch(board, start);
  const auto drained = seconds_since(start);
  producer.join();
  consumer.join();

  const auto times = drained / burst_seconds;
  const bool complete = board.intact && board.handled == burst;
  const bool small = !measured || peak - before <= growth_mib_max;
  const bool steep = !measured || times >= 10;
  std::printf("burst: %llu events, %.0f MiB in %.2f s; the consumer needed %.1f s: %.0f times\n",
              static_cast<unsigned long long>(burst),
              static_cast<double>(burst * event_bytes) / (1 << 20), burst_seconds, drained, times);
  std::printf("memory: %.0f MiB before, %.0f MiB at its peak, grew by %.0f MiB\n", before, peak,
              peak - before);
  std::printf("at least ten times what the consumer can do: %s\n", steep ? "yes" : "no");
  std::printf("every event handled, and handled once: %s\n", complete ? "yes" : "no");
  std::printf("memory grew by at most 64 MiB: %s\n", small ? "yes" : "no");
  return complete && small ? 0 : 1;
}
