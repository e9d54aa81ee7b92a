// Any log: reads a file in one of the usual formats, takes out what is private, puts every event
// into a topic, counts events by status or level and by second, keeps what it cannot read as dead
// letters, and sums up.
#include "examples/log_pipeline/pipelines.hpp"
#include "examples/log_pipeline/results.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>

using namespace penstock;

namespace {

struct event {
  timestamp time;
  std::string kind;  // the status of a request, the level of a message
  std::string from;  // who caused it: a client, a host and program, a logger
  std::string text;
  std::uint64_t lines = 1;  // of the file
};
PENSTOCK_FIELDS(event, time, kind, from, text, lines);

struct tally {
  std::uint64_t events = 0;
  std::uint64_t lines = 0;
};
PENSTOCK_FIELDS(tally, events, lines);

const topic<std::string, tally> kinds{"kinds", format::json};
const topic<std::string, windowed<std::uint64_t>> rates{"rates", format::json};
const topic<std::string, event> late_events{"late-events", format::json};
const topic<no_key, std::string> dead_letters{"dead-letters", format::text};

using parser = std::function<result<event>(const std::string&)>;

// One of the library's parsers, and what of its outcome makes an event.
template <class Parse, class Convert>
parser make_parser(Parse parse, Convert convert) {
  return [=](const std::string& text) -> result<event> {
    auto parsed = parse(text);
    if (!parsed) return parsed.error();
    result<event> made = convert(*parsed);
    if (made)
      made->lines = 1 + static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    return made;
  };
}

result<event> from_access(const logs::access& a) {
  return event{a.time, std::to_string(a.status), a.client, a.method + ' ' + a.path};
}

result<event> from_syslog(const logs::syslog_message& m) {
  return event{m.time, std::string{logs::severity_name(m.severity)}, m.host + ' ' + m.app,
               m.message};
}

result<event> from_log4j(const logs::log4j_event& e) {
  return event{e.time, e.level, e.logger, e.trace.empty() ? e.message : e.message + '\n' + e.trace};
}

result<event> from_nginx_error(const logs::nginx_error_event& e) {
  return event{e.time, e.level, e.client, e.message};
}

// Documents name their fields as they like: the first of the usual names that is there.
std::string first_of(const logs::fields& all, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto* found = all.find(name)) return *found;
  }
  return {};
}

result<event> from_fields(const logs::fields& all) {
  const auto when = first_of(all, {"time", "timestamp", "@timestamp", "ts", "t", "date"});
  if (when.empty())
    return error{errc::bad_record,
                 "there is no time: none of time, timestamp, @timestamp, ts, t and date is there"};
  auto time = logs::parse_time(when, machine_clock().now());
  if (!time) return time.error();
  auto kind = first_of(all, {"level", "severity", "lvl", "status"});
  return event{*time, kind.empty() ? "none" : kind,
               first_of(all, {"host", "hostname", "service", "address", "logger"}),
               first_of(all, {"message", "msg", "text"})};
}

const std::map<std::string, parser> parsers{
    {"combined", make_parser(logs::combined, from_access)},
    {"common", make_parser(logs::common, from_access)},
    {"syslog", make_parser(logs::syslog, from_syslog)},
    {"log4j", make_parser(logs::log4j, from_log4j)},
    {"json", make_parser(logs::json, from_fields)},
    {"logfmt", make_parser(logs::logfmt, from_fields)},
    {"nginx-error", make_parser(logs::nginx_error, from_nginx_error)},
};

// Which lines make an event: a stack trace belongs to the message above it.
std::optional<logs::multiline> joined_lines(const settings& s) {
  if (s.format != "log4j") return std::nullopt;
  return logs::multiline{R"(^\[?\d{4}(-\d\d-|/\d\d/|\d{4}[T_ ])\d\d)", {}};
}

template <class K>
void count(const stream<K, std::string>& lines, const settings& s) {
  auto all = lines.try_map("parse", parsers.at(s.format));
  if (!s.as_is)
    all = all.redact("private", private_parts, &event::kind, &event::from, &event::text);
  all.to(topic<K, event>{"events", format::json});
  all.key_by("by-kind", &event::kind)
      .aggregate("tally", tally{},
                 [](tally& sum, const event& e) {
                   ++sum.events;
                   sum.lines += e.lines;
                 })
      .to(kinds);
  all.key_by("together", [](const event&) { return std::string{"all"}; })
      .event_time("time", &event::time, out_of_order{s.out_of_order})
      .window(tumbling{s.window, grace{s.grace}})
      .late(late_events)
      .count("rate")
      .on_close(idle_after{30s})
      .to(rates);
}

// A file whose name looks like a pattern is that file.
std::string pattern_for(const std::string& input) {
  if (!std::filesystem::exists(input)) return input;
  std::string escaped;
  for (const char c : input) {
    if (std::string_view{"*?[\\"}.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// Events that span lines are dead letters of several lines.
std::uint64_t lines_of_dead_letters(local_node& node) {
  std::uint64_t lines = 0;
  auto in = node.reader(dead_letters);
  do {
    const auto some = in.poll(1s);
    if (!some) break;
    for (const auto& each : *some)
      lines +=
          1 + static_cast<std::uint64_t>(std::count(each.value.begin(), each.value.end(), '\n'));
  } while (!in.at_end());
  return lines;
}

}  // namespace

std::vector<std::string> formats_of_any_file() {
  std::vector<std::string> names;
  for (const auto& [name, parse] : parsers) names.push_back(name);
  return names;
}

topology build_any_file(const settings& s) {
  topology t{"log-pipeline"};
  t.on_bad_record(dead_letter{dead_letters.name()});
  if (s.input.empty() || s.input == "-") {
    lines_from input = standard_input;
    input.multiline = joined_lines(s);
    count(t.lines("input", input), s);
  } else {
    count(t.tail("input", pattern_for(s.input), {.multiline = joined_lines(s)}), s);
  }
  return t;
}

int sum_up_any_file(const settings& s, local_node& node) {
  std::uint64_t parsed = 0;
  const auto unread = count_of(node, dead_letters.name());
  std::uint64_t lines = unread == 0 ? 0 : lines_of_dead_letters(node);
  std::string by_kind;
  for (const auto& [kind, n] : newest_of(node, kinds)) {
    parsed += n.events;
    lines += n.lines;
    by_kind += (by_kind.empty() ? "" : ",") + json_text(kind) + ':' + std::to_string(n.events);
  }
  const bool access = s.format == "combined" || s.format == "common";
  const std::string line = "{\"lines\":" + std::to_string(lines) +
                           ",\"parsed\":" + std::to_string(parsed) +
                           ",\"dead_letters\":" + std::to_string(unread) +
                           ",\"late\":" + std::to_string(count_of(node, late_events.name())) +
                           (access ? ",\"status\":{" : ",\"levels\":{") + by_kind + "}}";
  std::puts(line.c_str());
  return 0;
}
