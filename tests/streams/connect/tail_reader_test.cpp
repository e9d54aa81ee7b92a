// Files that are written, rotated, truncated and compressed while they are followed.
#include "streams/connect/tail_reader.hpp"

#include <algorithm>
#include <vector>

#include "streams/base/random.hpp"
#include "streams/connect/checkpoint.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"
#include "tests/support/memory_files.hpp"

using namespace penstock;

namespace {

using strings = std::vector<std::string>;

/// A line long enough that a file of a few of them is known again.
std::string line(int n) {
  return "2026-05-17T10:05:03Z request " + std::to_string(n) + " " + std::string(80, 'x');
}
std::string lines(int from, int to) {
  std::string text;
  for (int n = from; n < to; ++n) text += line(n) + "\n";
  return text;
}
strings listed(int from, int to) {
  strings all;
  for (int n = from; n < to; ++n) all.push_back(line(n));
  return all;
}

/// A reader that may be stopped and started again at what it had committed.
struct follower {
  explicit follower(test::memory_files& on, std::string glob = "/log/a*") : files(on) {
    settings.glob = std::move(glob);
    start();
  }
  void start() {
    reader = std::make_unique<tail_reader>(settings, files);
    std::vector<tail_position> known;
    for (const auto& [number, position] : positions) known.push_back(position);
    reader->restore(std::move(known));
  }
  void look(std::size_t budget = 1 << 20) {
    now += std::chrono::milliseconds{250};
    reader->scan(wall + std::chrono::duration_cast<duration>(now), now);
    while (reader->read(budget, now, take())) {
    }
    keep_notices();
  }
  void keep_notices() {
    for (auto& each : reader->take_notices()) notices.push_back(each);
  }
  tail_reader::emit_function take() {
    return [this](const std::string& key, std::string_view text) {
      fresh.emplace_back(text);
      keys.insert(key);
    };
  }
  void commit() {
    for (auto& each : reader->take_changed()) positions[each.number] = each;
    for (const auto number : reader->take_forgotten()) positions.erase(number);
    given.insert(given.end(), fresh.begin(), fresh.end());
    fresh.clear();
  }
  void crash() {
    fresh.clear();
    start();
  }
  /// Lines since the last call, committed.
  strings taken() {
    commit();
    return std::exchange(given, {});
  }
  strings looked() {
    look();
    return taken();
  }
  void wait(std::chrono::nanoseconds span) { now += span; }

  test::memory_files& files;
  tail_settings settings;
  std::unique_ptr<tail_reader> reader;
  std::map<std::uint64_t, tail_position> positions;
  strings fresh;
  strings given;
  strings notices;
  std::set<std::string> keys;
  timestamp wall = from_millis(1'700'000'000'000);
  std::chrono::nanoseconds now{0};
};

}  // namespace

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
  files.forbid("/log/a-secret", false);
  CHECK(f.looked() == strings{"secret"});
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

TEST_CASE("no rotation and no crash loses a line or gives one twice", "[tail]") {
  const auto seed = GENERATE(range(1, 150));
  INFO("seed " << seed);
  penstock::random chance{static_cast<std::uint64_t>(seed)};
  test::memory_files files;
  follower f{files};
  f.settings.block_bytes = 100 + chance.below(5000);
  f.start();
  int next = 0, rotated = 0;
  bool rolled = false;
  for (int step = 0; step < 200; ++step) {
    switch (chance.below(12)) {
      case 0:
        f.crash();
        break;
      case 1:
        f.commit();
        break;
      case 2:
      case 3:
        f.look(1 + chance.below(4000));
        if (chance.chance(1, 2)) f.commit();
        break;
      case 4:
        f.wait(std::chrono::seconds{static_cast<int>(chance.below(4))});
        break;
      case 5: {  // rename, and sometimes compress
        if (!rolled) break;
        rolled = false;
        const auto to = "/log/a." + std::to_string(++rotated);
        files.rename("/log/a", to);
        if (chance.chance(1, 3)) {
          f.look();
          f.commit();
          files.compress(to, to + ".gz");
        }
        break;
      }
      case 6: {  // copytruncate
        if (!rolled) break;
        rolled = false;
        files.copy("/log/a", "/log/a." + std::to_string(++rotated));
        if (chance.chance(1, 2)) f.look();
        files.truncate("/log/a");
        break;
      }
      default:
        // At least as much as a content needs to be known again.
        for (std::uint64_t n = 4 + chance.below(20); n > 0; --n)
          files.append("/log/a", line(next++) + "\n");
        rolled = true;
    }
  }
  for (int i = 0; i < 20; ++i) {
    f.look();
    f.commit();
  }
  auto all = f.given;
  std::sort(all.begin(), all.end());
  auto expected = listed(0, next);
  std::sort(expected.begin(), expected.end());
  strings lost, twice;
  std::set_difference(expected.begin(), expected.end(), all.begin(), all.end(),
                      std::back_inserter(lost));
  std::set_difference(all.begin(), all.end(), expected.begin(), expected.end(),
                      std::back_inserter(twice));
  CHECK(lost.size() == 0);
  CHECK(twice.size() == 0);
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
  const bytes written = encode(what);
  CHECK(test::hex_of_page("docs/formats/checkpoint.md") == written);
  const auto read = decode_checkpoint(3, written);
  REQUIRE(read.has_value());
  CHECK(read->commit == 7);
  CHECK(read->before == what.before);
  CHECK(read->now.at == what.now.at);
  CHECK(read->now.path == "/log/a.1");
  CHECK(read->now.gone);
  for (std::size_t size = 0; size < written.size(); ++size)
    CHECK_FALSE(decode_checkpoint(3, bytes_view{written}.substr(0, size)).has_value());
  CHECK(checkpoint_number(checkpoint_key(3)).value() == 3);
  CHECK_FALSE(checkpoint_number("file-").has_value());
  CHECK_FALSE(checkpoint_number("file-1x").has_value());
}
