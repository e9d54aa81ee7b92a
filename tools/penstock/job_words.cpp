// penstock job status: how the job of another process is going, seen through its node's socket.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "launch/exit_status.hpp"
#include "streams/record/serde_text.hpp"
#include "tools/penstock/arguments.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

std::string_view name_of(wire::TaskChanged::State state) {
  switch (state) {
    case wire::TaskChanged::State::RESTORING:
      return "restoring";
    case wire::TaskChanged::State::RUNNING:
      return "running";
    case wire::TaskChanged::State::CAUGHT_UP:
      return "caught up";
    case wire::TaskChanged::State::ENDED:
      return "ended";
    case wire::TaskChanged::State::FAILED:
      return "failed";
  }
  return "unknown";
}

struct rates {
  double in = 0;
  double out = 0;
};

void numbers_json(wire::TaskNumbers::Reader numbers, bytes& to) {
  fmt::format_to(std::back_inserter(to),
                 "\"records_in\":{},\"records_out\":{},\"late\":{},\"bad\":{},\"lag\":{},"
                 "\"restored\":{},\"state_bytes\":{}",
                 numbers.getRecordsIn(), numbers.getRecordsOut(), numbers.getLate(),
                 numbers.getBad(), numbers.getLag(), numbers.getRestored(),
                 numbers.getStateBytes());
}

std::string_view name_of(wire::ConnectorChanged::State state) {
  switch (state) {
    case wire::ConnectorChanged::State::STARTING:
      return "starting";
    case wire::ConnectorChanged::State::RUNNING:
      return "running";
    case wire::ConnectorChanged::State::ENDED:
      return "ended";
    case wire::ConnectorChanged::State::FAILED:
      return "failed";
  }
  return "unknown";
}

void connectors_json(wire::JobReply::Reader job, bytes& to) {
  to += "\"connectors\":[";
  bool first = true;
  for (auto each : job.getConnectors()) {
    if (!std::exchange(first, false)) to += ',';
    const auto n = each.getNumbers();
    to += "{\"name\":";
    append_json_string(view(each.getName()), to);
    fmt::format_to(std::back_inserter(to),
                   ",\"source\":{},\"state\":\"{}\",\"records\":{},\"bytes\":{},"
                   "\"waiting\":{},\"dropped\":{},\"cut\":{}",
                   each.getSource(), name_of(each.getState()), n.getRecords(), n.getBytes(),
                   n.getWaiting(), n.getDropped(), n.getCut());
    if (each.getDownSinceMs() >= 0) {
      fmt::format_to(std::back_inserter(to),
                     ",\"down_since_ms\":{},\"down_why\":", each.getDownSinceMs());
      append_json_string(view(each.getDownWhy()), to);
    }
    to += '}';
  }
  to += "],";
}

void connectors_text(wire::JobReply::Reader job, bytes& to) {
  if (job.getConnectors().size() == 0) return;
  table rows{
      {"  CONNECTOR", "STATE", "RECORDS", "BYTES", "WAITING", "DROPPED", "CUT", "DOWN SINCE"}};
  for (auto each : job.getConnectors()) {
    const auto n = each.getNumbers();
    std::string down = "-";
    if (each.getDownSinceMs() >= 0) {
      down.clear();
      detail::append_text(from_millis(each.getDownSinceMs()), down);
      down += ": " + std::string{view(each.getDownWhy())};
    }
    rows.add({std::string{view(each.getName())}, std::string{name_of(each.getState())},
              fmt::format("{}", n.getRecords()), readable_bytes(n.getBytes()),
              fmt::format("{}", n.getWaiting()), fmt::format("{}", n.getDropped()),
              fmt::format("{}", n.getCut()), down});
  }
  rows.print(to);
}

