// Watches the access log of a web server: when more than one in twenty requests for a path fail
// within a minute, an alert goes out.
#include <penstock/penstock.hpp>

#include <string>

using namespace penstock;

struct request {
  std::string path;
  std::int32_t status = 0;
  timestamp time;
};
PENSTOCK_FIELDS(request, path, status, time);

struct tally {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  double rate() const {
    return requests == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(requests);
  }
};
PENSTOCK_FIELDS(tally, requests, errors);

struct alert {
  timestamp minute;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
};
PENSTOCK_FIELDS(alert, minute, requests, errors);

const topic<no_key, std::string> access_log{"access-log", format::text};
const topic<std::string, request> late_requests{"late-requests", format::json};
const topic<std::string, alert> alerts{"alerts", format::json};

// What an alert needs of a line; the query is not part of a page's path.
result<request> parse(const std::string& line) {
  const auto read = logs::read_combined(line);
  if (!read) return read.error();
  return request{std::string{read->path.substr(0, read->path.find('?'))}, read->status, read->time};
}

topology build() {
  topology t{"error-rate"};
  t.on_bad_record(dead_letter{"bad-lines"});
  t.from(access_log)
      .try_map("parse", parse)
      .event_time("time", &request::time, out_of_order{60s})
      .key_by("by-path", &request::path)
      .window(tumbling{1min, grace{10s}})
      .late(late_requests)
      .aggregate("tally", tally{},
                 [](tally& sum, const request& r) {
                   ++sum.requests;
                   if (r.status >= 500) ++sum.errors;
                 })
      .on_close(idle_after{30s})
      .filter("hot", [](const windowed<tally>& w) { return w->rate() > 0.05; })
      .map("to-alert",
           [](const windowed<tally>& w) {
             return alert{w.start, w->requests, w->errors};
           })
      .to(alerts);
  return t;
}

int main(int argc, char** argv) {
  return run(build(), argc, argv);
}
