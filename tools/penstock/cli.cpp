#include "tools/penstock/cli.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <limits>

#include "launch/exit_status.hpp"
#include "launch/standard_descriptors.hpp"
#include "streams/base/version.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/kafka_fronts.hpp"
#include "tools/penstock/node_word.hpp"
#include "tools/penstock/stop_signal.hpp"
#include "tools/penstock/topics.hpp"
#include "tools/penstock/word_tree.hpp"

namespace penstock::tool {

namespace {

using word = std::function<result<int>(session&)>;

constexpr const char* examples = R"(Examples:
  penstock topic create orders --partitions 3
  penstock produce orders --key-separator : < orders.txt
  penstock consume orders --from-beginning --until-end --format '%k\t%v\n'
  penstock group describe billing
  penstock dead-letters list bad-lines
  penstock log verify
  penstock node --config config/server.properties

Exit status: 0 done, 1 failed or damaged, 2 wrong usage, 3 refused, 4 not found, 5 unavailable.)";

constexpr const char* common_options = R"(
Every word takes --on DIR or --bootstrap HOST:PORT, --patience and --json: penstock --help
)";

struct command_line {
  std::string on = default_directory;
  std::string bootstrap;
  std::uint32_t patience_s = 60;
  bool json = false;
  topic_arguments topic;
  produce_arguments produce;
  consume_arguments consume;
  group_arguments group;
  dead_letter_arguments dead_letters;
  log_arguments log;
  job_arguments job;
  node_arguments node;
  std::string shell;  // of completions
  word chosen;
};

CLI::App* leaf(CLI::App& under, const char* name, const char* what, command_line& line, word does) {
  auto* sub = under.add_subcommand(name, what);
  sub->fallthrough();
  sub->callback([&line, does = std::move(does)] { line.chosen = does; });
  return sub;
}

// The parser's own checks of numbers speak of their types.
std::string check_whole_number(const std::string& text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, number);
  if (failure == std::errc{} && at == end && number >= 0) return {};
  return fmt::format("\"{}\" is no whole number from 0 to {}", text,
                     std::numeric_limits<std::int64_t>::max());
}

std::string check_partition_number(const std::string& text) {
  if (check_whole_number(text).empty() && text.size() <= 6) return {};
  return fmt::format("\"{}\" is no partition: write a number, 0 or more", text);
}

