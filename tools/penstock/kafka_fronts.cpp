#include "tools/penstock/kafka_fronts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "launch/exit_status.hpp"
#include "streams/base/version.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

// How a script tells what went wrong, so that others' scripts find it.
enum class complaint : std::uint8_t { plain, topics, groups };

struct front {
  std::string_view name;
  result<int> (*run)(kafka_front&);
  complaint says = complaint::plain;
};

constexpr front fronts[] = {
    {"kafka-topics", kafka_topics, complaint::topics},
    {"kafka-console-producer", kafka_console_producer},
    {"kafka-console-consumer", kafka_console_consumer},
    {"kafka-consumer-groups", kafka_consumer_groups, complaint::groups},
    {"kafka-configs", kafka_configs},
    {"kafka-get-offsets", kafka_get_offsets},
    {"kafka-dump-log", kafka_dump_log},
    {"kafka-storage", kafka_storage},
    {"kafka-server-start", kafka_server_start},
    {"kafka-server-stop", kafka_server_stop},
};

const front* find(std::string_view name) {
  const auto* at = std::find_if(std::begin(fronts), std::end(fronts),
                                [&](const front& each) { return each.name == name; });
  return at == std::end(fronts) ? nullptr : at;
}

void complain(const front& of, const error& why, bytes& to) {
  const bool usage = why == errc::invalid_argument;
  if (of.says == complaint::topics && !usage) {
    to += "Error while executing topic command : " + why.message() + "\n";
  } else if (of.says == complaint::groups && !usage) {
    to += "\nError: " + why.message() + "\n";
  } else {
    session::note(fmt::format("{}.sh: {}{}", of.name, why.message(),
                              usage ? fmt::format(" ({}.sh --help has the flags)", of.name) : ""));
  }
}

}  // namespace

bool is_kafka_front(std::string_view name) {
  return find(name) != nullptr;
}

bool kafka_front::wants_help() const {
  return std::find(words.begin(), words.end(), "--help") != words.end();
}

result<kafka_flags> kafka_front::parse(std::span<const kafka_flag> known,
                                       std::size_t words_max) const {
  if (!wants_help()) {
    PENSTOCK_ASSIGN(auto flags, kafka_flags::parse(known, words));
    if (flags.words().size() <= words_max) return flags;
    return error{errc::invalid_argument,
                 fmt::format("\"{}\" belongs to no flag", flags.words()[words_max])};
  }
  auto& to = out.text();
  to += fmt::format("{}.sh takes Kafka's flags:\n", name);
  for (const auto& each : known) {
    if (each.instead != nullptr) continue;
    const char* value = each.what == kafka_flag::takes::value   ? " VALUE"
                        : each.what == kafka_flag::takes::maybe ? " [VALUE]"
                                                                : "";
    to += fmt::format("  --{}{}\n", each.name, value);
  }
  to += "What each does is in Kafka's documentation; `penstock --help` has Penstock's own words.\n";
  return error{errc::cancelled, "help was asked for"};
}

result<session> kafka_front::at(const kafka_flags& flags) const {
  const auto servers = flags.value(bootstrap_flag.name);
  if (servers.empty())
    return error{errc::invalid_argument, "--bootstrap-server HOST:PORT is missing"};
  PENSTOCK_ASSIGN(auto on, on_of_bootstrap("--bootstrap-server", servers));
  return session{std::move(on), false, out, std::chrono::seconds{60}};
}

int run_kafka_front(std::vector<std::string> words) {
  const auto& of = *find(words.front());
  words.erase(words.begin());
  catch_stop_signals();
  output out;
  kafka_front with{of.name, words, out};
  result<int> done = static_cast<int>(exit_ok);
  if (std::find(words.begin(), words.end(), "--version") != words.end()) {
    out.text() += fmt::format("{}\n", version());
  } else {
    done = of.run(with);
  }
  // What was found before it went wrong stands above what went wrong.
  auto written = out.flush();
  if (!done && !(done.error() == errc::cancelled)) {
    complain(of, done.error(), out.text());
    if (written) written = out.flush();
  }
  if (!written && !(written.error() == errc::cancelled)) {
    session::note(fmt::format("{}.sh: {}", of.name, written.error().message()));
    return exit_failed;
  }
  if (!done) return done.error() == errc::cancelled && !stop_requested() ? exit_ok : exit_failed;
  return *done;
}

}  // namespace penstock::tool
