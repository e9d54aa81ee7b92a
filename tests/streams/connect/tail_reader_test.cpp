// Files that are written, rotated, truncated and compressed while they are followed.
#include "streams/connect/tail_reader.hpp"

#include <algorithm>
#include <vector>

#include "streams/base/random.hpp"
#include "streams/connect/checkpoint.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/tail_follower.hpp"

using namespace penstock;
using namespace penstock::test;

TEST_CASE("lines are given as they are completed, and never twice", "[tail]") {
  test::memory_files files;
  follower f{files};
  CHECK(f.looked().empty());
  files.append("/log/a", "one\ntw");
  CHECK(f.looked() == strings{"one"});
  files.append("/log/a", "o\r\nthree");
  CHECK(f.looked() == strings{"two"});
  f.crash();
  files.append("/log/a", "\n");
  CHECK(f.looked() == strings{"three"});
  CHECK(f.looked().empty());
  f.reader->finish(f.take());
  CHECK(f.taken().empty());
}

TEST_CASE("what was not committed is given again after a crash", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a", "one\n");
  CHECK(f.looked() == strings{"one"});
  files.append("/log/a", "two\n");
  f.look();
  f.crash();
  CHECK(f.looked() == strings{"two"});
}

TEST_CASE("a file that is renamed is read to its end, and the new one from its start", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  const std::string to = GENERATE("/log/a.1", "/log/moved-a");
  follower f{files};
  files.append("/log/a", lines(0, 5));
  CHECK(f.looked() == listed(0, 5));
  files.append("/log/a", lines(5, 7) + "no newline");
  files.rename("/log/a", to);
  files.append("/log/a", lines(10, 12));
  // Outside of the pattern it is found while it is open, or in its folder by its old name.
  if (crash && to == "/log/moved-a") return;
  if (crash) f.crash();
  auto all = f.looked();
  CHECK(all.size() == 4);
  f.wait(std::chrono::seconds{3});
  f.look();
  const auto rest = f.looked();
  all.insert(all.end(), rest.begin(), rest.end());
  std::sort(all.begin(), all.end());
  auto expected = listed(5, 7);
  for (int n = 10; n < 12; ++n) expected.push_back(line(n));
  expected.push_back("no newline");
  std::sort(expected.begin(), expected.end());
  CHECK(all == expected);
  CHECK(f.keys.contains("/log/a"));
}

TEST_CASE("of many files that were renamed while nobody looked, the rest of each is read",
          "[tail]") {
  test::memory_files files;
  follower f{files, "/log/*.log"};
  const auto path = [](int n) { return "/log/app" + std::to_string(n) + ".log"; };
  constexpr int many = 60;
  for (int n = 0; n < many; ++n) files.append(path(n), lines(100 * n, 100 * n + 10));
  CHECK(f.looked().size() == 10 * many);
  for (int n = 0; n < many; ++n) {
    files.append(path(n), lines(100 * n + 10, 100 * n + 13));
    files.rename(path(n), path(n) + "-2026");  // the pattern does not match it
    if (n % 2 == 0) files.append(path(n), lines(100 * n + 50, 100 * n + 51));
  }
  f.crash();
  f.look();
  f.look();
  strings expected;
  for (int n = 0; n < many; ++n) {
    for (const auto& each : listed(100 * n + 10, 100 * n + 13)) expected.push_back(each);
    if (n % 2 == 0) expected.push_back(line(100 * n + 50));
  }
  auto got = f.fresh;
  std::sort(got.begin(), got.end());
  std::sort(expected.begin(), expected.end());
  CHECK(got == expected);
}