void status_json(wire::JobReply::Reader job, const rates& now, bytes& to) {
  to += "{\"state\":";
  append_json_string(view(job.getState()), to);
  fmt::format_to(
      std::back_inserter(to),
      ",\"tasks\":{},\"records_in_per_second\":{:.1f},\"records_out_per_second\":{:.1f},",
      job.getTasks(), now.in, now.out);
  numbers_json(job.getNumbers(), to);
  to += ',';
  connectors_json(job, to);
  to += "\"per_task\":[";
  bool first = true;
  for (auto task : job.getPerTask()) {
    if (!std::exchange(first, false)) to += ',';
    fmt::format_to(std::back_inserter(to),
                   "{{\"part\":{},\"partition\":{},\"state\":", task.getPart(),
                   task.getPartition());
    append_json_string(name_of(task.getState()), to);
    to += ',';
    numbers_json(task.getNumbers(), to);
    if (task.getFailure().getCode() != 0) {
      to += ",\"failure\":";
      append_json_string(view(task.getFailure().getMessage()), to);
    }
    to += '}';
  }
  to += "]}\n";
}

void status_text(wire::JobReply::Reader job, const rates& now, bytes& to) {
  const auto numbers = job.getNumbers();
  fmt::format_to(std::back_inserter(to),
                 "{}: {} tasks, {} records in ({:.0f}/s), {} out ({:.0f}/s), lag {}, late {}, bad "
                 "{}, state {}\n",
                 view(job.getState()), job.getTasks(), numbers.getRecordsIn(), now.in,
                 numbers.getRecordsOut(), now.out, numbers.getLag(), numbers.getLate(),
                 numbers.getBad(), readable_bytes(numbers.getStateBytes()));
  table rows{{"  PART", "PARTITION", "STATE", "IN", "OUT", "LAG", "LATE", "BAD", "RESTORED"}};
  for (auto task : job.getPerTask()) {
    const auto n = task.getNumbers();
    std::string state{name_of(task.getState())};
    if (task.getFailure().getCode() != 0) {
      state += ": " + std::string{view(task.getFailure().getMessage())};
    }
    rows.add({fmt::format("{}", task.getPart()), fmt::format("{}", task.getPartition()), state,
              fmt::format("{}", n.getRecordsIn()), fmt::format("{}", n.getRecordsOut()),
              fmt::format("{}", n.getLag()), fmt::format("{}", n.getLate()),
              fmt::format("{}", n.getBad()), fmt::format("{}", n.getRestored())});
  }
  rows.print(to);
  connectors_text(job, to);
}

}  // namespace

result<int> job_status(session& with, const job_arguments& args) {
  PENSTOCK_ASSIGN(auto at, with.open());
  if (!at->attached()) {
    return error{errc::not_found,
                 fmt::format("no process works on {}: start the job first", with.on)};
  }
  using steady = std::chrono::steady_clock;
  const auto sample = [&] { return at->ask_of<job_reply>(at->job(), job_request{}, 30s); };
  PENSTOCK_ASSIGN(const auto first, sample());
  const auto first_at = steady::now();
  std::this_thread::sleep_for(std::chrono::milliseconds{args.interval_ms});
  PENSTOCK_ASSIGN(const auto second, sample());
  const auto between = std::chrono::duration<double>{steady::now() - first_at}.count();
  const auto before = first.open();
  const auto job = second.open();
  const auto rate = [&](std::uint64_t then, std::uint64_t now) {
    return now > then && between > 0 ? static_cast<double>(now - then) / between : 0.0;
  };
  const auto old_numbers = before->getNumbers();
  const auto numbers = job->getNumbers();
  const rates now{rate(old_numbers.getRecordsIn(), numbers.getRecordsIn()),
                  rate(old_numbers.getRecordsOut(), numbers.getRecordsOut())};
  if (with.json) {
    status_json(*job, now, with.out.text());
  } else {
    status_text(*job, now, with.out.text());
  }
  PENSTOCK_TRY(at->close());
  return exit_ok;
}

}  // namespace penstock::tool
