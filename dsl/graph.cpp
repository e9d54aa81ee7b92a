#include "dsl/graph.hpp"

#include <fmt/format.h>

namespace penstock::detail {

std::string show_duration(duration d) {
  const auto ms = d.count();
  if (ms == 0) return "0s";
  if (ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms % 60'000 == 0) return fmt::format("{}min", ms / 60'000);
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  return fmt::format("{}ms", ms);
}

void check_duration(graph& g, const std::string& step, std::string_view what, duration d,
                    duration least) {
  if (d >= least && d <= std::chrono::hours{24 * 366 * 100}) return;
  g.problems.push_back(fmt::format("step \"{}\": {} is {}, but must be {} and at most a century",
                                   step, what, show_duration(d),
                                   least.count() > 0 ? "greater than zero" : "zero or more"));
}

}  // namespace penstock::detail
