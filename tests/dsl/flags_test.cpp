#include "dsl/flags.hpp"

#include <array>

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using test::contains;

struct command_line {
  explicit command_line(std::vector<std::string> words) : held(std::move(words)) {
    for (auto& each : held) argv.push_back(each.data());
    argc = static_cast<int>(held.size());
    argv.push_back(nullptr);
  }
  std::vector<std::string> left() const { return {argv.begin(), argv.begin() + argc}; }

  std::vector<std::string> held;
  std::vector<char*> argv;
  int argc = 0;
};

TEST_CASE("a program's own flags are taken out, and the rest is left as it was", "[dsl][flags]") {
  std::string input = "none";
  std::string format = "a";
  duration window = 1s;
  bool terse = false;
  bool json = false;
  flags own;
  own.text("--input", input, "FILE", "what to read")
      .choice("--format", format, {"a", "b"}, "how")
      .time("--window", window, "how long")
      .on("--terse", terse, "whether")
      .json(json, "whether");
  command_line line{{"me", "--on", "d", "--input", "x y", "--window=2min", "--json", "--terse",
                     "--until-end", "--format", "b", "--", "--terse"}};
  CHECK_FALSE(own.take(line.argc, line.argv.data()));
  // `run` knows --json too.
  CHECK(line.left() ==
        std::vector<std::string>{"me", "--on", "d", "--json", "--until-end", "--", "--terse"});
  CHECK(terse);
  CHECK(own.has_json());
  CHECK(own.given("--window"));
  CHECK_FALSE(own.given("--on"));
  CHECK(line.argv[static_cast<std::size_t>(line.argc)] == nullptr);
  CHECK(input == "x y");
  CHECK(format == "b");
  CHECK(window == 2min);
  CHECK(json);
  CHECK_THAT(own.help(), contains("  --input FILE") && contains("--format a|b"));

  for (const auto& wrong : {std::vector<std::string>{"me", "--input"},
                            {"me", "--input", "--until-end"},
                            {"me", "--input", "a", "--input=b"},
                            {"me", "--format", "c"},
                            {"me", "--window", "soon"},
                            {"me", "--json=1"}}) {
    command_line bad{wrong};
    CHECK(own.take(bad.argc, bad.argv.data()) == 2);
  }
  command_line none{{"me"}};
  CHECK_FALSE(own.take(none.argc, none.argv.data()));
  CHECK(none.left() == std::vector<std::string>{"me"});
}

}  // namespace
}  // namespace penstock
