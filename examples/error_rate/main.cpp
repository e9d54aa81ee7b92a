// Watches the access log of a web server: when more than one in twenty requests for a path fail
// within a minute, an alert goes out.
#include <penstock/penstock.hpp>

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>

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

// The text between `open` and `close`, behind which `from` then goes on; false without it.
bool take(std::string_view& from, std::string_view open, std::string_view close,
          std::string_view& into) {
  const auto begin = from.find(open);
  if (begin == std::string_view::npos) return false;
  const auto end = from.find(close, begin + open.size());
  if (end == std::string_view::npos) return false;
  into = from.substr(begin + open.size(), end - begin - open.size());
  from.remove_prefix(end + close.size());
  return true;
}

template <class Number>
bool number(std::string_view text, Number& into) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), into);
  return wrong == std::errc{} && end == text.data() + text.size();
}

// "17/May/2015:10:05:03 +0000"
bool parse_time(std::string_view text, timestamp& into) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 26 || text[2] != '/' || text[6] != '/' || text[11] != ':') return false;
  int day = 0, year = 0, hour = 0, minute = 0, second = 0, zone = 0;
  const auto month = months.find(text.substr(3, 3));
  if (month == std::string_view::npos || month % 3 != 0) return false;
  if (!number(text.substr(0, 2), day) || !number(text.substr(7, 4), year) ||
      !number(text.substr(12, 2), hour) || !number(text.substr(15, 2), minute) ||
      !number(text.substr(18, 2), second) || !number(text.substr(22, 4), zone))
    return false;
  using namespace std::chrono;
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month{static_cast<unsigned>(month / 3 + 1)},
                            std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  const auto ahead = hours{zone / 100} + minutes{zone % 100};
  into = sys_days{date} + hours{hour} + minutes{minute} + seconds{second} -
         (text[21] == '-' ? -ahead : ahead);
  return true;
}

// A line of Apache's or nginx's access log.
result<request> parse(const std::string& line) {
  std::string_view rest = line, time, asked, status;
  request r;
  if (!take(rest, "[", "]", time) || !take(rest, "\"", "\"", asked) ||
      !take(rest, " ", " ", status) || !parse_time(time, r.time) || !number(status, r.status))
    return {errc::bad_record, "not a line of an access log: " + line.substr(0, 80)};
  std::string_view path;
  if (!take(asked, " ", " ", path)) path = asked;
  r.path = path.substr(0, path.find('?'));
  return r;
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