TEST_CASE("files that are renamed in the moment of looking for them stay what they are", "[tail]") {
  const auto seed = GENERATE(range(0, 200));
  penstock::random chance{static_cast<std::uint64_t>(seed)};
  test::memory_files files;
  follower f{files};
  const auto path = [](int n) { return n == 0 ? "/log/a" : "/log/a." + std::to_string(n); };
  for (int n = 3; n >= 0; --n) files.append(path(n), lines(1000 * n, 1000 * n + 500));
  CHECK(f.looked().size() == 2000);
  int next = 10'000;
  int renames = 6;
  files.before_open = [&] {
    if (renames == 0 || !chance.chance(1, 2)) return;
    --renames;
    for (int n = 20; n > 0; --n)
      if (files.exists(path(n - 1))) files.rename(path(n - 1), path(n));
    files.append(path(0), lines(next, next + 3));
    next += 3;
  };
  f.crash();
  strings all;
  for (int look = 0; look < 20; ++look) {
    const auto some = f.looked();
    all.insert(all.end(), some.begin(), some.end());
    f.wait(std::chrono::seconds{1});
  }
  std::sort(all.begin(), all.end());
  INFO("seed " << seed);
  CHECK(all == listed(10'000, next));
}

TEST_CASE("a copy of a file that is then truncated is the file's rest", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  const bool look_between = GENERATE(false, true);
  const std::string glob = GENERATE("/log/a*", "/log/a");
  follower f{files, glob};
  files.append("/log/a", lines(0, 5));
  CHECK(f.looked() == listed(0, 5));
  files.append("/log/a", lines(5, 7));
  files.copy("/log/a", "/log/a.1");
  strings all;
  if (look_between) all = f.looked();
  files.truncate("/log/a");
  files.append("/log/a", lines(10, 30));  // larger than it was
  if (crash) f.crash();
  for (const auto& each : f.looked()) all.push_back(each);
  for (const auto& each : f.looked()) all.push_back(each);
  std::sort(all.begin(), all.end());
  auto expected = listed(5, 7);
  for (int n = 10; n < 30; ++n) expected.push_back(line(n));
  std::sort(expected.begin(), expected.end());
  CHECK(all == expected);
}

TEST_CASE("a rotated file that is compressed is the content it was", "[tail]") {
  test::memory_files files;
  const bool crash = GENERATE(false, true);
  follower f{files};
  files.append("/log/a", lines(0, 5));
  files.rename("/log/a", "/log/a.1");
  CHECK(f.looked() == listed(0, 5));
  files.compress("/log/a.1", "/log/a.1.gz");
  if (crash) f.crash();
  for (int i = 0; i < 20; ++i) CHECK(f.looked().empty());
  f.crash();
  CHECK(f.looked().empty());
}

TEST_CASE("a compressed file that nobody knew is read once, to its last line", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a.2.gz", test::memory_files::gzip(lines(0, 500)) +
                                  test::memory_files::gzip(lines(500, 503) + "the last"));
  auto expected = listed(0, 503);
  expected.push_back("the last");
  CHECK(f.looked() == expected);
  CHECK(f.looked().empty());
  f.crash();
  CHECK(f.looked().empty());
  files.rename("/log/a.2.gz", "/log/a.3.gz");
  f.crash();
  CHECK(f.looked().empty());
}

TEST_CASE("the part of a file that was read is left out of its compressed copy", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a", lines(0, 5));
  CHECK(f.looked() == listed(0, 5));
  files.append("/log/a", lines(5, 9));
  files.rename("/log/a", "/log/a.1");
  files.compress("/log/a.1", "/log/a.1.gz");
  f.crash();  // else it is still open
  CHECK(f.looked() == listed(5, 9));
}

TEST_CASE("another file under a number that was used before is another file", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a", lines(0, 5));
  CHECK(f.looked() == listed(0, 5));
  f.reader.reset();
  files.remove("/log/a");
  files.append("/log/a", lines(20, 40));
  f.crash();
  CHECK(f.looked() == listed(20, 40));
}

TEST_CASE("files that are there at the very first start may be begun at their end", "[tail]") {
  test::memory_files files;
  files.append("/log/a", "old\nhalf");
  follower f{files};
  f.settings.from_head = false;
  f.start();
  CHECK(f.looked().empty());
  files.append("/log/a", " old\nnew\n");
  files.append("/log/a2", "all\n");
  f.crash();
  CHECK(f.looked() == strings{"half old", "new", "all"});
}

TEST_CASE("an event of several lines is given whole, and read again when it was not", "[tail]") {
  test::memory_files files;
  follower f{files};
  logs::multiline how;
  how.start_pattern = "^[^ ]";
  f.settings.events = logs::event_assembler::make(how).value();
  f.start();
  files.append("/log/a", "one\n  more\ntwo\n");
  CHECK(f.looked() == strings{"one\n  more"});
  f.crash();
  files.append("/log/a", "  and more\n");
  CHECK(f.looked().empty());
  f.wait(std::chrono::seconds{3});
  CHECK(f.looked() == strings{"two\n  and more"});
}

TEST_CASE("what cannot be read is said once, and tried again", "[tail]") {
  test::memory_files files;
  files.make_folder("/log/a-folder");
  files.append("/log/a-secret", "secret\n");
  files.forbid("/log/a-secret");
  files.append("/log/a", "fine\n");
  follower f{files};
  CHECK(f.looked() == strings{"fine"});
  CHECK(f.looked().empty());
  REQUIRE(f.notices.size() == 2);
  CHECK_THAT(f.notices[0], test::contains("/log/a-folder is no regular file"));
  CHECK_THAT(f.notices[1], test::contains("Permission denied; trying again"));
  CHECK(f.reader->left_out() == strings{"cannot open /log/a-secret: Permission denied"});
  files.forbid("/log/a-secret", false);
  CHECK(f.looked() == strings{"secret"});
  CHECK(f.reader->left_out().empty());
}

TEST_CASE("a pattern that no file matches is said", "[tail]") {
  test::memory_files files;
  follower f{files};
  CHECK(f.looked().empty());
  CHECK(f.looked().empty());
  CHECK(f.notices == strings{"no file matches /log/a* yet; it is looked for again and again"});
}

TEST_CASE("a line that is too long comes in pieces, in bounded memory", "[tail]") {
  test::memory_files files;
  follower f{files};
  f.settings.line_bytes_max = 1024;
  f.settings.block_bytes = 300;
  f.start();
  files.append("/log/a", std::string(100'000, 'y') + "\nshort\n");
  const auto got = f.looked();
  REQUIRE(got.size() == 99);
  CHECK(got.back() == "short");
  CHECK(f.reader->lines_cut() == 1);
}

namespace {

/// A program that writes lines, and another that rotates them away: by renaming, or by copying, as
/// slowly as it likes, and truncating.
struct rotated_log {
  rotated_log(test::memory_files& on, std::uint64_t seed) : files(on), chance(seed), names(~seed) {}

  void write() {
    if (!header.empty() && (!files.exists(path) || files.size(path) == 0))
      files.append(path, header + "\n");
    const auto count = chance.chance(1, 8) ? 1 : 2 + chance.below(20);
    for (std::uint64_t n = 0; n < count; ++n) files.append(path, line(next++) + "\n");
    if (copying) unsafe_from = std::min(unsafe_from, next - static_cast<int>(count));
    said("write " + std::to_string(next - static_cast<int>(count)) + " … " +
         std::to_string(next - 1));
  }

  void rename() {
    if (copying || !files.exists(path) || files.size(path) == 0) return;
    to = "/log/a.log." + std::to_string(++rotated);
    files.rename(path, to);
    said("rename to " + to);
    old.push_back(to);
  }

  /// Of less than 256 bytes nobody can say whether it is a copy, unless it is cut off soon.
  void begin_copy() {
    if (copying || !files.exists(path) || files.size(path) < 256) return;
    to = "/log/a.log." + std::to_string(++rotated);
    files.append(to, "");
    copying = true;
    copied = false;
    said("copy to " + to);
  }

  void rotate_at_once() {
    if (copying || !files.exists(path) || files.size(path) == 0) return;
    to = "/log/a.log." + std::to_string(++rotated);
    files.copy(path, to);
    files.truncate(path);
    said("copy to " + to + " and cut off");
    old.push_back(to);
    if (chance.chance(1, 2)) compress();
  }

  /// Some more of the copy; what is written later than its last part is lost to whoever did not
  /// read it in time.
  void copy_on() {
    if (!copying || copied) return;
    const auto had = files.size(to);
    const auto content = files.content(path);
    const auto least = had == 0 ? 256 : 1;  // what is less at first may be a file of its own
    const auto some = least + chance.below(chance.chance(1, 4) ? 100 : 4000);
    files.append(to, content.substr(had, some));
    copied = had + some >= content.size();
    said("copied up to " + std::to_string(files.size(to)) + " of " +
         std::to_string(content.size()));
    if (copied) unsafe_from = next;
  }

  void cut_off() {
    if (!copying || !copied) return;
    copying = false;
    files.truncate(path);
    said("cut off");
    for (; unsafe_from < next; ++unsafe_from) unseen.insert(line(unsafe_from));
    old.push_back(to);
  }

  void compress() {
    if (old.empty()) return;
    const auto which = old[chance.below(old.size())];
    old.erase(std::find(old.begin(), old.end(), which));
    files.compress(which, which + ".gz");
    said("compress " + which);
  }

  /// Rotation gives the next number to what it has rotated before, then compresses it, or not.
  void renumber() {
    if (old.empty()) return;
    auto& which = old[names.below(old.size())];
    to = "/log/a.log." + std::to_string(++rotated);
    files.rename(which, to);
    said("rename " + which + " to " + to);
    which = to;
    if (names.chance(1, 4)) return;
    files.compress(to, to + ".gz");
    old.erase(old.begin() + (&which - old.data()));
    said("compress " + to);
  }

  /// As a service that has a link to what it writes, or wrote.
  void name_anew() {
    const auto target = old.empty() || names.chance(1, 2) ? path : old[names.below(old.size())];
    const auto link = names.chance(1, 2) ? "/log/a-current" : "/log/a.log.current";
    files.symlink(target, link);
    said(std::string{link} + " is " + target);
  }

  void said(const std::string& what) { history += what + "\n"; }

  test::memory_files& files;
  penstock::random chance;
  penstock::random names;
  std::string path = "/log/a.log";
  std::string header;  // first line of every file
  std::string to;
  std::vector<std::string> old;
  std::string history;
  int next = 0;
  int rotated = 0;
  bool copying = false;
  bool copied = false;
  int unsafe_from = 0;           // written since the copy was complete
  std::set<std::string> unseen;  // … and cut away: perhaps nobody saw them
};

struct outcome {
  strings lost;
  strings twice;
};

/// What was given, beside what was written.
outcome compare_with(const rotated_log& log, strings given) {
  std::erase_if(given, [&](const auto& each) { return log.header.starts_with(each); });
  std::sort(given.begin(), given.end());
  auto expected = listed(0, log.next);
  std::sort(expected.begin(), expected.end());
  outcome is;
  std::set_difference(expected.begin(), expected.end(), given.begin(), given.end(),
                      std::back_inserter(is.lost));
  std::erase_if(is.lost, [&](const auto& each) { return log.unseen.contains(each); });
  std::set_difference(given.begin(), given.end(), expected.begin(), expected.end(),
                      std::back_inserter(is.twice));
  // The half of a line whose rest was cut away unseen.
  std::erase_if(is.twice, [&](const auto& each) {
    const auto whole = log.unseen.lower_bound(each);
    return whole != log.unseen.end() && *whole != each && whole->starts_with(each);
  });
  return is;
}

void follow_random_rotation(std::uint64_t seed, bool crashes) {
  test::memory_files files;
  follower f{files, "/log/a*"};
  rotated_log log{files, seed};
  auto& chance = log.chance;
  f.settings.block_bytes = 100 + chance.below(5000);
  if (chance.chance(1, 3)) f.settings.look_bytes = 2000;
  if (chance.chance(1, 3)) log.header = std::string(chance.chance(1, 2) ? 300 : 1500, 'h');
  f.start();
  const auto look = [&](std::size_t budget) {
    f.look(budget);
    log.said("look");
  };
  for (int step = 0; step < 300; ++step) {
    if (seed % 2 == 0 && log.names.chance(1, 20)) log.name_anew();
    if (seed % 3 == 0 && !log.copying && log.names.chance(1, 10)) log.renumber();
    switch (chance.below(18)) {
      case 0:
        if (!crashes) break;
        f.crash();
        log.said("crash");
        break;
      case 1:
        f.commit();
        break;
      case 2:
      case 3:
      case 4:
        look(1 + chance.below(4000));
        if (!crashes || chance.chance(1, 2)) f.commit();
        break;
      case 5:
        f.wait(std::chrono::seconds{static_cast<int>(chance.below(4))});
        break;
      case 6:
        log.rename();
        break;
      case 7:
        log.begin_copy();
        break;
      case 8:
      case 9:
      case 10:
        log.copy_on();
        // Most copies are cut off at once.
        if (chance.chance(3, 4)) log.cut_off();
        break;
      case 11:
        log.cut_off();
        break;
      case 12:
        log.rotate_at_once();
        break;
      case 13:
        if (chance.chance(1, 3)) log.compress();
        break;
      default:
        log.write();
    }
  }
  while (log.copying) {
    log.copy_on();
    log.cut_off();
  }
  for (int i = 0; i < 30; ++i) {
    look(1 << 20);
    f.commit();
  }
  const auto is = compare_with(log, f.given);
  INFO("seed " << seed << "\n" << log.history);
  CHECK(is.lost == strings{});
  if (!crashes) CHECK(is.twice == strings{});
}

}  // namespace

TEST_CASE("a copy is none of our business while its original has all of it", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a", lines(0, 100));
  CHECK(f.looked().size() == 100);
  files.append("/log/a.1", "");  // an empty file at first
  for (std::size_t at = 0; at < files.size("/log/a"); at += 3000) {
    CHECK(f.looked().empty());
    files.append("/log/a.1", files.content("/log/a").substr(at, 3000));
  }
  f.wait(std::chrono::seconds{30});  // it lies there
  CHECK(f.looked().empty());
  files.append("/log/a", lines(100, 110));  // what is read in time is not lost either
  CHECK(f.looked() == listed(100, 110));
  if (GENERATE(false, true)) f.crash();
  files.truncate("/log/a");
  files.append("/log/a", lines(200, 400));
  CHECK(f.looked() == listed(200, 400));
  files.compress("/log/a.1", "/log/a.1.gz");
  for (int i = 0; i < 20; ++i) CHECK(f.looked().empty());
}

TEST_CASE("a file is not taken for the copy of another that begins with the same header",
          "[tail]") {
  test::memory_files files;
  follower f{files, "/log/a*.log*"};
  const std::string header(GENERATE(20, 300, 3000), '#');
  files.append("/log/a.log", header + "\n" + lines(0, 3));
  CHECK(f.looked().size() == 4);
  files.append("/log/a-2.log", header + "\n");
  f.look();
  files.append("/log/a-2.log", lines(10, 13));
  files.append("/log/a.log.old", header + "\n" + lines(20, 23));
  f.look();
  f.wait(std::chrono::seconds{3});
  f.look();
  auto all = f.taken();
  CHECK(std::erase(all, header) == 2);
  std::sort(all.begin(), all.end());
  auto expected = listed(10, 13);
  for (int n = 20; n < 23; ++n) expected.push_back(line(n));
  CHECK(all == expected);
}

TEST_CASE("files that begin alike are all read when there is only one look", "[tail]") {
  for (const int in_common : {1, 5, 100}) {
    test::memory_files files;
    follower f{files};
    files.append("/log/a.1", lines(0, 1000));
    files.append("/log/a", lines(0, in_common));
    f.look(1 << 20, true);
    f.reader->finish(f.take());
    const auto taken = f.taken();
    INFO(in_common);
    for (const auto& each : listed(0, 1000))
      REQUIRE(std::find(taken.begin(), taken.end(), each) != taken.end());
  }
}

TEST_CASE("a damaged or unfinished compressed file gives what it has, and is said", "[tail]") {
  test::memory_files files;
  follower f{files};
  const auto whole = test::memory_files::gzip(lines(0, 500));
  auto damaged = whole;
  damaged[whole.size() - 6] ^= 0x55;  // of its checksum
  files.append("/log/a.gz", damaged);
  f.wait(3s);
  f.look(1 << 20, true);
  f.reader->finish(f.take());
  f.keep_notices();
  CHECK(f.taken() == listed(0, 500));
  REQUIRE(f.notices.size() == 1);
  CHECK_THAT(f.notices[0], test::contains("a.gz is not gzip to its end"));

  files.append("/log/ab.gz", whole.substr(0, whole.size() / 2));
  f.wait(3s);
  f.look(1 << 20, true);
  f.reader->finish(f.take());
  f.keep_notices();
  REQUIRE(f.notices.size() == 2);
  CHECK_THAT(f.notices[1], test::contains("ab.gz ends inside its compressed data"));
  CHECK(f.reader->left_out().size() == 2);
}

TEST_CASE("half a line in front of damage waits for the file that is mended", "[tail]") {
  test::memory_files files;
  const auto text = lines(0, 500);
  const auto first = test::memory_files::gzip(text.substr(0, text.size() / 2 + 7));
  const auto whole = first + test::memory_files::gzip(text.substr(text.size() / 2 + 7));
  auto bad = whole;
  if (GENERATE(false, true))
    bad.resize(first.size() / 2);
  else
    bad[first.size() + 2] ^= 0x55;  // of the second part's header
  const bool renamed = GENERATE(false, true);
  const bool crash = GENERATE(false, true);
  const bool events = GENERATE(false, true);
  const std::string name = renamed ? "/log/a.log.2.gz" : "/log/a.log.1.gz";
  follower f{files};
  if (events) {
    logs::multiline how;
    how.start_pattern = "^2026";
    f.settings.events = logs::event_assembler::make(how).value();
    f.start();
  }
  files.append("/log/a.log.1.gz", bad);
  f.wait(3s);
  f.look();
  if (renamed) files.rename("/log/a.log.1.gz", name);
  for (int n = 0; n < 4; ++n) {
    f.look();
    f.wait(3s);
  }
  f.reader->finish(f.take());
  CHECK(f.reader->left_out().size() == 1);
  auto all = f.taken();
  CHECK_FALSE(all.empty());
  CHECK(all.size() < 500);
  CHECK(all == listed(0, static_cast<int>(all.size())));
  if (crash) {  // as long as it is so, each run says so
    f.crash();
    CHECK(f.looked().empty());
    f.reader->finish(f.take());
    CHECK(f.reader->left_out().size() == 1);
    CHECK(f.taken().empty());
    CHECK(f.reader->take_changed().empty());
    f.crash();
  }
  files.write(files.hold(name), whole);
  for (int n = 0; n < 4; ++n) {
    f.look();
    f.wait(3s);
  }
  if (crash) CHECK(f.reader->left_out().empty());
  for (const auto& each : f.taken()) all.push_back(each);
  CHECK(all == listed(0, 500));
  f.crash();
  CHECK(f.looked().empty());
  CHECK(f.reader->left_out().empty());
}

TEST_CASE("a line of a compressed file that grows is given once, and whole", "[tail]") {
  test::memory_files files;
  follower f{files};
  const auto whole = test::memory_files::gzip(lines(0, 500));
  files.append("/log/a.gz", whole.substr(0, whole.size() / 2));
  f.wait(3s);
  f.look();
  f.wait(3s);
  f.look();
  files.append("/log/a.gz", whole.substr(whole.size() / 2));
  for (int n = 0; n < 8; ++n) {
    f.look();
    f.wait(1s);
  }
  CHECK(f.taken() == listed(0, 500));
}

TEST_CASE("of a file that went on in its compressed copy the rest is read", "[tail]") {
  test::memory_files files;
  follower f{files, "/log/a.log*"};
  files.append("/log/a.log", lines(0, 50));
  CHECK(f.looked().size() == 50);
  files.append("/log/a.log", lines(50, 60));
  files.append("/log/a.log-20260517.gz", test::memory_files::gzip(files.content("/log/a.log")));
  files.truncate("/log/a.log");
  files.append("/log/a.log", lines(60, 62));
  auto all = f.looked();
  for (const auto& each : f.looked()) all.push_back(each);
  std::sort(all.begin(), all.end());
  CHECK(all == listed(50, 62));
}

TEST_CASE("a file that was deleted, cut off and written anew is read while it is open", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a", lines(0, 5));
  CHECK(f.looked() == listed(0, 5));
  const auto writer = files.hold("/log/a");
  files.remove("/log/a");
  files.write(writer, lines(7, 9));
  CHECK(f.looked() == listed(7, 9));
}

TEST_CASE("places that are remembered are few, and dense at the end", "[tail]") {
  content_points points;
  for (std::uint64_t at = 1; at < 10'000; ++at) add_point(points, {at * 100, at});
  CHECK(points.size() == content_points_max);
  CHECK(points.back().offset == 999'900);
  CHECK(points[content_points_max - 2].offset == 999'800);
  CHECK(points.front().offset < 900'000);
}

TEST_CASE("no rotation with slow copies loses a line or gives one twice", "[tail]") {
  follow_random_rotation(static_cast<std::uint64_t>(GENERATE(range(1, 601))), false);
}

TEST_CASE("no rotation loses a line when the reader is killed at any moment", "[tail]") {
  follow_random_rotation(static_cast<std::uint64_t>(GENERATE(range(1, 601))), true);
}

TEST_CASE("a compressed file that is touched and removed gives nothing more", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a.1.gz", test::memory_files::gzip(lines(0, 500)));
  f.wait(std::chrono::seconds{10});
  CHECK(f.looked() == listed(0, 500));
  files.touch("/log/a.1.gz", 1'700'000'000'000'000'000);
  files.remove("/log/a.1.gz");
  for (int look = 0; look < 5; ++look) {
    CHECK(f.looked().empty());
    f.wait(std::chrono::seconds{3});
  }
}

TEST_CASE("the end of a compressed file that did not get into the topic is given again", "[tail]") {
  test::memory_files files;
  follower f{files};
  files.append("/log/a.1.gz", test::memory_files::gzip(lines(0, 100'000)));
  f.wait(std::chrono::seconds{10});
  f.reader->scan(f.wall, f.now);
  while (f.fresh.empty()) f.reader->read(1, f.now, f.take());
  const auto begun = f.taken().size();
  REQUIRE(begun < 100'000);
  REQUIRE(f.positions.size() == 1);
  tail_checkpoint last;
  last.before = f.positions.begin()->second.at;
  CHECK(f.looked().size() == 100'000 - begun);
  last.now = f.positions.begin()->second;
  CHECK(last.now.complete);
  last.take_back();
  f.positions.begin()->second = last.now;
  f.crash();
  CHECK(f.looked() == listed(static_cast<int>(begun), 100'000));
  CHECK(f.looked().empty());
}

TEST_CASE("a checkpoint is written as its page says, and read back", "[tail]") {
  tail_checkpoint what;
  what.commit = 7;
  what.before = {40, 1, 2};
  what.now.number = 3;
  what.now.at = {100, 3, 4};
  what.now.device = 66;
  what.now.file = 1234;
  what.now.size = 120;
  what.now.seen = from_millis(1'700'000'000'000);
  what.now.key = "/log/a";
  what.now.path = "/log/a.1";
  what.now.gone = true;
  what.now.copy_of = 2;
  what.now.points = {{50, 5}, {90, 6}};
  const bytes written = encode(what);
  CHECK(test::hex_of_page("docs/formats/checkpoint.md") == written);
  const auto read = decode_checkpoint(3, written);
  REQUIRE(read.has_value());
  CHECK(read->commit == 7);
  CHECK(read->before == what.before);
  CHECK(read->now.at == what.now.at);
  CHECK(read->now.path == "/log/a.1");
  CHECK(read->now.gone);
  CHECK(read->now.copy_of == 2);
  CHECK(read->now.points == what.now.points);
  for (std::size_t size = 0; size < written.size(); ++size)
    CHECK_FALSE(decode_checkpoint(3, bytes_view{written}.substr(0, size)).has_value());
  // The version before had neither copies nor earlier places.
  bytes old = written.substr(0, written.size() - 8 - 1 - 2 * 16);
  old[0] = 1;
  const auto before = decode_checkpoint(3, old);
  REQUIRE(before.has_value());
  CHECK(before->now.at == what.now.at);
  CHECK(before->now.copy_of == 0);
  CHECK(before->now.points.empty());
  old[0] = 3;
  CHECK(decode_checkpoint(3, old).error() == errc::unsupported_version);
  CHECK(checkpoint_number(checkpoint_key(3)).value() == 3);
  CHECK_FALSE(checkpoint_number("file-").has_value());
  CHECK_FALSE(checkpoint_number("file-1x").has_value());
}
