// Takes any log: reads a file in one of the usual formats, puts every event into a topic, counts
// events by status or level and by second, keeps what it cannot read as dead letters, and sums up.
//
//   log_pipeline --input FILE --format combined --on DIR --until-end --json
#include <penstock/client.hpp>
#include <penstock/penstock.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace penstock;

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

struct settings {
  std::string input;
  std::string format = "combined";
  duration out_of_order = 60s;
  duration window = 1s;
  duration grace = 0s;
  bool json = false;
};

const topic<no_key, event> events{"events", format::json};
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
lines_from reading(const settings& s) {
  lines_from how{s.input};
  if (s.format == "log4j") how.multiline = logs::multiline{R"(^\[?\d{4}-\d\d-\d\d)", {}};
  return how;
}

topology build(const settings& s) {
  topology t{"log-pipeline"};
  t.on_bad_record(dead_letter{dead_letters.name()});
  auto all = t.lines("input", reading(s)).try_map("parse", parsers.at(s.format));
  all.to(events);
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
  return t;
}

std::map<std::string, tally> tallies(local_node& node) {
  std::map<std::string, tally> newest;
  auto in = node.reader(kinds);
  do {
    const auto some = in.poll(1s);
    if (!some) break;
    for (const auto& each : *some) newest[each.key] = each.value;
  } while (!in.at_end());
  return newest;
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

// A topic that nothing was written to is not always there.
std::uint64_t count_of(local_node& node, const std::string& topic) {
  return node.count(topic).value_or(std::uint64_t{0});
}

// {"lines":10000,"parsed":9999,"dead_letters":1,"late":0,"status":{"200":9125,…}}
int sum_up(const settings& s, local_node& node) {
  std::uint64_t parsed = 0;
  const auto unread = count_of(node, dead_letters.name());
  std::uint64_t lines = unread == 0 ? 0 : lines_of_dead_letters(node);
  std::string by_kind;
  for (const auto& [kind, n] : tallies(node)) {
    parsed += n.events;
    lines += n.lines;
    bytes name;
    detail::append_json(std::string_view{kind}, name);
    by_kind += (by_kind.empty() ? "" : ",") + name + ':' + std::to_string(n.events);
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

int main(int argc, char** argv) {
  settings s;
  flags own;
  std::vector<std::string> formats;
  for (const auto& [name, parse] : parsers) formats.push_back(name);
  own.text("--input", s.input, "FILE", "the log to read")
      .choice("--format", s.format, formats, "how its lines are written")
      .time("--out-of-order", s.out_of_order, "how much later than newer ones an event may come")
      .time("--window", s.window, "over which events are counted")
      .time("--grace", s.grace, "how long a window waits for late events")
      .on("--json", s.json, "end with one line of JSON that sums up");
  if (const auto status = own.take(argc, argv)) return *status;
  return run(build(s), argc, argv, own,
             [&](local_node& node) { return s.json ? sum_up(s, node) : 0; });
}
