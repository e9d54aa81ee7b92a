// A web site by its logs: the access log while it rotates, the application's log with its stack
// traces, and the machine's package log.
#include "examples/log_pipeline/pipelines.hpp"
#include "examples/log_pipeline/results.hpp"

#include <cstdio>

using namespace penstock;

namespace {

struct tally {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
};
PENSTOCK_FIELDS(tally, requests, errors);

struct alert {
  timestamp since;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
};
PENSTOCK_FIELDS(alert, since, requests, errors);

const topic<std::string, logs::access> requests{"requests", format::json};
const topic<std::string, logs::access> failures{"failures", format::json};
const topic<std::string, std::uint64_t> per_path{"requests-per-path", format::text};
const topic<std::string, std::uint64_t> per_status{"requests-per-status", format::text};
const topic<std::string, windowed<std::uint64_t>> per_minute{"requests-per-minute", format::json};
const topic<std::string, alert> alerts{"alerts", format::json};
const topic<std::string, std::string> traces{"traces", format::text};
const topic<std::string, std::uint64_t> per_language{"traces-per-language", format::text};
const topic<std::string, std::uint64_t> packages{"packages", format::text};
const topic<std::string, std::string> dead_letters{"unreadable", format::text};

std::string page_of(const logs::access& a) {
  return a.path.substr(0, a.path.find('?'));
}

void watch_requests(topology& t, const settings& s) {
  auto all = t.tail("access", s.logs + "/access.log*")
                 .try_map("parse", logs::combined)
                 .redact("private", private_parts, &logs::access::client, &logs::access::ident,
                         &logs::access::user, &logs::access::path, &logs::access::referer)
                 // Their versions look like addresses.
                 .redact("agents", {redact::email, redact::token}, &logs::access::agent)
                 .event_time("time", &logs::access::time, out_of_order{1s});
  auto [failed, fine] = all.branch(
      "by-outcome", when("failed", [](const logs::access& a) { return a.status >= 500; }),
      rest("fine"));
  failed.to(failures);
  fine.to(requests);

  auto by_page = all.key_by("by-page", page_of);
  by_page.count("per-path").to(per_path);
  by_page.window(tumbling{1min, grace{5s}})
      .count("per-minute")
      .on_close(idle_after{5s})
      .to(per_minute);
  all.key_by("by-status", [](const logs::access& a) { return std::to_string(a.status); })
      .count("per-status")
      .to(per_status);

  all.key_by("site", [](const logs::access&) { return std::string{"site"}; })
      .window(tumbling{2s, grace{1s}})
      .aggregate("tally", tally{},
                 [](tally& sum, const logs::access& a) {
                   ++sum.requests;
                   if (a.status >= 500) ++sum.errors;
                 })
      .on_close(idle_after{2s})
      .filter("burst",
              [](const windowed<tally>& w) { return w->errors * 50 > w->requests; })  // 2 %
      .map("to-alert",
           [](const windowed<tally>& w) {
             return alert{w.start, w->requests, w->errors};
           })
      .to(alerts);
}

// Of a trace that logs::all_traces has put together.
std::string language_of(const std::string& trace) {
  const auto has = [&](std::string_view text) { return trace.find(text) != trace.npos; };
  if (has("Traceback (most recent call last)")) return "python";
  if (has("goroutine ")) return "go";
  if (has("#0 ") || has(" 0# ") || has("terminate called ")) return "c++";
  return "java";
}

void watch_application(topology& t, const settings& s) {
  auto all =
      t.tail("application", s.logs + "/app.log*", {.multiline = logs::all_traces()})
          .filter("with-trace",
                  [](const std::string& event) { return event.find('\n') != std::string::npos; })
          .redact("private-traces", private_parts);
  all.to(traces);
  all.key_by("by-language", language_of).count("per-language").to(per_language);
}

// 2026-03-01 10:05:03 install libre2-9:amd64 <none> 20220601+dfsg-1+b1
void watch_packages(topology& t, const settings& s) {
  t.tail("package-log", s.packages)
      .map_values("action",
                  [](const std::string& line) {
                    const auto begin = line.size() > 20 ? line.substr(20) : std::string{};
                    return begin.substr(0, begin.find(' '));
                  })
      .key_by("by-action", [](const std::string& action) { return action; })
      .count("actions")
      .to(packages);
}

// The newest value of every key, as JSON.
std::string table_of(local_node& node, const topic<std::string, std::uint64_t>& from) {
  std::string all;
  for (const auto& [key, n] : newest_of(node, from))
    all += (all.empty() ? "{" : ",") + json_text(key) + ':' + std::to_string(n);
  return all.empty() ? "{}" : all + "}";
}

}  // namespace

topology build_site(const settings& s) {
  topology t{"site"};
  t.on_bad_record(dead_letter{dead_letters.name()});
  watch_requests(t, s);
  watch_application(t, s);
  watch_packages(t, s);
  return t;
}

int sum_up_site(local_node& node) {
  std::printf(
      "{\"paths\":%s,\"status\":%s,\"requests\":%s,\"failures\":%s,\"garbage\":%s,\"traces\":%s,"
      "\"languages\":%s,\"alerts\":%s,\"minutes\":%s,\"packages\":%s}\n",
      table_of(node, per_path).c_str(), table_of(node, per_status).c_str(),
      std::to_string(count_of(node, requests.name())).c_str(),
      std::to_string(count_of(node, failures.name())).c_str(),
      std::to_string(count_of(node, dead_letters.name())).c_str(),
      std::to_string(count_of(node, traces.name())).c_str(), table_of(node, per_language).c_str(),
      std::to_string(count_of(node, alerts.name())).c_str(),
      std::to_string(count_of(node, per_minute.name())).c_str(), table_of(node, packages).c_str());
  return 0;
}
