// What do patterns cost? Regular expressions and grok beside the parser that is written for the
// same format, redaction and assembly of events beside a loop by hand.
//   bench_patterns [ROUNDS]
#include <fmt/format.h>

#include <functional>
#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "bench/support/report.hpp"
#include "streams/base/random.hpp"

namespace penstock::bench {
namespace {

using lines_of = std::vector<std::string>;

constexpr std::size_t line_count = 20'000;

struct hit {
  std::string client;
  std::string path;
  std::uint16_t status = 0;
  std::optional<std::uint64_t> bytes;
};
PENSTOCK_FIELDS(hit, client, path, status, bytes);

struct grok_hit {
  std::string clientip;
  std::string request;
  std::uint16_t response = 0;
  std::optional<std::uint64_t> bytes;
};
PENSTOCK_FIELDS(grok_hit, clientip, request, response, bytes);

/// Access log lines of about 190 bytes. One in ten has an e-mail address or a token in its query.
lines_of access_log() {
  random chance{3};
  lines_of made;
  for (std::size_t i = 0; i < line_count; ++i) {
    const char* query = "";
    if (chance.chance(1, 10)) {
      query = chance.chance(1, 2) ? "?user=ada@example.org" : "?token=0123456789abcdef";
    }
    made.push_back(fmt::format(
        "{}.{}.{}.{} - - [17/May/2015:{:02}:{:02}:{:02} +0000] \"GET /images/{}/page{}.png{} "
        "HTTP/1.1\" {} {} \"http://www.example.com/index.html\" \"Mozilla/5.0 (Macintosh; Intel "
        "Mac "
        "OS X 10_9_1) AppleWebKit/537.36\"",
        1 + chance.below(223), chance.below(256), chance.below(256), chance.below(256),
        i / 3600 % 24, i / 60 % 60, i % 60, chance.below(100), chance.below(10'000), query,
        chance.chance(1, 20) ? 503 : 200, chance.below(200'000)));
  }
  return made;
}

/// A log of Java: one line in ten is an exception with ten frames.
lines_of java_log() {
  random chance{5};
  lines_of made;
  for (std::size_t i = 0; i < line_count; ++i) {
    const bool failed = chance.chance(1, 10);
    made.push_back(
        fmt::format("[2015-05-17 {:02}:{:02}:{:02},123] {} Handled request {} (org.acme)",
                    i / 3600 % 24, i / 60 % 60, i % 60, failed ? "ERROR" : "INFO", i));
    if (!failed) continue;
    made.emplace_back("org.acme.StoreException: no space left");
    for (int frame = 0; frame < 10; ++frame) {
      made.push_back(fmt::format("\tat org.acme.Store.save{}(Store.java:{})", frame, frame * 7));
    }
  }
  return made;
}

template <class Each>
std::function<double()> timed(const lines_of& lines, Each each) {
  return [&lines, each] {
    std::size_t seen = 0;
    const double before = thread_cpu_seconds();
    for (const std::string& line : lines) seen += each(line);
    const double ns = (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(lines.size());
    if (seen == 0) die("nothing was read");
    return ns;
  };
}

void bench_parsers(int rounds, const lines_of& lines) {
  const logs::regex<hit> regex{R"(^(?P<client>\S+) \S+ \S+ \[[^\]]+\] "\S+ (?P<path>\S+) [^"]*" )"
                               R"((?P<status>\d+) (?:-|(?P<bytes>\d+)) )"};
  const logs::grok<grok_hit> grok{"^%{COMBINEDAPACHELOG}$"};
  if (!regex.problem().empty() || !grok.problem().empty()) die(regex.problem() + grok.problem());
  const auto ns = take_turns(
      rounds, {timed(lines, [](const std::string& l) { return logs::combined(l)->path.size(); }),
               timed(lines, [&](const std::string& l) { return regex(l)->path.size(); }),
               timed(lines, [&](const std::string& l) { return grok(l)->request.size(); })});
  report("patterns: regex of 4 groups beside logs::combined, ns/line", ns[1], ns[0], std::nullopt);
  report("patterns: grok COMBINEDAPACHELOG beside logs::combined, ns/line", ns[2], ns[0],
         std::nullopt);
}

/// By hand: the addresses at the front and the e-mail addresses, by looking for '@'.
std::size_t redact_by_hand(const std::string& line) {
  std::string out = "[ipv4]";
  out += std::string_view{line}.substr(line.find(' '));
  const std::size_t sign = out.find('@');
  if (sign != std::string::npos) {
    std::size_t begin = sign;
    while (begin > 0 && (std::isalnum(static_cast<unsigned char>(out[begin - 1])) != 0)) --begin;
    std::size_t end = sign + 1;
    while (end < out.size() &&
           (std::isalnum(static_cast<unsigned char>(out[end])) != 0 || out[end] == '.')) {
      ++end;
    }
    out.replace(begin, end - begin, "[email]");
  }
  return out.size();
}

void bench_redact(int rounds, const lines_of& lines) {
  const redact::redactor two{redact::email, redact::ipv4};
  const redact::redactor all{redact::email, redact::ipv4, redact::ipv6, redact::card,
                             redact::token};
  const redact::redactor hashed{{redact::email, redact::ipv4},
                                redact::keyed_hash{"a key of the benchmark"}};
  const auto ns =
      take_turns(rounds, {timed(lines, redact_by_hand),
                          timed(lines, [&](const std::string& l) { return two(l).size(); }),
                          timed(lines, [&](const std::string& l) { return all(l).size(); }),
                          timed(lines, [&](const std::string& l) { return hashed(l).size(); })});
  report("patterns: redact email and ipv4, ns/line", ns[1], ns[0], std::nullopt);
  report("patterns: redact all kinds, ns/line", ns[2], ns[0], std::nullopt);
  report("patterns: redact email and ipv4 by keyed hash, ns/line", ns[3], ns[0], std::nullopt);
}

void bench_multiline(int rounds, const lines_of& lines) {
  const auto assembled = [&lines](const logs::multiline& how) {
    return [&lines, fresh = must(logs::event_assembler::make(how))] {
      logs::event_assembler assembler = fresh;
      std::size_t seen = 0;
      const logs::event_assembler::emit_function emit = [&](std::string_view event) {
        seen += event.size();
      };
      const double before = thread_cpu_seconds();
      for (const std::string& line : lines) assembler.add(line, {}, emit);
      assembler.finish(emit);
      const double ns = (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(lines.size());
      if (seen == 0) die("nothing was assembled");
      return ns;
    };
  };
  const auto by_hand = [&lines] {
    std::string event;
    std::size_t seen = 0;
    const double before = thread_cpu_seconds();
    for (const std::string& line : lines) {
      if (!line.empty() && line[0] == '[') {
        seen += event.size();
        event = line;
      } else {
        (event += '\n') += line;
      }
    }
    const double ns = (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(lines.size());
    if (seen == 0) die("nothing was assembled");
    return ns;
  };
  logs::multiline start;
  start.start_pattern = "^\\[\\d{4}-";
  const auto ns = take_turns(rounds, {by_hand, assembled(start), assembled(logs::java_traces())});
  report("patterns: events by a start pattern, ns/line", ns[1], ns[0], std::nullopt);
  report("patterns: events by java_traces, ns/line", ns[2], ns[0], std::nullopt);
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  const int rounds = rounds_from(argc, argv);
  const lines_of lines = access_log();
  bench_parsers(rounds, lines);
  bench_redact(rounds, lines);
  bench_multiline(rounds, java_log());
  return 0;
}
