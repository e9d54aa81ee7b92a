// In which order the lines of several files come.
#include "tests/support/catch.hpp"
#include "tests/support/tail_follower.hpp"

using namespace penstock;
using test::follower;
using test::line;
using test::lines;
using test::listed;
using test::strings;

TEST_CASE("a rotated file is read to its end before the next is begun", "[tail]") {
  test::memory_files files;
  files.append("/log/a.log.2", lines(0, 30));
  files.append("/log/a.log.1", lines(30, 60));
  files.append("/log/a.log", lines(60, 90));
  follower f{files};
  f.settings.block_bytes = 500;  // of some 30 for each file
  f.start();
  CHECK(f.looked() == listed(0, 90));
  // What comes later to each is given without waiting for more.
  files.append("/log/a.log.1", lines(90, 91));
  files.append("/log/a.log", lines(91, 92));
  CHECK(f.looked() == listed(90, 92));
  files.append("/log/a.log", lines(92, 93));
  CHECK(f.looked() == listed(92, 93));
}

TEST_CASE("copies of rotated files are read in the order of rotation", "[tail]") {
  test::memory_files files;
  files.append("/log/a.log", lines(60, 90));
  files.append("/log/a.log.1", lines(30, 60));
  files.append("/log/a.log.2", lines(0, 30));
  follower f{files};
  CHECK(f.looked() == listed(0, 90));
}

TEST_CASE("a log waits for an older file that was just compressed", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a.log.1", lines(0, 30));
  files.compress("/log/a.log.1", "/log/a.log.1.gz");
  const auto touch = [&] {
    const auto time = f.wall.time_since_epoch() + std::chrono::duration_cast<duration>(f.now);
    files.touch("/log/a.log.1.gz", std::chrono::nanoseconds{time}.count());
  };
  touch();
  files.append("/log/a.log", lines(30, 60));
  files.append("/log/a2.log", lines(60, 61));
  CHECK(f.looked() == listed(60, 61));
  CHECK(f.reader->waits());
  f.wait(3s);
  CHECK(f.looked() == listed(0, 60));
  // Not for ever: somebody may go on to write it.
  follower late{files};
  touch();
  CHECK(late.looked() == listed(60, 61));
  for (int n = 0; n < 4; ++n) {
    f.wait(3s);
    late.wait(3s);
    touch();
    late.look();
  }
  CHECK(late.taken() == listed(30, 60));
}

TEST_CASE("a file that is compressed while its log is followed holds nothing up", "[tail]") {
  test::memory_files files;
  files.append("/log/a.log", lines(0, 30));
  follower f{files};
  CHECK(f.looked() == listed(0, 30));
  files.rename("/log/a.log", "/log/a.log.1");
  files.compress("/log/a.log.1", "/log/a.log.1.gz");
  const auto time = f.wall.time_since_epoch() + std::chrono::duration_cast<duration>(f.now);
  files.touch("/log/a.log.1.gz", std::chrono::nanoseconds{time}.count());
  files.append("/log/a.log", lines(30, 60));
  CHECK(f.looked() == listed(30, 60));
}

TEST_CASE("reading goes on in the order of rotation after a restart", "[tail]") {
  test::memory_files files;
  files.append("/log/a.log.2", lines(0, 30));
  files.append("/log/a.log.1", lines(30, 60));
  files.append("/log/a.log", lines(60, 90));
  follower f{files};
  f.settings.block_bytes = 500;
  f.start();
  f.now += 250ms;
  f.reader->scan(f.wall, f.now);
  CHECK(f.reader->read(1000, f.now, f.take()));
  f.commit();
  f.crash();
  f.look();
  CHECK(f.taken() == listed(0, 90));
}

TEST_CASE("files of several logs take turns", "[tail]") {
  test::memory_files files;
  files.append("/log/a1.log", lines(0, 30));
  files.append("/log/a2.log", lines(30, 60));
  follower f{files};
  f.settings.block_bytes = 500;
  f.start();
  const auto all = f.looked();
  REQUIRE(all.size() == 60);
  CHECK(all[29] != line(29));
  CHECK(all[59] == line(59));
}

TEST_CASE("the last event of a rotated file comes before those of the next", "[tail]") {
  test::memory_files files;
  const bool last = GENERATE(false, true);
  const std::string end = last ? " half" : " whole\n";
  files.append("/log/a.log.1", "1 one\n more\n1 two\n" + end);
  files.append("/log/a.log", "1 three\n1 four\n");
  follower f{files};
  logs::multiline how;
  how.start_pattern = "^1 ";
  f.settings.events = logs::event_assembler::make(how).value();
  f.start();
  f.look(1 << 20, last);
  f.reader->finish(f.take());
  CHECK(f.taken() ==
        strings{"1 one\n more", last ? "1 two\n half" : "1 two\n whole", "1 three", "1 four"});
}

TEST_CASE("half a line waits for its rest in a file beside a newer one", "[tail]") {
  test::memory_files files;
  files.append("/log/a.1.log", "one\nha");
  files.append("/log/a.2.log", "two\nha");
  follower f{files};
  f.look();
  f.wait(100s);
  f.look();
  files.append("/log/a.1.log", "lf\n");
  files.append("/log/a.2.log", "lf\n");
  f.look();
  const auto all = f.taken();
  CHECK(std::multiset<std::string>(all.begin(), all.end()) ==
        std::multiset<std::string>{"one", "two", "half", "half"});
}
