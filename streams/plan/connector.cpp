#include "streams/plan/connector.hpp"

#include <fmt/format.h>

namespace penstock {

namespace {

constexpr std::int32_t partitions_max = 10'000;
constexpr std::size_t line_bytes_least = 1024;
constexpr std::size_t line_bytes_most = std::size_t{64} << 20;

void check_partitions(const std::string& step, std::int32_t partitions,
                      std::vector<std::string>& problems) {
  if (partitions >= 1 && partitions <= partitions_max) return;
  problems.push_back(fmt::format("step \"{}\": {} partitions, but there must be 1 to {}", step,
                                 partitions, partitions_max));
}

void check_line_bytes(const std::string& step, std::size_t line_bytes_max,
                      std::vector<std::string>& problems) {
  if (line_bytes_max >= line_bytes_least && line_bytes_max <= line_bytes_most) return;
  problems.push_back(fmt::format("step \"{}\": lines of up to {} bytes, but it must be {} to {}",
                                 step, line_bytes_max, line_bytes_least, line_bytes_most));
}

void check(const std::string& step, const lines_source& from, std::vector<std::string>& problems) {
  check_partitions(step, from.partitions, problems);
  check_line_bytes(step, from.line_bytes_max, problems);
}

void check(const std::string& step, const file_sink& to, std::vector<std::string>& problems) {
  check_partitions(step, to.partitions, problems);
  if (to.path.empty() || to.path.back() == '/') {
    problems.push_back(
        fmt::format("step \"{}\": \"{}\" is no path of a file to write", step, to.path));
  }
}

std::string place(const lines_source& from) {
  return from.path.empty() ? "standard input" : from.path;
}

std::string place(const file_sink& to) {
  return to.path;
}

bool ends(const lines_source&) {
  return true;
}

bool remembers(const lines_source&) {
  return false;
}

bool again(const lines_source&) {
  return true;
}

}  // namespace

std::string place_of(const source_connector& from) {
  return std::visit([](const auto& one) { return place(one); }, from.how);
}

std::string place_of(const sink_connector& to) {
  return std::visit([](const auto& one) { return place(one); }, to.how);
}

bool has_end(const source_connector& from) {
  return std::visit([](const auto& one) { return ends(one); }, from.how);
}

bool has_checkpoint(const source_connector& from) {
  return std::visit([](const auto& one) { return remembers(one); }, from.how);
}

bool can_be_read_again(const source_connector& from) {
  return std::visit([](const auto& one) { return again(one); }, from.how);
}

std::int32_t partitions_of(const source_connector& from) {
  return std::visit([](const auto& one) { return one.partitions; }, from.how);
}

std::int32_t partitions_of(const sink_connector& to) {
  return std::visit([](const auto& one) { return one.partitions; }, to.how);
}

std::vector<std::string> problems_of(const std::string& step, const source_connector& from) {
  std::vector<std::string> problems;
  std::visit([&](const auto& one) { check(step, one, problems); }, from.how);
  return problems;
}

std::vector<std::string> problems_of(const std::string& step, const sink_connector& to) {
  std::vector<std::string> problems;
  std::visit([&](const auto& one) { check(step, one, problems); }, to.how);
  return problems;
}

std::string source_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-source";
}

std::string sink_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-sink";
}

std::string checkpoint_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-checkpoint";
}

}  // namespace penstock
