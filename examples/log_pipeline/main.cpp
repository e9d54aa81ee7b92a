// A log pipeline. Of a web site: follows its logs while they rotate, parses, redacts, routes,
// counts and alerts, as `./dev demo` shows. Or of any file:
//
//   log_pipeline --logs FOLDER --packages /var/log/dpkg.log --on DIR
//   log_pipeline --input FILE --format combined --on DIR --until-end --json
#include "examples/log_pipeline/pipelines.hpp"

#include <cstdio>
#include <filesystem>

using namespace penstock;

// What is wrong with the flags; empty: nothing.
std::string mistake(const settings& s) {
  if (s.input.empty() || s.input == "-") return {};
  if (!s.logs.empty()) return "--logs and --input exclude each other";
  // A pattern may match files to come; one name without a file is a slip.
  std::error_code ignored;
  if (s.input.find_first_of("*?[") != s.input.npos || std::filesystem::exists(s.input, ignored))
    return {};
  return "--input " + s.input + ": there is no such file; name one that is there, or a pattern ('" +
         s.input + "*') for files to come";
}

int main(int argc, char** argv) {
  settings s;
  flags own;
  own.text("--logs", s.logs, "FOLDER",
           "follow a site: its access.log and app.log, while they rotate")
      .text("--packages", s.packages, "FILE", "with --logs: the machine's package log")
      .text("--input", s.input, "FILE", "or any log, or a pattern of logs (standard input)")
      .choice("--format", s.format, formats_of_any_file(), "how its lines are written")
      .time("--out-of-order", s.out_of_order, "how much later than newer ones an event may come")
      .time("--window", s.window, "over which events are counted")
      .time("--grace", s.grace, "how long a window waits for late events")
      .on("--json", s.json, "end with one line of JSON that sums up");
  if (const auto status = own.take(argc, argv)) return *status;
  if (const auto wrong = mistake(s); !wrong.empty()) {
    std::fprintf(stderr, "log_pipeline: %s\n", wrong.c_str());
    return 2;
  }
  if (!s.logs.empty())
    return run(build_site(s), argc, argv, own,
               [&](local_node& node) { return s.json ? sum_up_site(node) : 0; });
  return run(build_any_file(s), argc, argv, own,
             [&](local_node& node) { return s.json ? sum_up_any_file(s, node) : 0; });
}
