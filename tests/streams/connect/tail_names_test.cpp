// Files that have several names, by symbolic and by hard links, while they are followed.
#include "tests/support/catch.hpp"
#include "tests/support/tail_follower.hpp"

using namespace penstock;
using namespace penstock::test;

TEST_CASE("a file is read once, however many names it has", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  const bool symbolic = GENERATE(false, true);
  const bool from_start = GENERATE(false, true);
  // In front of the other by order, and behind it; also as a copy of it could be called.
  const std::string alias = GENERATE("/log/a-current", "/log/aa-web", "/log/a-web.log.1");
  const std::string path = "/log/a-web.log";
  const auto name = [&] {
    if (symbolic) files.symlink(path, alias);
    if (!symbolic) files.link(path, alias);
  };
  follower f{files};
  files.append(path, lines(0, 5));
  if (from_start) name();
  CHECK(f.looked() == listed(0, 5));
  if (!from_start) name();
  for (int n = 5; n < 20; n += 5) {
    files.append(path, lines(n, n + 4) + line(n + 4));
    if (crash) f.crash();
    CHECK(f.looked() == listed(n, n + 4));
    f.wait(std::chrono::seconds{3});  // half a line waits: nothing was rotated
    CHECK(f.looked().empty());
    files.append(path, "\n");
    CHECK(f.looked() == listed(n + 4, n + 5));
  }
  CHECK(f.reader->files() == 1);
  if (symbolic || from_start == false) CHECK(f.keys == std::set<std::string>{path});
  CHECK(f.notices.empty());
}

TEST_CASE("a link that is moved to another file brings that one, once", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  const std::string glob = GENERATE("/log/*", "/log/current");  // with the files, and alone
  const std::string folder = GENERATE("/log/", "/data/");
  if (glob == "/log/current" && folder == "/log/" && crash) return;
  follower f{files, glob};
  files.append(folder + "web-1", lines(0, 5));
  files.symlink(folder + "web-1", "/log/current");
  CHECK(f.looked() == listed(0, 5));
  files.append(folder + "web-2", lines(5, 7));
  files.symlink(folder + "web-2", "/log/current");
  if (crash) f.crash();
  CHECK(f.looked() == listed(5, 7));
  files.append(folder + "web-2", lines(7, 9));
  CHECK(f.looked() == listed(7, 9));
  f.wait(std::chrono::seconds{3});
  CHECK(f.looked().empty());
  if (crash) f.crash();
  CHECK(f.looked().empty());
}

TEST_CASE("a link whose file is gone says nothing, and its next file is read once", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  follower f{files};
  files.append("/log/a-1", lines(0, 5));
  files.symlink("/log/a-1", "/log/a");
  CHECK(f.looked() == listed(0, 5));
  files.remove("/log/a-1");
  if (crash) f.crash();
  CHECK(f.looked().empty());
  f.wait(std::chrono::seconds{3});
  CHECK(f.looked().empty());
  files.append("/log/a-1", lines(5, 10));
  CHECK(f.looked() == listed(5, 10));
  CHECK(f.looked().empty());
  if (!crash) CHECK(f.notices.empty());
}

TEST_CASE("a file that loses the name under which it is followed goes on under another", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  follower f{files};
  files.append("/log/a", lines(0, 5));
  files.link("/log/a", "/log/ab");
  CHECK(f.looked() == listed(0, 5));
  files.append("/log/a", lines(5, 7));
  files.remove("/log/a");
  files.append("/log/a", lines(10, 15));
  if (crash) f.crash();
  auto all = f.looked();
  CHECK(all.size() == 7);
  files.append("/log/ab", lines(7, 9));
  CHECK(f.looked() == listed(7, 9));
  CHECK(f.looked().empty());
}

TEST_CASE("a file that an earlier version read under two names goes on once", "[tail]") {
  test::memory_files files;
  const bool copy = GENERATE(false, true);
  const int size = GENERATE(2, 20);  // too little for a copy, and enough
  follower f{files};
  files.append("/log/a-web", lines(0, size));
  CHECK(f.looked() == listed(0, size));
  files.symlink("/log/a-web", "/log/a");
  // The one that is first may be what was taken for a copy.
  auto second = f.positions.at(1);
  second.number = 2;
  f.positions[2] = second;
  (copy ? f.positions[1] : f.positions[2]).path = "/log/a";
  if (copy) f.positions[1].copy_of = 2;
  if (copy && size == 2) f.positions[1].at = {};  // what was undecided, and never read
  f.crash();
  CHECK(f.looked().empty());
  files.append("/log/a-web", lines(size, size + 3));
  CHECK(f.looked() == listed(size, size + 3));
  f.crash();
  files.append("/log/a-web", lines(size + 3, size + 5));
  CHECK(f.looked() == listed(size + 3, size + 5));
  CHECK(f.looked().empty());
}
