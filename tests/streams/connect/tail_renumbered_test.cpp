// Rotated files whose number or date changes when they are compressed.
#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/tail_follower.hpp"

using namespace penstock;
using test::follower;
using test::line;
using test::lines;
using test::listed;
using test::strings;

TEST_CASE("a file that is compressed under the next number is the content it was", "[tail]") {
  struct names {
    std::string before;
    std::string after;
  };
  const auto [before, after] = GENERATE(values<names>({
      {"/log/app.log.1", "/log/app.log.2.gz"},
      {"/log/app.log.1", "/log/app.log.7.gz"},
      {"/log/app.1.log", "/log/app.2.log.gz"},
      {"/log/app-1", "/log/app-2.gz"},
      {"/log/app-20261122.log", "/log/app-20261122.log.gz"},
      {"/log/app.log-20261122", "/log/app.log-20261123.gz"},
  }));
  const bool crash = GENERATE(false, true);
  const int many = GENERATE(1, 500);
  INFO(before << " " << after);
  test::memory_files files;
  files.append(before, lines(0, many));
  follower f{files, "/log/app*"};
  CHECK(f.looked() == listed(0, many));
  files.compress(before, after);
  if (crash) f.crash();
  for (int n = 0; n < 20; ++n) {
    CHECK(f.looked().empty());
    f.wait(1s);
  }
  f.crash();
  CHECK(f.looked().empty());
}

TEST_CASE("daily rotation with a delayed compression gives each line once", "[tail]") {
  const bool at_once = GENERATE(false, true);  // else a look between any two steps
  const bool crash = GENERATE(false, true);
  const int each_day = GENERATE(1, 3, 500);
  test::memory_files files;
  const auto name = [](int number) { return "/log/app.log." + std::to_string(number); };
  files.append(name(1), lines(0, each_day));
  files.append("/log/app.log", lines(each_day, 2 * each_day));
  follower f{files, "/log/app.log*"};
  f.look();
  f.commit();
  const auto stepped = [&] {
    if (at_once) return;
    f.look();
    f.commit();
    if (crash) f.crash();
  };
  constexpr int days = 6;
  for (int day = 2; day < days; ++day) {
    files.compress(name(1), name(1) + ".gz");
    stepped();
    for (int number = day - 1; number > 0; --number) {
      files.rename(name(number) + ".gz", name(number + 1) + ".gz");
      stepped();
    }
    files.rename("/log/app.log", name(1));
    stepped();
    files.append("/log/app.log", lines(day * each_day, (day + 1) * each_day));
    if (crash) f.crash();
    for (int n = 0; n < 4; ++n) {
      f.look();
      f.commit();
      f.wait(1s);
    }
  }
  auto all = f.taken();
  auto expected = listed(0, days * each_day);
  std::sort(all.begin(), all.end());
  std::sort(expected.begin(), expected.end());
  CHECK(all == expected);
}

TEST_CASE("what was not read before it was compressed under another number is read", "[tail]") {
  test::memory_files files;
  files.append("/log/app.log.1", lines(0, 100));
  follower f{files, "/log/app.log*"};
  CHECK(f.looked() == listed(0, 100));
  files.append("/log/app.log.1", lines(100, 120));
  files.compress("/log/app.log.1", "/log/app.log.2.gz");
  if (GENERATE(false, true)) f.crash();
  f.look();
  CHECK(f.looked() == listed(100, 120));
  f.crash();
  CHECK(f.looked().empty());
}

TEST_CASE("another file of the log under another number is read whole", "[tail]") {
  test::memory_files files;
  const std::string header(GENERATE(20, 300, 3000), '#');
  const bool header_alone = GENERATE(false, true);
  const bool crash = GENERATE(false, true);
  files.append("/log/app.log.1", header + "\n" + lines(0, 40));
  follower f{files, "/log/app.log*"};
  CHECK(f.looked().size() == 41);
  files.remove("/log/app.log.1");
  const auto other = header + "\n" + (header_alone ? "" : lines(50, 60));
  files.append("/log/app.log.2.gz", test::memory_files::gzip(other));
  if (crash) f.crash();
  for (int n = 0; n < 4; ++n) {
    f.look();
    f.wait(3s);
  }
  auto expected = header_alone ? strings{} : listed(50, 60);
  expected.insert(expected.begin(), header);
  CHECK(f.taken() == expected);
}

TEST_CASE("a file of another log is not taken for a content that is gone", "[tail]") {
  test::memory_files files;
  files.append("/log/worker-1.log", lines(0, 40));
  follower f{files, "/log/*"};
  CHECK(f.looked() == listed(0, 40));
  files.compress("/log/worker-1.log", "/log/worker-2.log.gz");
  f.crash();
  CHECK(f.looked() == listed(0, 40));
}
