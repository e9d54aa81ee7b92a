// What does a line of an access log cost from a file to a durable topic, everything counted? A job
// reads a file, parses each line, keeps what failed and writes it to a topic: a process of its own,
// whose processor time is taken from its start to its end. rsyslog and syslog-ng do the same from
// and to a file, in turns with it, where $PENSTOCK_BENCH_PEERS has them (bench/peers).
//   bench_pipeline [ROUNDS]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <penstock/client.hpp>
#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "bench/support/access_lines.hpp"
#include "bench/support/report.hpp"
#include "bench/support/topics.hpp"

namespace penstock::bench {
namespace {

constexpr std::size_t total = 1'000'000;
constexpr std::int32_t failed_from = 400;

constexpr const char* failures = "failures";  // the topic

// ---- the job -----------------------------------------------------------------------------------

topology errors_of(const std::string& verb, const std::string& file) {
  topology t{"errors"};
  t.on_bad_record(dead_letter{"dead-letters"});
  const auto keep_failures = []<class K>(const stream<K, std::string>& lines) {
    lines.try_map("parse", logs::combined_view)
        .filter("failed", [](const logs::access_view& a) { return a.status >= failed_from; })
        .to(topic<K, logs::access>{failures});
  };
  if (verb == "tail") {
    keep_failures(t.tail("access", file));
  } else {
    keep_failures(t.lines("access", lines_from{file}));
  }
  return t;
}

/// As a child: `job tail|lines FILE` and the command line of every job. Prints how many failed.
int run_job(int argc, char** argv) {
  return run(errors_of(argv[2], argv[3]), argc - 3, argv + 3, flags{}, [](local_node& node) {
    fmt::print("{}\n", must(node.count(failures)));
    return 0;
  });
}

/// A variant's outcome in one round.
struct rates {
  samples cpu;  // lines per CPU-second, in millions
  samples wall;
  void add(const child_result& done) {
    cpu.values.push_back(static_cast<double>(total) / done.cpu_seconds / 1e6);
    wall.values.push_back(static_cast<double>(total) / done.wall_seconds / 1e6);
  }
};

struct input_file {
  std::string path;
  std::size_t failed = 0;  // lines that come through the filter
};

child_result job_on(const input_file& in, const std::string& verb) {
  const temp_folder folder;
  const auto done = run_child({this_program(), "job", verb, in.path, "--on",
                               folder.path() + "/data", "--until-end", "--quiet"});
  if (done.output != fmt::format("{}\n", in.failed))
    die(fmt::format("{} of {} failures came through: {}", in.failed, verb, done.output));
  return done;
}

// ---- the same by others ------------------------------------------------------------------------

/// The combined format as liblognorm takes it.
constexpr const char* combined_rule =
    R"(%client:word% %ident:word% %user:word% [%time:char-to:]%] \"%request:char-to:\"%\" )"
    R"(%status:number% %bytes:word% \"%referer:char-to:\"%\" \"%agent:char-to:\"%\")";

/// rsyslog: the file by imfile, the format by mmnormalize (liblognorm, compiled; its regular
/// expressions take longer), batches of 1,024 instead of 256, output as it came.
std::string rsyslog_configuration(const input_file& in, const std::string& folder) {
  return fmt::format(R"conf(
global(workDirectory="{1}")
module(load="imfile")
module(load="mmnormalize")
template(name="line" type="string" string="%msg%\n")
main_queue(queue.type="FixedArray" queue.size="50000" queue.dequeueBatchSize="1024")
input(type="imfile" File="{0}" Tag="access" ruleset="errors" addMetadata="off")
ruleset(name="errors") {{
  action(type="mmnormalize" rule=["rule=:{3}"])
  if $!status >= {2} then action(type="omfile" file="{1}/out" template="line")
}}
)conf",
                     in.path, folder, failed_from, combined_rule);
}

/// syslog-ng: the file without syslog parsing, the format by csv-parser as its own
/// apache-accesslog-parser has it, without the parts that split the request; large windows, so that
/// it never waits; its threads.
std::string syslog_ng_configuration(const input_file& in, const std::string& folder) {
  return fmt::format(R"conf(@version: current
options {{ stats-freq(0); keep-hostname(yes); use-dns(no); threaded(yes); }};
source lines {{
  file("{0}" flags(no-parse) follow-freq(0.1) log-fetch-limit(1000) log-iw-size(10000));
}};
parser combined {{
  csv-parser(columns("client", "ident", "user", "time", "request", "status", "bytes", "referer",
                     "agent")
             flags(escape-double-char) delimiters(" ") quote-pairs('""[]'));
}};
filter failed {{ "${{status}}" >= "{2}" }};
destination out {{ file("{1}/out" template("${{MESSAGE}}\n") log-fifo-size(20000)); }};
log {{ source(lines); parser(combined); filter(failed); destination(out); flags(flow-control); }};
)conf",
                     in.path, folder, failed_from);
}

