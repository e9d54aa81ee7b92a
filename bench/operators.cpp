// What does a step of the DSL cost? Nanoseconds of processor time per record for chains of maps
// over real record batches, on one thread and in memory.
//   bench_operators [ROUNDS]
#include <fmt/format.h>

#include <penstock/penstock.hpp>
#include <string>
#include <vector>

#include "bench/support/report.hpp"
#include "bench/support/workload.hpp"

namespace penstock::bench {
namespace {

const topic<no_key, std::uint64_t> numbers{"numbers"};
const topic<no_key, std::uint64_t> results{"results"};

topology chain(int steps) {
  topology t{"chain"};
  auto s = t.from(numbers);
  for (int i = 0; i < steps; ++i) {
    s = s.map("m" + std::to_string(i), [](std::uint64_t n) { return n * 3 + 1; });
  }
  s.filter("none", [](std::uint64_t n) { return n == 0; }).to(results);
  return t;
}

void bench_steps(int rounds) {
  input_writer writer;
  bytes scratch;
  for (std::uint64_t i = 0; i < 4'000'000; ++i) {
    writer.add(from_millis(0), std::nullopt, encoded(i, scratch));
  }
  const input in = writer.finish();
  std::vector<plan> plans;
  for (const int steps : {0, 1, 10}) plans.push_back(chain(steps).plan());
  std::vector<std::function<double()>> variants;
  for (const plan& each : plans) {
    variants.push_back([&in, &each] {
      no_output out;
      const auto runner = runner_of(each, 0, out);
      const double before = thread_cpu_seconds();
      for (const bytes& raw : in.batches) feed(*runner, raw);
      return (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(in.records);
    });
  }
  const auto ns = take_turns(rounds, variants);
  report("decode a record and filter it, ns", ns[0]);
  report("the same behind 1 map, ns (beside none)", ns[1], ns[0], std::nullopt);
  report("the same behind 10 maps, ns (beside none)", ns[2], ns[0], std::nullopt);
  samples step;
  for (std::size_t i = 0; i < ns[0].values.size(); ++i)
    step.values.push_back((ns[2].values[i] - ns[0].values[i]) / 10);
  report("a stateless step with its function, ns", step, std::nullopt, at_most(5));
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  penstock::bench::bench_steps(penstock::bench::rounds_from(argc, argv));
}
