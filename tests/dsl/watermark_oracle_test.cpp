// Lateness in real data, against numbers that were counted by other means.
#include <fstream>

#include "streams/logs/access.hpp"
#include "tests/dsl/support.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {
namespace {

const topic<no_key, std::string> log{"access-log", format::text};

struct outcome {
  std::uint64_t bad = 0;
  std::uint64_t late = 0;
  std::uint64_t counted = 0;
};

outcome run_with(duration disorder, const std::vector<std::string>& lines) {
  topology t{"oracle"};
  t.on_bad_record(skip);
  const topic<std::string, windowed<std::uint64_t>> seconds{"seconds"};
  t.from(log)
      .try_map("parse", logs::combined_view)
      .key_by("all", [](const logs::access_view&) { return std::string{"all"}; })
      .event_time("time", &logs::access_view::time, out_of_order{disorder})
      .window(tumbling{1s, no_grace})
      .count("per-second")
      .on_close(never_idle)
      .to(seconds);
  test_driver d{t, {.partitions = 1}};
  for (const std::string& line : lines) d.feed(log, line);
  outcome found;
  found.late = d.late();
  found.bad = d.counters().bad;
  d.close_windows();
  for (const auto& [key, w] : d.drain(seconds)) found.counted += w.value;
  return found;
}

TEST_CASE("late records of a real access log are those that were counted independently",
          "[dsl][data]") {
  const auto folder = data_dir();
  if (!folder) {
    WARN("skipped: PENSTOCK_TEST_DATA is not set");
    return;
  }
  std::vector<std::string> lines;
  std::ifstream file{*folder + "/apache-access.log"};
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  REQUIRE(lines.size() == 10'000);
  const outcome patient = run_with(60s, lines);
  CHECK(patient.bad == 1);  // one line ends in the middle
  CHECK(patient.late == 0);
  CHECK(patient.counted == 9'999);
  const outcome strict = run_with(0s, lines);
  CHECK(strict.late == 9'447);
  CHECK(strict.counted == 552);
}

}  // namespace
}  // namespace penstock::test
