// How fast are log lines read? Each parser beside a loop by hand that cuts the same line at the
// same places and checks next to nothing; then parse and filter in one task, and through durable
// topics as a user's program does it.
//   bench_logs [ROUNDS]
#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "bench/support/access_lines.hpp"
#include "bench/support/report.hpp"
#include "bench/support/topics.hpp"
#include "bench/support/workload.hpp"
#include "streams/logs/csv.hpp"
#include "streams/logs/json.hpp"
#include "streams/logs/log4j.hpp"
#include "streams/logs/nginx_error.hpp"
#include "streams/logs/pairs.hpp"
#include "streams/logs/syslog.hpp"

namespace penstock::bench {
namespace {

constexpr std::size_t line_count = 100'000;

const topic<no_key, std::string> access_lines{"access-lines", format::text};
const topic<no_key, logs::access> failures{"failures"};

lines_of made_by(const std::function<std::string(std::size_t, random&)>& line) {
  random chance{5};
  lines_of made;
  for (std::size_t i = 0; i < line_count; ++i) made.push_back(line(i, chance));
  return made;
}

template <class Parse>
std::function<double()> timed(const lines_of& lines, Parse parse) {
  return [&lines, parse] {
    std::size_t seen = 0;
    const double before = thread_cpu_seconds();
    for (const std::string& line : lines) seen += parse(line);
    const double ns = (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(lines.size());
    if (seen == 0) die("nothing was read");
    return ns;
  };
}

/// Takes what is in front of `mark` off the front.
std::string_view cut(std::string_view& from, std::string_view mark) {
  const std::size_t found = from.find(mark);
  const std::string_view part = from.substr(0, found);
  from.remove_prefix(found == std::string_view::npos ? from.size() : found + mark.size());
  return part;
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The parts of a time like 2015-05-17 10:05:03, put together without any check.
std::int64_t seconds_of(std::string_view t) {
  using namespace std::chrono;
  const sys_days day = year{number(t.substr(0, 4))} /
                       month{static_cast<unsigned>(number(t.substr(5, 2)))} /
                       std::chrono::day{static_cast<unsigned>(number(t.substr(8, 2)))};
  return day.time_since_epoch().count() * 86'400LL + number(t.substr(11, 2)) * 3600 +
         number(t.substr(14, 2)) * 60 + number(t.substr(17, 2));
}

logs::access access_by_hand(std::string_view line) {
  logs::access a;
  a.client = cut(line, " ");
  a.ident = cut(line, " ");
  a.user = cut(line, " [");
  const std::string_view t = cut(line, "] \"");
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  using namespace std::chrono;
  const auto month_index = static_cast<unsigned>(months.find(t.substr(3, 3)) / 3 + 1);
  const sys_days day = year{number(t.substr(7, 4))} / month{month_index} /
                       std::chrono::day{static_cast<unsigned>(number(t.substr(0, 2)))};
  a.time = day + hours{number(t.substr(12, 2))} + minutes{number(t.substr(15, 2))} +
           seconds{number(t.substr(18, 2))};
  a.method = cut(line, " ");
  a.path = cut(line, " ");
  a.protocol = cut(line, "\" ");
  a.status = number(cut(line, " "));
  a.bytes = static_cast<std::uint64_t>(number(cut(line, " \"")));
  a.referer = cut(line, "\" \"");
  a.agent = cut(line, "\"");
  return a;
}

void bench_access(int rounds, const lines_of& lines) {
  const auto ns = take_turns(
      rounds,
      {timed(lines, [](const std::string& l) { return access_by_hand(l).path.size(); }),
       timed(lines, [](const std::string& l) { return logs::combined(l)->path.size(); }),
       timed(lines, [](const std::string& l) { return logs::combined_view(l)->path.size(); })});
  report("logs: combined, ns/line", ns[1], ns[0], at_most(250));
  report("logs: combined_view, ns/line", ns[2], ns[0], at_most(250));
}

/// One parser and its loop, as a row.
template <class ByHand, class Parse>
void bench_parser(int rounds, const std::string& name, const lines_of& lines, ByHand by_hand,
                  Parse parse) {
  const auto ns = take_turns(rounds, {timed(lines, by_hand), timed(lines, parse)});
  report("logs: " + name + ", ns/line", ns[1], ns[0], std::nullopt);
}

void bench_formats(int rounds) {
  const lines_of syslog = made_by([](std::size_t i, random& chance) {
    return fmt::format(
        "<38>1 2015-05-17T{}.123Z web{} sshd {} - - Accepted password for {} from {}", clock_of(i),
        chance.below(10), chance.below(30'000), word(chance, 4, 8), address(chance));
  });
  const timestamp now = from_millis(1'431'900'000'000);
  bench_parser(
      rounds, "syslog of RFC 5424", syslog,
      [](const std::string& l) {
        std::string_view rest = l;
        logs::syslog_message m;
        cut(rest, " ");
        m.time = from_millis(seconds_of(cut(rest, " ")) * 1000);
        m.host = cut(rest, " ");
        m.app = cut(rest, " ");
        m.proc = cut(rest, " ");
        m.id = cut(rest, " - ");
        m.message = rest;
        return m.message.size();
      },
      [now](const std::string& l) { return logs::read_syslog(l, now)->message.size(); });
  const lines_of java = made_by([](std::size_t i, random& chance) {
    return fmt::format("2015-05-17 {},123 INFO  [http-{}] com.example.{} - handled {} in {} ms",
                       clock_of(i), chance.below(20), word(chance, 5, 15), word(chance, 5, 20),
                       chance.below(500));
  });
  bench_parser(
      rounds, "log4j", java,
      [](const std::string& l) {
        std::string_view rest = l;
        logs::log4j_event e;
        e.time = from_millis(seconds_of(cut(rest, ",")) * 1000);
        cut(rest, " ");
        e.level = cut(rest, " ");
        cut(rest, "[");
        e.thread = cut(rest, "] ");
        e.logger = cut(rest, " - ");
        e.message = rest;
        return e.message.size();
      },
      [](const std::string& l) { return logs::log4j(l)->message.size(); });
  const lines_of pairs = made_by([](std::size_t i, random& chance) {
    return fmt::format(
        "at=info time=2015-05-17T{}Z method=GET path=/{} host={}.example.com status=200 bytes={} "
        "service={}ms connect={}ms request_id={}",
        clock_of(i), word(chance, 5, 20), word(chance, 5, 10), chance.below(100'000),
        chance.below(500), chance.below(5), word(chance, 20, 1));
  });
  bench_parser(
      rounds, "logfmt of 10 fields", pairs,
      [](const std::string& l) {
        std::string_view rest = l;
        logs::fields f;
        while (!rest.empty()) {
          std::string_view pair = cut(rest, " ");
          const std::string_view name = cut(pair, "=");
          f.add(std::string{name}, std::string{pair});
        }
        return f.size();
      },
      [](const std::string& l) { return logs::logfmt(l)->size(); });
  const lines_of values = made_by([](std::size_t, random& chance) {
    return fmt::format("{},{},\"{}, {}\",{},{}", chance.below(100'000), word(chance, 5, 10),
                       word(chance, 5, 10), word(chance, 5, 10), chance.below(100),
                       address(chance));
  });
  const logs::csv csv{{"id", "who", "where", "count", "client"}};
  bench_parser(
      rounds, "csv of 5 columns (the loop knows no quotes)", values,
      [](const std::string& l) {
        std::string_view rest = l;
        logs::fields f;
        for (const char* name : {"id", "who", "where", "count", "client"})
          f.add(name, std::string{cut(rest, ",")});
        return f.size();
      },
      [&csv](const std::string& l) { return csv(l)->size(); });
}

struct request {
  std::string path;
  std::int32_t status = 0;
  double seconds = 0;
};
PENSTOCK_FIELDS(request, path, status, seconds);

void bench_json(int rounds) {
  const lines_of documents = made_by([](std::size_t i, random& chance) {
    return fmt::format(
        R"({{"time":"2015-05-17T{}Z","client":"{}","request":{{"method":"GET","path":"/{}"}},)"
        R"("path":"/{}","status":200,"bytes":{},"seconds":0.{},"tags":["{}","{}"]}})",
        clock_of(i), address(chance), word(chance, 5, 20), word(chance, 5, 20),
        chance.below(100'000), 1 + chance.below(900), word(chance, 3, 8), word(chance, 3, 8));
  });
  simdjson::dom::parser parser;
  const auto by_hand = [&parser](const std::string& l) {
    simdjson::dom::element root;
    if (parser.parse(l).get(root) != simdjson::SUCCESS) return std::size_t{0};
    request r;
    std::string_view path;
    std::int64_t status = 0;
    if (root["path"].get(path) != simdjson::SUCCESS ||
        root["status"].get(status) != simdjson::SUCCESS ||
        root["seconds"].get(r.seconds) != simdjson::SUCCESS)
      return std::size_t{0};
    r.path = path;
    r.status = static_cast<std::int32_t>(status);
    return r.path.size();
  };
  bench_parser(rounds, "json into a struct (the loop: simdjson)", documents, by_hand,
               [](const std::string& l) { return logs::json_as<request>(l)->path.size(); });
  bench_parser(rounds, "json laid flat, 10 fields (the loop: 3 members)", documents, by_hand,
               [](const std::string& l) { return logs::json(l)->size(); });
}

// ---- parse and filter --------------------------------------------------------------------------

template <class Parser>
topology errors_by(Parser parser) {
  topology t{"errors"};
  t.on_bad_record(skip);
  t.from(access_lines)
      .try_map("parse", parser)
      .filter("failed", [](const auto& a) { return a.status >= 500; })
      .to(failures);
  return t;
}

void bench_task(int rounds, const lines_of& lines) {
  input_writer writer;
  for (int again = 0; again < 5; ++again) {
    for (const std::string& line : lines) writer.add(from_millis(0), std::nullopt, line);
  }
  const input in = writer.finish();
  std::vector<plan> plans;
  plans.push_back(errors_by(logs::combined).plan());
  plans.push_back(errors_by(logs::combined_view).plan());
  std::vector<std::function<double()>> variants;
  for (const plan& each : plans) {
    variants.push_back([&in, &each] {
      no_output out;
      const auto runner = runner_of(each, 0, out);
      const double before = thread_cpu_seconds();
      for (const bytes& raw : in.batches) feed(*runner, raw);
      const double took = thread_cpu_seconds() - before;
      if (out.records == 0) die("nothing came through the filter");
      return static_cast<double>(in.records) / took / 1e6;
    });
  }
  const auto rate = take_turns(rounds, variants);
  report("logs: combined, filter, one task, M lines/CPU-s", rate[0], std::nullopt, at_least(1));
  report("logs: combined_view, filter, one task, M lines/CPU-s", rate[1], std::nullopt,
         at_least(1));
}

void bench_durable(int rounds, const lines_of& lines) {
  std::string text;
  constexpr int times = 10;
  for (int again = 0; again < times; ++again) {
    for (const std::string& line : lines) text.append(line).append("\n");
  }
  const double total = static_cast<double>(lines.size()) * times;
  samples cpu, wall;
  for (int round = 0; round < rounds; ++round) {
    const temp_folder folder;
    const std::string data = folder.path() + "/data";
    fill_topic(data, access_lines.name(), text);
    const auto done = run_child({this_program(), "job", "--on", data, "--until-end", "--quiet"});
    cpu.values.push_back(total / done.cpu_seconds / 1e6);
    wall.values.push_back(total / done.wall_seconds / 1e6);
  }
  report("logs: topic, combined_view, filter, durable topic, M lines/CPU-s", cpu, std::nullopt,
         at_least(1));
  report("logs: the same, M lines/s by the clock", wall);
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  // As a child: the job, with the rest of the command line.
  if (argc > 1 && std::string_view{argv[1]} == "job")
    return penstock::run(errors_by(penstock::logs::combined_view), argc - 1, argv + 1);
  const int rounds = rounds_from(argc, argv);
  const lines_of lines = access_log(line_count);
  bench_access(rounds, lines);
  bench_formats(rounds);
  bench_json(rounds);
  bench_task(rounds, lines);
  bench_durable(rounds, lines);
}
