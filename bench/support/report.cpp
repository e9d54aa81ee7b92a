#include "bench/support/report.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

namespace penstock::bench {
namespace {

double seconds_of(clockid_t which) {
  timespec now{};
  clock_gettime(which, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_of(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

// Three digits that mean something.
std::string show(double value) {
  const double size = std::fabs(value);
  const int digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  return fmt::format("{:.{}f}", value, digits);
}

samples ratios(const samples& ours, const samples& baseline) {
  samples each;
  for (std::size_t i = 0; i < ours.values.size(); ++i) {
    const std::size_t beside = std::min(i, baseline.values.size() - 1);
    each.values.push_back(ours.values[i] / baseline.values[beside]);
  }
  return each;
}

}  // namespace

double wall_seconds() {
  return seconds_of(CLOCK_MONOTONIC);
}
double thread_cpu_seconds() {
  return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}
double process_cpu_seconds() {
  return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double samples::median() const {
  if (values.empty()) return 0;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

samples samples::rate(double amount) const {
  samples turned;
  for (const double v : values) turned.values.push_back(amount / v);
  return turned;
}

samples samples::scaled(double by) const {
  samples made;
  for (const double v : values) made.values.push_back(v * by);
  return made;
}

std::vector<samples> take_turns(int rounds, const std::vector<std::function<double()>>& variants) {
  std::vector<samples> taken(variants.size());
  for (const auto& variant : variants) variant();
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < variants.size(); ++i) taken[i].values.push_back(variants[i]());
  }
  return taken;
}

void report(const std::string& name, const samples& ours, const std::optional<samples>& baseline,
            const std::optional<goal>& target) {
  const double ratio = baseline ? ratios(ours, *baseline).median() : 0;
  std::string wanted = "-", met = "-";
  if (target) {
    const bool most = target->which == goal::direction::at_most;
    const double got = target->of_ratio ? ratio : ours.median();
    wanted = fmt::format("{} {}{}", most ? "<=" : ">=", show(target->limit),
                         target->of_ratio ? " x" : "");
    met = (most ? got <= target->limit : got >= target->limit) ? "yes" : "NO";
  }
  fmt::print("{:<62} {:>9} {:>9} {:>7} {:>10}  {}\n", name, show(ours.median()),
             baseline ? show(baseline->median()) : "-", baseline ? show(ratio) : "-", wanted, met);
  std::fflush(stdout);
}

temp_folder::temp_folder() {
  const char* where = std::getenv("PENSTOCK_BENCH_DIR");
  if (where == nullptr) where = std::getenv("TMPDIR");
  path_ = std::string{where == nullptr ? "/tmp" : where} + "/penstock-bench.XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) die("cannot make the folder " + path_);
}

temp_folder::~temp_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

namespace {

/// Forks and runs the program with its standard output in `out`.
pid_t start_child(const std::vector<std::string>& arguments, int out) {
  std::vector<char*> argv;
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) die("cannot fork");
  if (child == 0) {
    dup2(out, STDOUT_FILENO);
    close(out);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return child;
}

/// Whether it has ended, and how, as wait(2) gives it; `options` as well.
std::optional<int> reap(pid_t child, int options, child_result& result) {
  int status = 0;
  rusage used{};
  const pid_t which = wait4(child, &status, options, &used);
  if (which == 0) return std::nullopt;
  if (which != child) die("cannot wait for a child");
  result.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  result.peak_mib = static_cast<double>(used.ru_maxrss) / 1024;
  return status;
}

}  // namespace

child_result run_child(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) die("cannot make a pipe");
  child_result result;
  const double before = wall_seconds();
  const pid_t child = start_child(arguments, pipe_ends[1]);
  close(pipe_ends[1]);
  std::array<char, 4096> some{};
  for (ssize_t n = 0; (n = read(pipe_ends[0], some.data(), some.size())) > 0;)
    result.output.append(some.data(), static_cast<std::size_t>(n));
  close(pipe_ends[0]);
  const int status = *reap(child, 0, result);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    die("this did not work: " + fmt::format("{}", fmt::join(arguments, " ")));
  result.wall_seconds = wall_seconds() - before;
  return result;
}

child_result run_server(const std::vector<std::string>& arguments,
                        const std::function<bool()>& done) {
  constexpr double patience = 120;
  constexpr auto pause = std::chrono::milliseconds{5};
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  child_result result;
  const double before = wall_seconds();
  const pid_t child = start_child(arguments, nowhere);
  close(nowhere);
  while (!done()) {
    const bool ended = reap(child, WNOHANG, result).has_value();
    if (ended || wall_seconds() - before > patience) {
      if (!ended) kill(child, SIGKILL);
      die("this did not get done: " + fmt::format("{}", fmt::join(arguments, " ")));
    }
    std::this_thread::sleep_for(pause);
  }
  result.wall_seconds = wall_seconds() - before;
  kill(child, SIGTERM);
  reap(child, 0, result);
  return result;
}

std::string this_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

double resident_mib() {
  std::ifstream from{"/proc/self/statm"};
  double total = 0, resident = 0;
  from >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void die(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(1);
}

int rounds_from(int argc, char** argv) {
  return argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
}

}  // namespace penstock::bench
