// A log pipeline. Of a web site: follows its logs while they rotate, parses, redacts, routes,
// counts and alerts, as `./dev demo` shows. Or of any file:
//
//   log_pipeline --logs FOLDER --packages /var/log/dpkg.log --on DIR
//   log_pipeline --input FILE --format combined --on DIR --until-end --json
#include "examples/log_pipeline/pipelines.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

using namespace penstock;

namespace fs = std::filesystem;

// A log that was rotated away a moment ago lies beside, under a longer name.
bool is_rotated(const fs::path& log) {
  std::error_code ignored;
  const auto folder = log.has_parent_path() ? log.parent_path() : fs::path{"."};
  for (const auto& each : fs::directory_iterator{folder, ignored})
    if (each.path().filename().string().starts_with(log.filename().string())) return true;
  return false;
}

// What is wrong with the flags; empty: nothing.
std::string mistake(const settings& s, const flags& own) {
  std::error_code ignored;
  if (own.given("--logs")) {
    for (const char* other :
         {"--input", "--format", "--out-of-order", "--window", "--grace", "--as-is"})
      if (own.given(other))
        return std::string{"--logs and "} + other + " exclude each other: " + other +
               " is for any log, by --input";
    if (!fs::is_directory(s.logs, ignored))
      return "--logs " + s.logs + ": there is no such folder; name the one that access.log is in";
    return {};
  }
  if (own.given("--packages")) return "--packages needs --logs: it goes with the logs of a site";
  if (s.input == "-" || !own.given("--input")) return {};
  if (s.input.empty()) return "--input is empty: name a file, or - for standard input";
  if (fs::is_directory(s.input, ignored))
    return "--input " + s.input + " is a folder; name a file, or a pattern ('" + s.input + "/*')";
  const bool is_there = fs::exists(s.input, ignored);
  if (is_there && !fs::is_regular_file(s.input, ignored))
    return "--input " + s.input +
           " is no file but a stream; give it as standard input: --input - < " + s.input;
  if (is_there && ::access(s.input.c_str(), R_OK) != 0)
    return "--input " + s.input + " cannot be read: " + std::strerror(errno);
  const bool is_pattern = s.input.find_first_of("*?[") != s.input.npos;
  if (is_pattern || is_there || is_rotated(s.input)) return {};
  return "--input " + s.input + ": there is no such file; name one that is there, or a pattern ('" +
         s.input + "*') for files to come";
}

int main(int argc, char** argv) {
  settings s;
  flags own;
  own.text("--logs", s.logs, "FOLDER",
           "follow a site: its access.log and app.log, while they rotate")
      .text("--packages", s.packages, "FILE",
            "with --logs: the machine's package log (/var/log/dpkg.log)")
      .text("--input", s.input, "FILE", "or any log, or a pattern of logs (-: standard input)")
      .choice("--format", s.format, formats_of_any_file(), "how its lines are written (combined)")
      .time("--out-of-order", s.out_of_order,
            "how much later than newer ones an event may come (60s)")
      .time("--window", s.window, "over which events are counted (1s)")
      .time("--grace", s.grace, "how long a window waits for late events (0s)")
      .on("--as-is", s.as_is, "take no addresses and secrets out")
      .json(s.json, "end with one line of JSON that sums up");
  if (const auto status = own.take(argc, argv)) return *status;
  if (const auto wrong = mistake(s, own); !wrong.empty()) {
    std::fprintf(stderr, "log_pipeline: %s\n", wrong.c_str());
    return 2;
  }
  if (!s.logs.empty())
    return run(build_site(s), argc, argv, own,
               [&](local_node& node) { return s.json ? sum_up_site(node) : 0; });
  return run(build_any_file(s), argc, argv, own,
             [&](local_node& node) { return s.json ? sum_up_any_file(s, node) : 0; });
}
