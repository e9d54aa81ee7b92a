// How every benchmark measures and says what it found: variants take turns, so that a noisy
// neighbour disturbs them alike; medians are shown, and ratios are medians of the ratios of single
// rounds. Each program prints rows of the one table that `bench/run` puts together.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace penstock::bench {

double wall_seconds();
double thread_cpu_seconds();
double process_cpu_seconds();

/// How often something took how long (or whatever is measured), in the order of the rounds.
struct samples {
  std::vector<double> values;

  double median() const;

  /// The same, each value turned over: seconds into something per second.
  samples rate(double amount) const;
  samples scaled(double by) const;
};

/// Runs every variant once per round, one after the other; a variant gives what it measured. A
/// round before the first warms up and is not counted.
std::vector<samples> take_turns(int rounds, const std::vector<std::function<double()>>& variants);

/// What a figure should reach. With `of_ratio` the limit is about ours / baseline.
struct goal {
  enum class direction { at_most, at_least };
  direction which = direction::at_most;
  double limit = 0;
  bool of_ratio = false;
};
inline goal at_most(double limit) {
  return {goal::direction::at_most, limit, false};
}
inline goal at_least(double limit) {
  return {goal::direction::at_least, limit, false};
}
inline goal ratio_at_most(double limit) {
  return {goal::direction::at_most, limit, true};
}
inline goal ratio_at_least(double limit) {
  return {goal::direction::at_least, limit, true};
}

/// One row: name with its unit, our figure, what it is compared with, and the target.
void report(const std::string& name, const samples& ours, const std::optional<samples>& baseline,
            const std::optional<goal>& target);
inline void report(const std::string& name, const samples& ours) {
  report(name, ours, std::nullopt, std::nullopt);
}

/// A folder of its own below $PENSTOCK_BENCH_DIR (or $TMPDIR, or /tmp), removed at the end.
class temp_folder {
 public:
  temp_folder();
  ~temp_folder();
  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a child process wrote to its standard output, and what it cost.
struct child_result {
  std::string output;
  double wall_seconds = 0;
  double cpu_seconds = 0;
  double peak_mib = 0;
};

/// Runs a program and waits; ends this one when that one fails.
child_result run_child(const std::vector<std::string>& arguments);

/// The same for a server, which would not end: asks it to by SIGTERM when `done` says true, and
/// whether it ended well is not asked. Wall-clock time counts until then. Ends this program when
/// that takes too long.
child_result run_server(const std::vector<std::string>& arguments,
                        const std::function<bool()>& done);

/// The file of this program, to run it again as a child.
std::string this_program();

/// Resident memory of this process now.
double resident_mib();

/// Ends the program: a benchmark that cannot do its work has no figures.
[[noreturn]] void die(const std::string& why);

/// The value, or the end of the program.
template <class Result>
auto must(Result got) {
  if (!got) die(got.error().to_string());
  return std::move(got).value();
}

/// Rounds from the command line: the first argument, or five.
int rounds_from(int argc, char** argv);

}  // namespace penstock::bench
