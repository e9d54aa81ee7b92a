#include "streams/base/disk_simulated.hpp"

#include <set>

#include "tests/support/catch.hpp"

namespace penstock {

TEST_CASE("synced bytes survive every crash and unsynced ones are a prefix", "[base][disk]") {
  std::set<std::size_t> sizes;
  bool zeros = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    simulated_disk disk;
    random chance{seed};
    disk.set_content("/d/f", "start ");
    auto f = disk.open("/d/f", open_mode::read_write).value();
    REQUIRE(f->write_at(6, "synced "));
    REQUIRE(f->sync());
    REQUIRE(f->write_at(13, "one "));
    REQUIRE(f->write_at(17, "two"));
    disk.crash(chance);
    bytes left = disk.content("/d/f").value();
    sizes.insert(left.size());
    auto zero = std::min(left.find('\0'), left.size());
    zeros |= zero != left.size();
    REQUIRE(bytes_view{"start synced one two"}.substr(0, zero) == left.substr(0, zero));
    REQUIRE(zero >= 13);
    char raw[4];
    REQUIRE(f->read_at(0, raw, 4).error() == errc::io_error);  // a handle of the dead process
  }
  CHECK(sizes == std::set<std::size_t>{13, 14, 15, 16, 17, 18, 19, 20});
  CHECK(zeros);
}

TEST_CASE("entries that were not synced may vanish in a crash", "[base][disk]") {
  int there = 0, gone = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    simulated_disk disk;
    random chance{seed};
    disk.set_content("/d/old", "old");
    auto f = disk.open("/d/new", open_mode::create).value();
    REQUIRE(f->write_at(0, "new"));
    REQUIRE(f->sync());
    disk.crash(chance);
    REQUIRE(disk.content("/d/old") == "old");
    (disk.content("/d/new") ? there : gone)++;
    if (disk.content("/d/new")) REQUIRE(disk.content("/d/new") == "new");
  }
  CHECK(there > 0);
  CHECK(gone > 0);
}

TEST_CASE("write_file is atomic and durable under crashes", "[base][disk]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    simulated_disk disk;
    random chance{seed};
    REQUIRE(disk.make_folder("/d"));
    REQUIRE(disk.sync_folder("/"));
    REQUIRE(write_file(disk, "/d/f", "first"));
    disk.fail_syncs(chance.below(2));
    auto second = write_file(disk, "/d/f", "second");
    disk.crash(chance);
    bytes left = disk.content("/d/f").value_or("lost");
    REQUIRE(left == (second ? "second" : "first"));
  }
}

TEST_CASE("a failed sync loses its pages even if a later one succeeds", "[base][disk]") {
  simulated_disk disk;
  random chance{1};
  disk.set_content("/d/f", "");
  auto f = disk.open("/d/f", open_mode::read_write).value();
  REQUIRE(f->write_at(0, "lost"));
  disk.fail_syncs(1);
  CHECK(f->sync().error() == errc::sync_failed);
  REQUIRE(f->write_at(4, "kept"));
  REQUIRE(f->sync());
  CHECK(disk.content("/d/f") == "lostkept");
  disk.crash(chance);
  CHECK(disk.content("/d/f") == bytes("\0\0\0\0kept", 8));
  CHECK(disk.faults().failed_syncs == 1);
}

TEST_CASE("faults fire when asked for and are counted", "[base][disk]") {
  simulated_disk disk;
  REQUIRE(disk.make_folder("/d"));
  auto f = disk.open("/d/f", open_mode::create).value();
  disk.set_space_left(3);
  CHECK(f->write_at(0, "abcde").error() == errc::disk_full);
  CHECK(disk.content("/d/f") == "abc");
  CHECK(f->write_at(0, "xyz"));  // overwriting needs no room
  disk.set_space_left(std::nullopt);
  CHECK(f->write_at(3, "de"));
  disk.fail_writes(1);
  CHECK(f->write_at(5, "fg").error() == errc::io_error);
  REQUIRE(f->truncate(5));
  disk.fail_reads(1);
  char raw[5];
  CHECK(f->read_at(0, raw, 5).error() == errc::io_error);
  CHECK(f->read_at(0, raw, 5).value() == 5);
  disk.set_read_only(true);
  CHECK(f->write_at(0, "a").error() == errc::read_only);
  CHECK(disk.open("/d/g", open_mode::create).error() == errc::read_only);
  CHECK(disk.remove("/d/f").error() == errc::read_only);
  disk.set_read_only(false);
  CHECK(disk.flip_bit("/d/f", 0, 0));
  CHECK_FALSE(disk.flip_bit("/d/f", 5, 0));
  CHECK(disk.content("/d/f") == "yyzde");
  disk.freeze();
  CHECK(f->write_at(0, "a").error() == errc::io_error);
  CHECK(f->read_at(0, raw, 5).error() == errc::io_error);
  CHECK_FALSE(disk.list("/d"));
  disk.thaw();
  CHECK(disk.list("/d"));
  const disk_faults& fired = disk.faults();
  CHECK(fired.refused_full == 1);
  CHECK(fired.failed_writes == 1);
  CHECK(fired.failed_reads == 1);
  CHECK(fired.refused_read_only == 3);
  CHECK(fired.flipped_bits == 1);
}

}  // namespace penstock