std::size_t lines_in(const std::string& path) {
  std::ifstream from{path};
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>{from}, {}, '\n'));
}

using configuration = std::string (*)(const input_file&, const std::string&);

child_result server_on(const input_file& in, const std::string& program, configuration configure) {
  const temp_folder folder;
  const std::string file = folder.path() + "/configuration";
  std::ofstream{file} << configure(in, folder.path());
  return run_server({program, file, folder.path()},
                    [&] { return lines_in(folder.path() + "/out") >= in.failed; });
}

// ---- the table ---------------------------------------------------------------------------------

/// The lines of a real log, if it is at hand, again and again.
std::string text_of_lines() {
  std::string once;
  if (const char* data = std::getenv("PENSTOCK_TEST_DATA"); data != nullptr) {
    std::ifstream from{std::string{data} + "/apache-access.log"};
    once.assign(std::istreambuf_iterator<char>{from}, {});
  }
  if (once.empty()) {
    for (const std::string& line : access_log(10'000)) once.append(line).append("\n");
  }
  return once;
}

input_file write_input(const std::string& folder) {
  const std::string once = text_of_lines();
  input_file made{folder + "/access.log"};
  std::ofstream out{made.path};
  for (std::size_t lines = 0; lines < total;) {
    each_line(once, [&](std::string_view line) {
      if (lines == total) return;
      ++lines;
      out << line << '\n';
      if (const auto seen = logs::read_combined(line)) made.failed += seen->status >= failed_from;
    });
  }
  if (!out.flush()) die("cannot write " + made.path);
  return made;
}

void bench(int rounds) {
  const temp_folder folder;
  const input_file in = write_input(folder.path());
  const char* peers = std::getenv("PENSTOCK_BENCH_PEERS");
  rates lines, tail, rsyslog, syslog_ng, faster;
  for (int round = -1; round < rounds; ++round) {
    rates warm_up;
    const auto counted = [&](rates& to) -> rates& { return round < 0 ? warm_up : to; };
    counted(lines).add(job_on(in, "lines"));
    counted(tail).add(job_on(in, "tail"));
    if (peers == nullptr) continue;
    const std::string where{peers};
    const auto one = server_on(in, where + "/rsyslog", rsyslog_configuration);
    const auto other = server_on(in, where + "/syslog-ng", syslog_ng_configuration);
    counted(rsyslog).add(one);
    counted(syslog_ng).add(other);
    counted(faster).add(one.cpu_seconds < other.cpu_seconds ? one : other);
  }
  report("pipeline: lines, parse, filter, durable topic, M lines/CPU-s", lines.cpu, std::nullopt,
         at_least(1));
  report("pipeline: the same, M lines/s by the clock", lines.wall);
  report("pipeline: tail, parse, filter, durable topic, M lines/CPU-s", tail.cpu, std::nullopt,
         at_least(1));
  report("pipeline: the same, M lines/s by the clock", tail.wall);
  if (peers == nullptr) {
    fmt::print("pipeline: rsyslog and syslog-ng are not at hand (bench/peers)\n");
    return;
  }
  report("pipeline: tail beside rsyslog, M lines/CPU-s", tail.cpu, rsyslog.cpu, std::nullopt);
  report("pipeline: tail beside syslog-ng, M lines/CPU-s", tail.cpu, syslog_ng.cpu, std::nullopt);
  report("pipeline: tail beside the faster, M lines/CPU-s", tail.cpu, faster.cpu,
         ratio_at_least(3));
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  if (argc > 3 && std::string_view{argv[1]} == "job") return run_job(argc, argv);
  bench(rounds_from(argc, argv));
}
