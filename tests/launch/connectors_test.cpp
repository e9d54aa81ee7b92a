// Connectors of jobs on a real directory, started as `run` starts them.
#include <penstock/penstock.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "launch/exit_status.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

int run_with(const topology& t, const std::string& dir, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"test", "--quiet", "--on", dir});
  std::vector<char*> args;
  for (auto& each : flags) args.push_back(each.data());
  args.push_back(nullptr);
  return run(t, static_cast<int>(flags.size()), args.data());
}

std::string text_of_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream{path, std::ios::binary}.rdbuf();
  return out.str();
}

void write(const std::string& path, const std::string& text) {
  std::ofstream{path, std::ios::binary} << text;
}

topology copy(const std::string& from, const std::string& to) {
  topology t{"copy"};
  t.lines("in", lines_from{from}).to_file("out", to);
  return t;
}

}  // namespace

TEST_CASE("lines go from a file through topics into a file, all of them and in order", "[launch]") {
  test::scratch_dir dir;
  const auto in = dir.path() + "/in", out = dir.path() + "/out";
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  write(in, text + "the last\r\nwithout newline");
  REQUIRE(run_with(copy(in, out), dir.path() + "/data", {"--until-end"}) == exit_ok);
  CHECK(text_of_file(out) == text + "the last\nwithout newline\n");
}

TEST_CASE("an empty input and a job without records end too", "[launch]") {
  test::scratch_dir dir;
  const auto in = dir.path() + "/in", out = dir.path() + "/out";
  write(in, "");
  REQUIRE(run_with(copy(in, out), dir.path() + "/data", {"--until-end"}) == exit_ok);
  CHECK(text_of_file(out).empty());
}

TEST_CASE("a sink goes on where it was, and after a reset everything is done again", "[launch]") {
  test::scratch_dir dir;
  const auto in = dir.path() + "/in", out = dir.path() + "/out", data = dir.path() + "/data";
  write(in, "a\nb\n");
  REQUIRE(run_with(copy(in, out), data, {"--until-end"}) == exit_ok);
  write(in, "c\n");
  REQUIRE(run_with(copy(in, out), data, {"--until-end"}) == exit_ok);
  CHECK(text_of_file(out) == "a\nb\nc\n");
  std::filesystem::remove(out);
  REQUIRE(run_with(copy(in, out), data, {"--until-end", "--reset"}) == exit_ok);
  CHECK(text_of_file(out) == "c\n");
}

TEST_CASE("files are followed over runs, each line once, keyed by their path", "[launch]") {
  test::scratch_dir dir;
  const auto data = dir.path() + "/data", out = dir.path() + "/out";
  topology t{"follow"};
  tail_options how;
  how.partitions = GENERATE(1, 3);
  t.tail("logs", dir.path() + "/*.log", how)
      .map("name",
           [](const std::string& path, const std::string& line) {
             return path.substr(path.rfind('/') + 1) + " " + line;
           })
      .to_file("out", out);
  const auto lines_of_out = [&] {
    std::multiset<std::string> all;
    std::istringstream in{text_of_file(out)};
    for (std::string line; std::getline(in, line);) all.insert(line);
    return all;
  };
  std::multiset<std::string> expected;
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += "line " + std::to_string(i) + "\n";
    expected.insert("a.log line " + std::to_string(i));
  }
  write(dir.path() + "/a.log", text);
  write(dir.path() + "/b.log", "one\nno newline");
  expected.insert({"b.log one", "b.log no newline"});
  REQUIRE(run_with(t, data, {"--until-end"}) == exit_ok);
  CHECK(lines_of_out() == expected);
  std::filesystem::rename(dir.path() + "/a.log", dir.path() + "/a.1.log");
  write(dir.path() + "/a.log", "new\n");
  expected.insert("a.log new");
  REQUIRE(run_with(t, data, {"--until-end"}) == exit_ok);
  CHECK(lines_of_out() == expected);
  REQUIRE(run_with(t, data, {"--until-end"}) == exit_ok);
  CHECK(lines_of_out() == expected);
}

TEST_CASE("a file that is not there fails the job by name", "[launch]") {
  test::scratch_dir dir;
  const auto status =
      run_with(copy(dir.path() + "/none", dir.path() + "/out"), dir.path() + "/data", {});
  CHECK(status == exit_not_found);
}

}  // namespace penstock
