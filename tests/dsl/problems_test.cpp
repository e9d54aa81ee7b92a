// Mistakes that types cannot see, all reported at once.
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

const topic<std::string, int> in{"in"};
const topic<std::string, int> out{"out"};

bool says(const std::vector<std::string>& problems, const std::string& what) {
  for (const std::string& one : problems) {
    if (one.find(what) != std::string::npos) return true;
  }
  for (const std::string& one : problems) UNSCOPED_INFO(one);
  return false;
}

TEST_CASE("a topology reports every mistake at once, and does not run", "[dsl]") {
  topology t{"all wrong"};
  const topic<std::string, int> slash{"a/b"};
  const topic<std::string, double> other{"out"};
  t.from(in).count("same");
  t.from(in).sum("same");
  t.from(in).filter("", [](int) { return true; }).to(out);
  t.from(in).map("to-double", [](int n) { return 1.0 * n; }).to(other);
  t.from(in).to(slash);
  t.from(in).to(in);
  t.from(in).window(tumbling{0s, grace{-1s}}).count("windows").on_close(idle_after{0s});
  t.from(in).top_k("top", 0);
  t.from(in).sample("none", one_in{0});
  t.from(in).dedupe("twice", 0s);
  t.table("as-table", in);
  t.on_bad_record(dead_letter{"in"});
  topology stranger{"stranger"};
  t.from(in).merge("foreign", stranger.from(in));

  const auto problems = t.plan().problems();
  CHECK(says(problems, "topology's name \"all wrong\""));
  CHECK(says(problems, "two steps are called \"same\""));
  CHECK(says(problems, "the name \"\" of a filter step"));
  CHECK(says(problems, "topic \"out\" is used with different types"));
  CHECK(says(problems, "the topic name \"a/b\""));
  CHECK(says(problems, "topic \"in\" is read and written by the same topology"));
  CHECK(says(problems, "the window's size is 0s"));
  CHECK(says(problems, "the grace is -1s"));
  CHECK(says(problems, "idle_after is 0s"));
  CHECK(says(problems, "the top 0 is always empty"));
  CHECK(says(problems, "one in 0"));
  CHECK(says(problems, "within is 0s"));
  CHECK(says(problems, "topic \"in\" is read twice"));
  CHECK(says(problems, "is its dead-letter topic"));
  CHECK(says(problems, "two topologies"));
  CHECK_THROWS_WITH(test_driver{t}, contains("two steps are called") && contains("a/b"));
  CHECK_THAT(t.describe(), contains("problem: two steps are called"));
}

TEST_CASE("a topology that reads nothing is a mistake", "[dsl]") {
  CHECK(says(topology{"empty"}.plan().problems(), "reads no topic"));
}

TEST_CASE("an input cannot both go idle and never go idle", "[dsl]") {
  topology t{"undecided"};
  const auto w = t.from(in).window(tumbling{1min, no_grace});
  w.count("one").on_close(never_idle).print("a");
  w.count("two").on_close(idle_after{1s}).print("b");
  CHECK(says(t.plan().problems(), "\"one\" never lets its input go idle and \"two\" does"));
}

TEST_CASE("streams before and behind a hop cannot meet without another hop", "[dsl]") {
  topology t{"loop"};
  const auto s = t.from(in);
  const auto sums = s.key_by("by-size", [](const std::string& k, int) { return k; })
                        .reduce("total", [](int a, int b) { return a + b; })
                        .changes();
  s.merge("again", sums).count("n");
  CHECK(says(t.plan().problems(), "key_by \"by-size\" meet again"));
}

TEST_CASE("a topology that is right has no problems", "[dsl]") {
  topology t{"right"};
  t.from(in).count("n").changes().filter("all", [](std::uint64_t) { return true; }).print("p");
  CHECK(t.plan().problems().empty());
}

}  // namespace
}  // namespace penstock::test
