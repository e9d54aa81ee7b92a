#include <fmt/format.h>

#include <set>

#include "streams/base/crc32c.hpp"
#include "streams/log/checkpoint.hpp"
#include "tests/streams/log/log_fixture.hpp"

namespace penstock {

using test::log_fixture;
using strings = std::vector<std::string>;

namespace {

/// How a log was left.
enum class left { closed, acknowledged, unacknowledged };

/// Three segments, the last with several batches; closed in order.
struct three_segments : log_fixture {
  strings written;

  explicit three_segments(bool close_it, codec c = codec::none)
      : three_segments(close_it ? left::closed : left::unacknowledged, c) {}
  explicit three_segments(left how = left::closed, codec c = codec::none) {
    settings.segment_bytes = 1000;
    settings.index_interval_bytes = 150;
    open();
    batch_options options;
    options.compression = c;
    for (int i = 0; i < 30; ++i) {
      written.push_back("value " + std::to_string(100 + i));
      REQUIRE(log->append(batch_of({written.back()}, from_millis(1000 + i), options)));
    }
    REQUIRE(log->segment_count() == 3);
    if (how == left::closed) {
      close();
      return;
    }
    sync();
    log.reset();
    if (how == left::unacknowledged) REQUIRE(disk.remove(folder + "/penstock.synced"));
  }
  offset_t last_base() {
    offset_t base = 0;
    const strings names = disk.list(folder).value();
    for (const std::string& name : names) {
      base = std::max(base, file_names::offset_in(name, file_names::log).value_or(0));
    }
    return base;
  }
  strings first(std::size_t count) const {
    return {written.begin(), written.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  std::map<std::string, bytes> snapshot() {
    std::map<std::string, bytes> files;
    for (const std::string& name : disk.files_below(folder)) files[name] = *disk.content(name);
    return files;
  }
};

/// Two closed segments and one that was begun; nobody has asked for a sync.
struct unflushed_segments : log_fixture {
  unflushed_segments() {
    settings.segment_bytes = 1000;
    settings.flush = flush_policy::none;
    open();
    while (log->segment_count() < 3) append("value");
  }
};

}  // namespace

TEST_CASE("segments that were synced behind everybody's back are not read again after a crash",
          "[log][recovery]") {
  unflushed_segments f;
  const auto pending = f.log->unsynced_segments();
  const offset_t begun = pending.up_to;
  CHECK(pending.files.front() == f.path(0));
  CHECK(f.log->synced_offset() == 0);
  f.append("meanwhile");
  f.sync(pending);
  CHECK(f.log->synced_offset() == begun);
  CHECK(f.log->unsynced_segments().files.empty());
  const offset_t end = f.log->end_offset();
  random chance{11};
  f.log.reset();
  SECTION("of the process") {
    f.open();
    CHECK(f.log->end_offset() == end);
    CHECK(f.report.bytes_scanned == f.size_of(f.path(begun)));
  }
  SECTION("of the machine") {
    f.disk.crash(chance);
    f.open();
    CHECK(f.log->end_offset() >= begun);
    CHECK(f.report.bytes_scanned <= 1000);
    CHECK(f.log->find_time(from_millis(1000)).value()->offset == 0);
  }
}

TEST_CASE("a sync of closed segments counts for nothing behind a truncation", "[log][recovery]") {
  unflushed_segments f;
  const auto pending = f.log->unsynced_segments();
  REQUIRE(f.log->truncate_to(1));
  while (f.log->segment_count() < 3) f.append("other");
  f.sync(pending);
  CHECK_FALSE(f.log->unsynced_segments().files.empty());
}

TEST_CASE("a log cut at every byte of its last two batches recovers what was whole",
          "[log][recovery]") {
  three_segments whole{left::unacknowledged};
  const std::string last = whole.path(whole.last_base());
  const bytes content = *whole.disk.content(last);
  auto parsed = batch_view::parse(content).value();
  const std::size_t each = parsed.size();
  REQUIRE(content.size() % each == 0);  // all batches here are of one size
  for (std::size_t cut = content.size() - 2 * each; cut <= content.size(); ++cut) {
    three_segments f{left::unacknowledged};
    f.cut(last, cut);
    f.open();
    std::size_t lost = (content.size() - cut + each - 1) / each;
    REQUIRE(f.values() == f.first(30 - lost));
    REQUIRE(f.report.bytes_cut == cut % each);
    REQUIRE(f.report.messages.size() == (cut % each == 0 ? 0 : 1));
    REQUIRE(f.append("new") == static_cast<offset_t>(30 - lost));
    REQUIRE(f.damages().empty());
    f.kill_and_open();
    REQUIRE(f.values().back() == "new");
  }
}

TEST_CASE("what was acknowledged is never cut: a shorter log is refused", "[log][recovery]") {
  for (auto how : {left::closed, left::acknowledged}) {
    three_segments whole{how};
    const std::string last = whole.path(whole.last_base());
    const std::size_t size = whole.disk.content(last)->size();
    for (std::size_t cut = 0; cut < size; cut += 7) {
      CAPTURE(how, cut);
      three_segments f{how};
      f.cut(last, cut);
      auto damages = f.damages();
      REQUIRE(damages.size() >= 1);
      CHECK(damages[0].file == last);
      CHECK_FALSE(damages[0].torn_tail);
      auto before = f.snapshot();
      auto opened = f.try_open();
      REQUIRE(opened.error() == errc::corrupt);
      CHECK_THAT(opened.error().message(), test::contains(last));
      CHECK_THAT(opened.error().message(), test::contains("on disk up to"));
      CHECK(f.snapshot() == before);
      // The remedy that the error names.
      if (cut % 49 != 0) continue;
      REQUIRE(f.disk.remove(f.folder + "/penstock.checkpoint"));
      REQUIRE(f.disk.remove(f.folder + "/penstock.synced"));
      f.open();
      CHECK(f.append("new") >= 20);
    }
  }
}

TEST_CASE("a log whose files were taken away is refused, not made anew", "[log][recovery]") {
  const auto take = [](log_fixture& f, bool remove) {
    const strings all = f.disk.files_below(f.folder);
    for (const auto& name : all) {
      if (!name.ends_with(".log")) continue;
      if (remove) {
        REQUIRE(f.disk.remove(name));
      } else {
        f.disk.set_content(name, "");
      }
    }
    CHECK_FALSE(f.damages().empty());
    auto opened = f.try_open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error() == errc::corrupt);
  };
  for (bool remove : {false, true}) {
    for (auto how : {left::closed, left::acknowledged}) {
      CAPTURE(how, remove);
      three_segments f{how};
      take(f, remove);
    }
    // With one segment no checkpoint was written yet.
    log_fixture one;
    one.open();
    one.append("a");
    one.sync();
    one.log.reset();
    take(one, remove);
  }
}

TEST_CASE("a folder that was made and never written is no damage", "[log][recovery]") {
  log_fixture f;
  f.open();
  f.log.reset();
  CHECK(f.damages().empty());
  REQUIRE(f.disk.remove(f.path(0)));
  CHECK(f.damages().empty());
  f.open();
  CHECK(f.append("a") == 0);
}

TEST_CASE("a hole in what was being written is cut, in what was acknowledged refused",
          "[log][recovery]") {
  for (bool acknowledged : {false, true}) {
    log_fixture f;
    f.open();
    f.append("a");
    f.sync();
    const auto begin = f.size_of(f.path(0));
    f.append("lost");
    const auto end = f.size_of(f.path(0));
    f.append("arrived");
    if (acknowledged) f.sync();
    f.log.reset();
    bytes content = *f.disk.content(f.path(0));
    std::fill(content.begin() + static_cast<std::ptrdiff_t>(begin),
              content.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    f.disk.set_content(f.path(0), content);
    auto damages = f.damages();
    REQUIRE(damages.size() == 1);
    CHECK(damages[0].torn_tail == !acknowledged);
    auto opened = f.try_open();
    CHECK(opened.has_value() == !acknowledged);
    if (acknowledged) continue;
    CHECK(f.values() == strings{"a"});
    REQUIRE(f.report.messages.size() == 1);
    CHECK_THAT(f.report.messages[0], test::contains("zeros"));
    CHECK(f.damages().empty());
  }
}

TEST_CASE("a cut is told with file, position and offset", "[log][recovery]") {
  three_segments f{left::unacknowledged};
  const std::string last = f.path(f.last_base());
  f.cut(last, f.size_of(last) - 3);
  auto damages = f.damages();
  REQUIRE(damages.size() >= 1);
  CHECK(damages[0].torn_tail);
  CHECK(damages[0].file == last);
  f.open();
  REQUIRE(f.report.messages.size() == 1);
  CHECK_THAT(f.report.messages[0], test::contains(last));
  CHECK_THAT(f.report.messages[0], test::contains("behind offset 29"));
}

TEST_CASE("a file that grew without its last pages is cut at the zeros", "[log][recovery]") {
  three_segments f{false};
  const std::string last = f.path(f.last_base());
  bytes content = *f.disk.content(last);
  for (std::size_t keep : {0u, 5u, 15u, 16u, 17u, 30u, 60u, 70u}) {
    bytes torn = content;
    bytes next = f.batch_of({"half"});
    assign_offsets(next.data(), 30, 0);
    torn += next.substr(0, keep);
    torn.append(5000, '\0');
    three_segments g{false};
    g.disk.set_content(last, torn);
    g.open();
    CHECK(g.values() == f.written);
    CHECK(g.report.bytes_cut == 5000 + keep);
  }
}

TEST_CASE("one flipped bit anywhere is cut at the end or refused with its place",
          "[log][recovery]") {
  three_segments whole{false};
  const offset_t last_base = whole.last_base();
  std::set<std::string> outcomes;
  for (offset_t base : {offset_t{0}, last_base}) {
    const std::string name = whole.path(base);
    const bytes content = *whole.disk.content(name);
    const std::size_t each = batch_view::parse(content).value().size();
    for (std::size_t byte = 0; byte < content.size(); ++byte) {
      three_segments f{false};
      f.disk.flip_bit(name, byte, static_cast<unsigned>(byte % 8));
      auto before = f.snapshot();
      auto opened = f.try_open();
      CAPTURE(base, byte);
      if (base == 0) {
        // Below the recovery point: not read on opening, found by verification and by readers.
        REQUIRE(opened);
        REQUIRE_FALSE(f.damages().empty());
        REQUIRE(f.damages()[0].file == name);
        REQUIRE(f.damages()[0].position / each == byte / each);
        REQUIRE_FALSE(f.damages()[0].torn_tail);
        continue;
      }
      const bool in_last = byte >= content.size() - each;
      if (in_last) {
        REQUIRE(opened);
        REQUIRE(f.values() == f.first(29));
        REQUIRE(f.report.bytes_cut == each);
        outcomes.insert("cut");
      } else {
        REQUIRE_FALSE(opened);
        INFO(opened.error().to_string());
        REQUIRE(opened.error() == errc::corrupt);
        REQUIRE_THAT(opened.error().message(), test::contains(name));
        REQUIRE_THAT(opened.error().message(),
                     test::contains("byte " + std::to_string(byte / each * each)));
        REQUIRE(f.snapshot() == before);
        outcomes.insert("refused");
      }
    }
  }
  CHECK(outcomes == std::set<std::string>{"cut", "refused"});
}

TEST_CASE("a missing or shortened segment that was on disk is refused", "[log][recovery]") {
  three_segments f{false};
  const std::string first = f.path(0);
  SECTION("the first is missing") {
    REQUIRE(f.disk.remove(first));
    CHECK(f.try_open().error() == errc::corrupt);
  }
  SECTION("the last is missing after a shutdown in order") {
    three_segments g{true};
    REQUIRE(g.disk.remove(g.path(g.last_base())));
    CHECK(g.try_open().error() == errc::corrupt);
  }
  SECTION("the one before the last is shorter") {
    strings names;
    const strings all = f.disk.list(f.folder).value();
    for (const auto& n : all) {
      if (n.ends_with(".log")) names.push_back(n);
    }
    const std::string second = f.folder + "/" + names[1];
    // Only a scan sees it: make it needed.
    REQUIRE(f.disk.remove(f.folder + "/penstock.checkpoint"));
    auto before_cut = f.disk.content(second).value();
    SECTION("inside a batch") {
      f.cut(second, before_cut.size() - 3);
    }
    SECTION("between batches") {
      f.cut(second, before_cut.size() - batch_view::parse(before_cut).value().size());
    }
    auto before = f.snapshot();
    CHECK(f.try_open().error() == errc::corrupt);
    CHECK(f.snapshot() == before);
  }
}

TEST_CASE("with flush=none a power loss may take the end of an older segment", "[log][recovery]") {
  int cut_back = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    log_fixture f;
    f.settings.flush = flush_policy::none;
    f.settings.segment_bytes = 300;
    f.open();
    f.sync();
    strings written;
    for (int i = 0; i < 20; ++i) {
      written.push_back("v" + std::to_string(i));
      f.append(written.back());
    }
    random chance{seed};
    f.disk.crash(chance);
    f.open();
    auto left = f.values();
    REQUIRE(left.size() <= written.size());
    REQUIRE(std::equal(left.begin(), left.end(), written.begin()));
    for (const std::string& m : f.report.messages) {
      cut_back += m.find("flush=none") != std::string::npos;
    }
    REQUIRE(f.damages().empty());
    f.append("next");
    f.reopen();
    REQUIRE(f.values().back() == "next");
  }
  CHECK(cut_back > 10);
}

TEST_CASE("indexes are rebuilt whenever they are in doubt", "[log][recovery]") {
  auto damage_indexes = [](three_segments& f, int how) {
    for (const std::string& name : f.disk.files_below(f.folder)) {
      if (!name.ends_with("index")) continue;
      bytes content = *f.disk.content(name);
      switch (how) {
        case 0:
          REQUIRE(f.disk.remove(name));
          break;
        case 1:
          f.disk.set_content(name, content + "x");
          break;
        case 2:
          f.disk.set_content(name, bytes(content.size(), '\0'));
          break;
        case 3:
          f.disk.set_content(name, bytes(content.size(), '\x7f'));
          break;
        default:
          f.disk.set_content(name, "");
      }
    }
  };
  for (bool closed : {true, false}) {
    for (int how = 0; how < 5; ++how) {
      CAPTURE(closed, how);
      three_segments f{closed};
      damage_indexes(f, how);
      f.open();
      REQUIRE(f.values() == f.written);
      for (int i = 0; i < 30; i += 7) {
        CHECK(f.records(i).size() == 30 - static_cast<std::size_t>(i));
        CHECK(f.log->read(i, 1, 30).value().next_offset == i + 1);
      }
      CHECK(f.append("new") == 30);
    }
  }
}

TEST_CASE("a damaged or newer checkpoint is refused with the remedy", "[log][recovery]") {
  three_segments f;
  const std::string name = f.folder + "/penstock.checkpoint";
  const bytes content = *f.disk.content(name);
  for (std::size_t byte = 0; byte < content.size(); ++byte) {
    f.disk.set_content(name, content);
    f.disk.flip_bit(name, byte, 0);
    auto opened = f.try_open();
    REQUIRE_FALSE(opened);
    REQUIRE(opened.error() == errc::corrupt);
    REQUIRE_THAT(opened.error().message(), test::contains("penstock.checkpoint"));
  }
  const bytes later = "penstock 2\nwhatever\n";
  f.disk.set_content(name, later);
  CHECK(f.try_open().error() == errc::corrupt);  // nobody wrote that
  f.disk.set_content(name, later + fmt::format("crc {:08x}\n", crc32c(later)));
  auto newer = f.try_open();
  CHECK(newer.error() == errc::unsupported_version);
  CHECK_THAT(newer.error().message(), test::contains("newer Penstock"));
  REQUIRE(f.disk.remove(name));
  f.open();
  CHECK(f.values() == f.written);
}

TEST_CASE("a checkpoint comes back as it was", "[log][recovery]") {
  log_checkpoint checkpoint{12, 3, 7, 8, clean_shutdown{12, 345, 1, 2, 20, true}};
  CHECK(decode_checkpoint(encode(checkpoint), "x").value() == checkpoint);
  checkpoint.clean.reset();
  CHECK(decode_checkpoint(encode(checkpoint), "x").value() == checkpoint);
}

TEST_CASE("a damaged epoch file is rebuilt from the records", "[log][recovery]") {
  log_fixture f;
  f.open();
  REQUIRE(f.log->append(f.batch_of({"a"}), 0));
  REQUIRE(f.log->append(f.batch_of({"b"}), 3));
  f.close();
  for (const char* text : {"garbage", "8\n1\n0 0\n", "165\n"}) {
    f.disk.set_content(f.folder + "/leader-epoch-checkpoint", text);
    f.open();
    CHECK(f.log->latest_epoch() == 3);
    CHECK(f.log->end_of_epoch(0) == std::pair<epoch_t, offset_t>{0, 1});
    CHECK(f.report.messages.size() == 1);
    f.close();
  }
}

TEST_CASE("a damaged producer snapshot is rebuilt from the records", "[log][recovery]") {
  log_fixture f;
  f.settings.segment_bytes = 200;
  f.open();
  for (int i = 0; i < 10; ++i) REQUIRE(f.log->append(f.produced(7, 0, i)));
  f.close();
  for (const std::string& name : f.disk.files_below(f.folder)) {
    if (name.ends_with(".snapshot") || name.ends_with(".marks"))
      f.disk.set_content(name, bytes(100, '\x5a'));
  }
  CHECK_FALSE(f.damages().empty());
  f.open();
  CHECK_FALSE(f.report.clean);
  CHECK(f.log->append(f.produced(7, 0, 9)).value().duplicate);
  CHECK(f.log->append(f.produced(7, 0, 11)).error() == errc::out_of_order_sequence);
  CHECK(f.log->append(f.produced(7, 0, 10)));
}

TEST_CASE("batches of older and newer formats are refused by name", "[log][recovery]") {
  for (char magic : {'\0', '\1', '\3'}) {
    log_fixture f;
    bytes batch = f.batch_of({"a"});
    batch[16] = magic;
    batch[17] ^= 1;  // they have no checksum there
    f.disk.set_content(f.path(0), batch);
    auto opened = f.try_open();
    CHECK(opened.error() == errc::unsupported_version);
    CHECK_THAT(opened.error().message(), test::contains(f.path(0)));
    CHECK_THAT(opened.error().message(), test::contains("format " + std::to_string(int{magic})));
  }
}

TEST_CASE("garbage behind what was acknowledged is cut, and is no unknown format",
          "[log][recovery]") {
  random chance{7};
  for (int round = 0; round < 50; ++round) {
    three_segments f{left::unacknowledged};
    const std::string last = f.path(f.last_base());
    bytes garbage(20 + chance.below(300), '\0');
    for (char& c : garbage) c = static_cast<char>(chance.below(256));
    f.disk.set_content(last, *f.disk.content(last) + garbage);
    f.open();
    CHECK(f.values() == f.written);
    CHECK(f.report.bytes_cut == garbage.size());
  }
}

TEST_CASE("a batch inside a record is not taken for one that follows", "[log][recovery]") {
  log_fixture f;
  f.open();
  f.append("a");
  bytes inner = f.batch_of({"inner"});
  REQUIRE(f.log->append(f.batch_of({inner + inner + inner})));
  f.cut(f.path(0), f.size_of(f.path(0)) - 2);
  f.open();
  CHECK(f.values() == strings{"a"});
}

TEST_CASE("leftovers of a crash are removed", "[log][recovery]") {
  three_segments f{false};
  f.disk.set_content(f.folder + "/penstock.checkpoint.tmp", "half");
  f.disk.set_content(f.folder + "/00000000000000000000.log.cleaned", "half");
  f.disk.set_content(f.folder + "/00000000000000000777.index", "orphan");
  f.disk.set_content(f.folder + "/notes.txt", "the user's");
  f.open();
  auto names = f.disk.list(f.folder).value();
  for (const std::string& n : names) {
    CHECK_FALSE(n.ends_with(".tmp"));
    CHECK_FALSE(n.ends_with(".cleaned"));
    CHECK(n != "00000000000000000777.index");
  }
  CHECK(std::count(names.begin(), names.end(), "notes.txt") == 1);
  CHECK(f.values() == f.written);
}

TEST_CASE("a recovery that cannot write changes nothing it could not undo", "[log][recovery]") {
  three_segments f{false};
  const std::string last = f.path(f.last_base());
  f.cut(last, f.size_of(last) - 3);
  f.disk.set_read_only(true);
  CHECK(f.try_open().error() == errc::read_only);
  f.disk.set_read_only(false);
  f.open();
  CHECK(f.values() == f.first(29));
}

TEST_CASE("reading a segment damaged after opening is refused with its place", "[log][recovery]") {
  three_segments f;
  f.settings.tail_cache_bytes = 0;
  f.open();
  f.disk.flip_bit(f.path(0), 16, 2);  // the magic of the first batch
  auto got = f.log->read(0, 100, 30);
  CHECK(got.error() == errc::corrupt);
  CHECK_THAT(got.error().message(), test::contains(f.path(0) + " is damaged at byte 0"));
}

}  // namespace penstock
