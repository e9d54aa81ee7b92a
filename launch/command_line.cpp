#include "launch/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "streams/base/program_name.hpp"
#include "streams/base/version.hpp"

namespace penstock {
namespace {

constexpr int stdout_help = 0;

// Flags that the design names and this version does not have: said in words, not "unknown flag".
const char* other_engine(const std::string& on) {
  if (on.starts_with("kafka://"))
    return "running on a Kafka cluster is not built yet; give a directory or penstock://HOST:PORT";
  return nullptr;
}

void add_options(CLI::App& app, run_options& options, std::string& format, std::string& repartition,
                 std::int64_t& commit_ms) {
  app.add_option("--on", options.directory,
                 "data directory of the embedded node, or the node that has topics and state")
      ->type_name("DIR|penstock://HOST:PORT")
      ->check(CLI::Validator{[](const std::string& given) {
                               return given.starts_with("--")
                                          ? "needs a value: " + given + " is another flag"
                                          : std::string{};
                             },
                             ""})
      ->capture_default_str();
  app.add_option("--workers", options.workers, "threads (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--until-end", options.until_end,
               "end when the input that is there at the start is used up");
  app.add_flag("--close-windows", options.close_windows,
               "with --until-end: close the windows that are still open");
  app.add_option("--describe", format, "print the topology and end: text, mermaid, dot or json")
      ->expected(0, 1)
      ->type_name("[FORMAT]")
      ->check(CLI::IsMember({"text", "mermaid", "dot", "json"}));
  app.add_flag("--reset", options.reset,
               "forget state, internal topics and offsets of this topology first");
  app.add_option("--drop-state", options.drop_steps, "give up what this step remembers")
      ->type_name("STEP");
  app.add_option("--repartition", repartition,
                 "how key_by moves records: through durable topics, or in memory")
      ->type_name("durable|memory")
      ->check(CLI::IsMember({"durable", "memory"}))
      ->capture_default_str();
  app.add_option("--commit-interval", commit_ms, "milliseconds between commits")
      ->type_name("MS")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  app.add_option("--test", options.tests, "run the tests in this file instead of the job")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_flag("--json", options.json, "with --test or --describe: one JSON document");
  app.add_flag("--quiet", options.quiet, "no progress on stderr");
}

// What is wrong with flags that are fine one by one; empty: nothing.
std::string mistake(const run_options& options, const std::string& format, bool own_json) {
  if (const char* why = other_engine(options.directory))
    return fmt::format("--on {}: {}", options.directory, why);
  if (options.close_windows && !options.until_end)
    return "--close-windows needs --until-end: a job without an end never closes early";
  if (!options.json) return {};
  if (options.describe && !format.empty() && format != "json")
    return fmt::format("--json and --describe={} exclude each other", format);
  if (!options.describe && options.tests.empty() && !own_json)
    return "--json needs --test or --describe: this job prints nothing else as JSON";
  return {};
}

}  // namespace

std::variant<run_options, int> parse_command_line(const plan& p, int argc, const char* const* argv,
                                                  const launch_extras& extras) {
  CLI::App app{"Runs topology \"" + p.name() + "\".", program_name(argc, argv)};
  run_options options;
  std::string format;
  std::string repartition = "durable";
  std::int64_t commit_ms = options.commit_interval.count();
  add_options(app, options, format, repartition, commit_ms);
  app.set_version_flag("--version", "penstock " + std::string{version()});
  const std::string own = extras.help.empty() ? "" : "Of this program:\n" + extras.help + "\n";
  app.footer(
      own +
      "Exit status:\n"
      "    0  done, or stopped with everything committed\n"
      "    1  the job or a test failed, or the data directory is damaged, full or not writable\n"
      "    2  the command line or a test file is wrong\n"
      "    3  refused: the topology has problems, a topic has other types or was made again,\n"
      "       stored state is of another kind, or the data is of a newer version\n"
      "    4  something that was named does not exist, or a topic was deleted under the job\n"
      "    5  the data directory is locked by another process, the topology runs in another one,\n"
      "       or the node or a partition does not answer\n"
      "  130  a second Ctrl-C");
  const auto refusal = [&](const std::string& why) {
    return program_name(argc, argv) + ": " + why + " (--help lists everything)\n";
  };
  app.failure_message([&](const CLI::App*, const CLI::Error& e) { return refusal(e.what()); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == stdout_help ? exit_ok : exit_usage;
  }
  options.commit_interval = duration{commit_ms};
  options.in_memory_repartition = repartition == "memory";
  options.describe = app.count("--describe") > 0;
  if (const auto wrong = mistake(options, format, extras.has_json); !wrong.empty()) {
    std::fputs(refusal(wrong).c_str(), stderr);
    return exit_usage;
  }
  if (format == "mermaid") options.format = describe_format::mermaid;
  if (format == "dot") options.format = describe_format::dot;
  if (format == "json" || options.json) options.format = describe_format::json;
  return options;
}

}  // namespace penstock