void add_topic_words(CLI::App& app, command_line& line) {
  auto* topic = app.add_subcommand("topic", "Create, list, describe, alter and delete topics");
  topic->require_subcommand(1)->fallthrough();
  auto& args = line.topic;
  const auto settings = [&](CLI::App* sub) {
    sub->add_option("--set", args.set, "A setting, NAME=VALUE; may be given several times")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    sub->add_option("--key-format", args.key_format,
                    "How keys are encoded: text, json, binary:u64 ...");
    sub->add_option("--value-format", args.value_format,
                    "How values are encoded: text, json, binary:u64 ...");
  };
  auto* create = leaf(*topic, "create", "Create topics", line,
                      [&](session& with) { return topic_create(with, args); });
  create->add_option("topic", args.names, "Names of the new topics")->required();
  create->add_option("--partitions,-p", args.partitions, "Number of partitions")
      ->check(CLI::Range(1, 100'000));
  settings(create);
  create->footer("Example: penstock topic create orders --partitions 3 --set retention.ms=7d");

  auto* list = leaf(*topic, "list", "List topics", line,
                    [&](session& with) { return topic_list(with, args); });
  list->add_flag("--internal", args.internal,
                 "Also those whose names begin with __, such as the offsets of groups");

  auto* describe = leaf(*topic, "describe", "Show settings and partitions of topics", line,
                        [&](session& with) { return topic_describe(with, args); });
  describe->add_option("topic", args.names, "Names; none: all topics");
  describe->add_flag("--all-settings", args.all_settings, "Also settings that have their default");

  auto* alter = leaf(*topic, "alter", "Change settings, add partitions", line,
                     [&](session& with) { return topic_alter(with, args); });
  alter->add_option("topic", args.names, "Names")->required();
  alter->add_option("--partitions,-p", args.partitions, "New number of partitions, not fewer")
      ->check(CLI::Range(1, 100'000));
  settings(alter);
  alter->add_option("--reset", args.reset, "A setting to put back to its default")
      ->allow_extra_args(false);
  alter->footer("Example: penstock topic alter orders --set retention.ms=30d --reset segment.ms");

  auto* remove = leaf(*topic, "delete", "Delete topics with everything in them", line,
                      [&](session& with) { return topic_delete(with, args); });
  remove->add_option("topic", args.names, "Names")->required();
}

void add_record_words(CLI::App& app, command_line& line) {
  auto& in = line.produce;
  auto* produce_word = leaf(app, "produce", "Write lines to a topic, one record per line", line,
                            [&](session& with) { return produce(with, in); });
  produce_word->add_option("topic", in.topic, "The topic; created when it does not exist")
      ->required();
  produce_word->add_option("--file,-f", in.file, "Read this file instead of standard input");
  produce_word->add_option("--key-separator,-k", in.key_separator,
                           "What stands between key and value; without it lines are values");
  produce_word->add_option("--null-as", in.null_as, "Keys and values that are this text are null");
  produce_word->add_option("--partition,-p", in.partition, "Write to this partition")
      ->check(check_partition_number);
  produce_word->add_option("--timestamp,-t", in.time,
                           "Time of the records, ISO 8601 or milliseconds; default: now");
  produce_word->add_option("--compression,-z", in.compression, "none, gzip, snappy, lz4 or zstd");
  produce_word->footer(
      "Lines end with LF; CR is data; empty lines are records; a last line without LF counts.\n"
      "Example: penstock produce orders --key-separator : < orders.txt");

  auto& from = line.consume;
  auto* consume_word = leaf(app, "consume", "Print the records of a topic", line,
                            [&](session& with) { return consume(with, from); });
  consume_word->add_option("topic", from.topic, "The topic")->required();
  consume_word->add_flag("--from-beginning,-b", from.from_beginning,
                         "From the first record (with --group: where nothing is committed)");
  consume_word
      ->add_option("--offset,-o", from.offsets,
                   "From this offset, N or PARTITION:N; may be given several times")
      ->allow_extra_args(false);
  consume_word->add_option("--time", from.time,
                           "From the first record of this time on, ISO 8601 or milliseconds");
  consume_word->add_option("--partition,-p", from.partitions, "Only this partition")
      ->check(check_partition_number)
      ->allow_extra_args(false);
  consume_word->add_option("--group,-g", from.group,
                           "Read as a member of this group and commit what was printed");
  consume_word->add_option("--count,-n", from.count, "End after so many records")
      ->check(check_whole_number);
  auto* follow = consume_word->add_flag("--follow", from.follow,
                                        "Wait for new records (default without --until-end)");
  consume_word
      ->add_flag("--until-end,-e", from.until_end,
                 "End when everything that is there now has been printed")
      ->excludes(follow);
  consume_word->add_option("--isolation", from.isolation,
                           "read-committed (default): only records of transactions that have "
                           "committed; or read-uncommitted");
  consume_word->add_option(
      "--format", from.format,
      "What to print of a record: %k key, %v value, %t time, %p partition, "
      "%o offset, %h headers, %H headers as Kafka prints them, %T topic, %% percent, \\t \\n \\\\");
  consume_word->add_option("--null-as", from.null_as, "What stands for null; default: nothing");
  consume_word->footer(
      "Keys and values are rendered by the formats that the topic remembers.\n"
      "Example: penstock consume word-counts -b -e --format '%k\\t%v\\n'");
}

void add_group_words(CLI::App& app, command_line& line) {
  auto* group = app.add_subcommand("group", "List, describe, reset and delete consumer groups");
  group->require_subcommand(1)->fallthrough();
  auto& args = line.group;
  leaf(*group, "list", "List groups", line, [](session& with) { return group_list(with); });
  auto* describe = leaf(*group, "describe", "Show members, offsets and lag of a group", line,
                        [&](session& with) { return group_describe(with, args); });
  describe->add_option("group", args.name, "The group")->required();
  auto* reset = leaf(*group, "reset", "Move the committed offsets of a group without members", line,
                     [&](session& with) { return group_reset(with, args); });
  reset->add_option("group", args.name, "The group")->required();
  reset
      ->add_option("--topic,-t", args.topics,
                   "TOPIC or TOPIC:PARTITION; default: all that the group has committed")
      ->allow_extra_args(false);
  auto* to = reset->add_option_group("to", "Where to");
  to->add_flag("--to-beginning", args.to_beginning, "The first record");
  to->add_flag("--to-end", args.to_end, "Behind the last record");
  to->add_option("--to-time", args.to_time, "The first record of this time on");
  to->add_option("--to-offset", args.to_offset, "This offset")->check(check_whole_number);
  to->require_option(1);
  reset->add_flag("--dry-run", args.dry_run, "Only show what would be committed");
  reset->footer("Example: penstock group reset billing --topic orders --to-time 2026-03-01T00:00Z");
  auto* remove = leaf(*group, "delete", "Delete a group without members, and its offsets", line,
                      [&](session& with) { return group_delete(with, args); });
  remove->add_option("group", args.name, "The group")->required();
}

void add_dead_letter_words(CLI::App& app, command_line& line) {
  auto* letters =
      app.add_subcommand("dead-letters", "List, show and replay the records that a job put aside");
  letters->require_subcommand(1)->fallthrough();
  auto& args = line.dead_letters;
  const auto which = [&](CLI::App* sub) {
    sub->add_option("topic", args.topic, "The topic of the dead letters")->required();
    sub->add_option("--step", args.steps, "Only those of this step; may be given several times")
        ->allow_extra_args(false);
    sub->add_option("--reason", args.reasons,
                    "Only those whose reason contains this, or is listed as this")
        ->allow_extra_args(false);
  };
  const auto where = [&](CLI::App* sub) {
    sub->add_option("--offset,-o", args.at,
                    "Only these: N, FIRST-LAST, PARTITION:N or PARTITION:FIRST-LAST")
        ->allow_extra_args(false);
  };
  auto* list = leaf(*letters, "list", "How many there are, by step and reason", line,
                    [&](session& with) { return dead_letters_list(with, args); });
  which(list);
  where(list);
  auto* show = leaf(*letters, "show", "Print them: headers, key and value", line,
                    [&](session& with) { return dead_letters_show(with, args); });
  which(show);
  show->add_option("offset,--offset,-o", args.at,
                   "Only these: N, FIRST-LAST, PARTITION:N or PARTITION:FIRST-LAST");
  show->add_option("--count,-n", args.count, "End after so many")->check(check_whole_number);
  show->add_flag("--raw", args.raw, "Only the values, byte for byte, nothing between them");
  show->footer("Example: penstock dead-letters show bad-lines 0:17");
  auto* replay = leaf(*letters, "replay", "Write them to the topic that they came from", line,
                      [&](session& with) { return dead_letters_replay(with, args); });
  which(replay);
  where(replay);
  replay->add_option("--to", args.to, "To this topic instead");
  replay->add_flag("--again", args.again, "Also those that have been replayed before");
  replay->add_flag("--dry-run", args.dry_run, "Only say what would be written");
  replay->footer(
      "What was replayed is remembered in the topic TOPIC-replayed.\n"
      "Example: penstock dead-letters replay bad-lines --step parse --dry-run");
}

void add_log_words(CLI::App& app, command_line& line) {
  auto* log = app.add_subcommand("log", "Look at the files of a data directory, read-only");
  log->require_subcommand(1)->fallthrough();
  auto& args = line.log;
  const auto where = [&](CLI::App* sub) {
    sub->add_option("topic", args.topics, "Topics; none: everything in the data directory");
    sub->add_option("--partition,-p", args.partitions, "Only this partition")
        ->check(check_partition_number)
        ->allow_extra_args(false);
  };
  auto* dump = leaf(*log, "dump", "Print batches, and records with --records", line,
                    [&](session& with) { return log_dump(with, args); });
  where(dump);
  dump->add_option("--file,-f", args.files,
                   "A .log, .index, .timeindex or .txnindex file instead of topics")
      ->allow_extra_args(false);
  dump->add_option("--from", args.from, "Leave out batches that end below this offset")
      ->check(check_whole_number);
  dump->add_option("--count,-n", args.count, "At most so many batches of each partition")
      ->check(check_whole_number);
  dump->add_flag("--records,-r", args.records, "Also each record");
  dump->footer("Example: penstock log dump orders --partition 0 --records");
  auto* verify = leaf(*log, "verify", "Check every byte; exit status 1 when anything is damaged",
                      line, [&](session& with) { return log_verify(with, args); });
  where(verify);
  verify->footer("Example: penstock log verify --on /var/lib/penstock");
}

void add_job_words(CLI::App& app, command_line& line) {
  auto* job = app.add_subcommand("job", "Look into a running job");
  job->require_subcommand(1)->fallthrough();
  auto* status = leaf(*job, "status", "State, rates and lag of the job that runs on --on", line,
                      [&](session& with) { return job_status(with, line.job); });
  status->add_option("--interval", line.job.interval_ms, "Milliseconds over which rates are taken")
      ->check(CLI::Range(0u, 60'000u));
}

void add_node_words(CLI::App& app, command_line& line) {
  auto* node = leaf(app, "node", "Serve the clients of Kafka until it is told to stop", line,
                    [&](session&) -> result<int> {
                      PENSTOCK_ASSIGN(auto config, read_node_config(line.node));
                      return node_run(std::move(config));
                    });
  node->add_option("--config,-c", line.node.config,
                   "A file in the form of Kafka's server.properties")
      ->required();
  node->add_option("--override", line.node.overrides, "NAME=VALUE, instead of what the file says")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  node->footer(
      "SIGTERM or Ctrl-C ends it cleanly.\n"
      "Example: penstock node --config config/server.properties");
}

// Not for people, who find them installed: made from the words above.
void add_shell_words(CLI::App& app, command_line& line) {
  auto* completions = leaf(app, "completions", "Print a script that completes words and options",
                           line, [&](session& with) -> result<int> {
                             const auto which = line.shell == "bash"  ? shell::bash
                                                : line.shell == "zsh" ? shell::zsh
                                                                      : shell::fish;
                             append_completions(words_of(app), which, with.out.text());
                             return exit_ok;
                           });
  completions->add_option("shell", line.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completions->group("");
  leaf(app, "man", "Print the man page", line, [&](session& with) -> result<int> {
    append_man_page(words_of(app), std::string{version()}, with.out.text());
    return exit_ok;
  })->group("");
}

// Standard output is for what was asked for.
void log_to_standard_error() {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("penstock"));
  spdlog::set_pattern("%n: %v");
}

// The parser says "--on: 1 required TEXT missing" and "--on: At Most 1 required but received 2".
std::string in_words(const CLI::ParseError& wrong) {
  const std::string text = wrong.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&wrong) == nullptr) return text;
  const auto name = text.substr(0, text.find(':'));
  if (text.ends_with("missing")) return name + " needs a value";
  return text.find("At Most 1 ") == text.npos ? text : name + " may be given once";
}

// A word that there is not, or what the parser says.
std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& wrong) {
  const auto* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  const auto rest = app.remaining(true);
  const auto words = at->get_subcommands([](const CLI::App*) { return true; });
  if (words.empty() || (!rest.empty() && rest.front().starts_with('-'))) return in_words(wrong);
  std::vector<std::string> known;
  for (const auto* each : words)
    if (!each->get_group().empty()) known.push_back(each->get_name());
  if (rest.empty() && dynamic_cast<const CLI::RequiredError*>(&wrong) == nullptr)
    return in_words(wrong);
  if (rest.empty())
    return fmt::format("{} needs a word: there are {}", at->get_name(), fmt::join(known, ", "));
  const auto meant = nearest(rest.front(), known);
  return fmt::format("{} has no word \"{}\"{}", at->get_name(), rest.front(),
                     meant.empty() ? fmt::format(": there are {}", fmt::join(known, ", "))
                                   : fmt::format(": did you mean \"{}\"?", meant));
}

// The parser may have stopped before it came to the flag.
bool wants_json(int argc, char** argv) {
  return std::any_of(argv, argv + argc,
                     [](const char* each) { return std::string_view{each} == "--json"; });
}

void report(const error& why, bool json) {
  if (json) {
    bytes text = "{\"error\":{\"code\":";
    append_json_string(name_of(why.code()), text);
    text += ",\"message\":";
    append_json_string(why.message(), text);
    text += "}}\n";
    std::fputs(text.c_str(), stderr);
    return;
  }
  session::note(why.message());
}

int run_word(command_line& line) {
  output out;
  session with{line.on, line.json, out, std::chrono::seconds{line.patience_s}};
  auto done = line.chosen(with);
  auto written = out.flush();
  if (done.has_value() && !written.has_value()) done = written.error();
  if (done.has_value()) return *done;
  // A reader that has had enough (`| head`) is a normal end.
  if (done.error().code() == errc::cancelled && !stop_requested()) return exit_ok;
  if (done.error().code() == errc::cancelled) return exit_killed;
  report(done.error(), line.json);
  return exit_status_of(done.error().code());
}

}  // namespace

void session::note(std::string_view line) {
  // One line, whatever a message carries.
  std::string text{line};
  for (auto& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  fmt::print(stderr, "penstock: {}\n", text);
}

int run(int argc, char** argv) {
  log_to_standard_error();
  if (argc > 1 && is_kafka_front(argv[1])) return run_kafka_front({argv + 1, argv + argc});
  catch_stop_signals();
  command_line line;
  CLI::App app{"Durable topics, consumer groups and jobs of a Penstock data directory", "penstock"};
  app.set_version_flag("--version", "penstock " + std::string{version()});
  app.add_option(
      "--on", line.on,
      "A data directory, or penstock://HOST:PORT (default " + std::string{default_directory} + ")");
  auto* bootstrap = app.add_option(
      "--bootstrap", line.bootstrap,
      "HOST:PORT of a node, the port that Kafka's clients use: --on penstock://HOST:PORT");
  bootstrap->excludes(app.get_option("--on"));
  app.add_option("--patience", line.patience_s,
                 "Seconds to wait for a node that goes away meanwhile")
      ->check(CLI::Range(0u, 1'000'000u))
      ->capture_default_str();
  app.add_flag("--json", line.json, "Print JSON, one value per line");
  app.require_subcommand(1);
  add_topic_words(app, line);
  add_record_words(app, line);
  add_group_words(app, line);
  add_dead_letter_words(app, line);
  add_log_words(app, line);
  add_job_words(app, line);
  add_node_words(app, line);
  add_shell_words(app, line);
  app.footer(examples);  // behind the words, which would take it over
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    const int status = app.exit(asked);
    if (!app.get_subcommands().empty()) std::fputs(common_options, stdout);
    return finish_standard_output("penstock", status);
  } catch (const CLI::ParseError& wrong) {
    report(error{errc::invalid_argument,
                 what_is_wrong(app, wrong) + " (penstock --help lists everything)"},
           wants_json(argc, argv));
    return exit_usage;
  }
  if (bootstrap->count() > 0) {  // though it may be empty, as an unset variable is
    auto on = on_of_bootstrap("--bootstrap", line.bootstrap);
    if (!on) {
      report(on.error(), line.json);
      return exit_usage;
    }
    line.on = *std::move(on);
  }
  return run_word(line);
}

}  // namespace penstock::tool
