#include "streams/base/disk.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "streams/base/disk_simulated.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

void behaves_as_a_disk(disk& on, const std::string& root) {
  const std::string folder = root + "/a/b";
  REQUIRE(on.make_folder(folder));
  REQUIRE(on.make_folder(folder));
  CHECK(on.exists(folder).value());
  const std::string path = folder + "/one";
  CHECK(on.open(path, open_mode::read).error() == errc::not_found);
  CHECK(on.open(path, open_mode::read_write).error() == errc::not_found);
  {
    auto made = on.open(path, open_mode::create).value();
    REQUIRE(made->write_at(3, "def"));
    REQUIRE(made->write_at(0, "abc"));
    CHECK(made->size().value() == 6);
    REQUIRE(made->sync());
    char raw[10];
    CHECK(made->read_at(4, raw, 10).value() == 2);
    CHECK(bytes_view(raw, 2) == "ef");
    CHECK(made->read_at(6, raw, 10).value() == 0);
    REQUIRE(made->truncate(2));
  }
  CHECK(read_file(on, path, 10).value() == "ab");
  CHECK(read_file(on, path, 1).error() == errc::corrupt);
  REQUIRE(write_file(on, folder + "/two", "second"));
  REQUIRE(write_file(on, folder + "/two", "2"));
  CHECK(read_file(on, folder + "/two", 10).value() == "2");
  CHECK(on.list(folder).value() == std::vector<std::string>{"one", "two"});
  CHECK(on.open(folder, open_mode::create).error() == errc::invalid_argument);
  CHECK(on.make_folder(folder + "/two").error() == errc::invalid_argument);
  REQUIRE(on.rename(path, folder + "/two"));
  CHECK(read_file(on, folder + "/two", 10).value() == "ab");
  CHECK(on.list(folder).value() == std::vector<std::string>{"two"});
  CHECK(on.rename(path, folder + "/three").error() == errc::not_found);
  REQUIRE(on.remove(folder + "/two"));
  REQUIRE(on.remove(folder + "/two"));
  CHECK_FALSE(on.exists(folder + "/two").value());
  CHECK(on.list(folder + "/none").error() == errc::not_found);
  CHECK(on.sync_folder(folder));
  CHECK(on.free_bytes(folder).value() > 0);
  {
    auto held = on.lock(folder).value();
    auto second = on.lock(folder);
    CHECK(second.error() == errc::locked);
    CHECK_THAT(second.error().message(), test::contains(folder));
  }
  CHECK(on.lock(folder));
  REQUIRE(on.remove_folder(root + "/a"));
  CHECK_FALSE(on.exists(root + "/a").value());
  REQUIRE(on.remove_folder(root + "/a"));
}

}  // namespace

TEST_CASE("the machine's disk keeps the contract of disk", "[base][disk]") {
  test::scratch_dir scratch;
  behaves_as_a_disk(machine_disk(), scratch.path());
}

TEST_CASE("the simulated disk keeps the contract of disk", "[base][disk]") {
  simulated_disk simulated;
  behaves_as_a_disk(simulated, "/data");
}

TEST_CASE("a locked directory names the process that has it", "[base][disk]") {
  test::scratch_dir scratch;
  auto held = machine_disk().lock(scratch.path()).value();
  auto second = machine_disk().lock(scratch.path());
  CHECK_THAT(second.error().message(), test::contains("process " + std::to_string(::getpid())));
}

TEST_CASE("more files can be in use than the process may have descriptors", "[base][disk]") {
  test::scratch_dir scratch;
  std::vector<std::shared_ptr<file>> files;
  for (int i = 0; i < 5000; ++i) {
    files.push_back(
        machine_disk().open(scratch.file(std::to_string(i)), open_mode::create).value());
    REQUIRE(files.back()->write_at(0, std::to_string(i)));
  }
  for (int i = 0; i < 5000; ++i) {
    char raw[8];
    auto n = files[static_cast<std::size_t>(i)]->read_at(0, raw, sizeof raw);
    REQUIRE(bytes_view(raw, n.value()) == std::to_string(i));
  }
}

TEST_CASE("a folder without permission is read_only", "[base][disk]") {
  test::scratch_dir scratch;
  REQUIRE(machine_disk().open(scratch.file("file"), open_mode::create));
  struct closed {
    explicit closed(const std::string& path) : folder(path) {
      ::chmod(path.c_str(), 0);
      root = ::geteuid() == 0 && ::seteuid(65534) == 0;  // who may do everything
    }
    ~closed() {
      if (root && ::seteuid(0) != 0) std::abort();
      ::chmod(folder.c_str(), 0700);
    }
    std::string folder;
    bool root = false;
  } while_closed{scratch.path()};
  auto& disk = machine_disk();
  for (const auto mode : {open_mode::read, open_mode::read_write, open_mode::create})
    CHECK(disk.open(scratch.file("file"), mode).error() == errc::read_only);
  CHECK(disk.exists(scratch.file("file")).error() == errc::read_only);
  CHECK(make_folder_durably(disk, scratch.file("a/b")).error() == errc::read_only);
}

TEST_CASE("what is no file is told from what fails", "[base][disk]") {
  test::scratch_dir scratch;
  const auto pipe = scratch.file("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(machine_disk().open(pipe, open_mode::create).value()->write_at(0, "x").error() ==
        errc::invalid_argument);
  CHECK(machine_disk().open("/dev/null", open_mode::read_write).value()->sync().error() ==
        errc::invalid_argument);
}

TEST_CASE("writing to a full device is disk_full", "[base][disk]") {
  auto full = machine_disk().open("/dev/full", open_mode::read_write);
  if (!full) {
    WARN("skipped: no /dev/full here");
    return;
  }
  auto written = (*full)->write_at(0, "x");
  CHECK(written.error() == errc::disk_full);
  CHECK_THAT(written.error().message(), test::contains("/dev/full"));
}

}  // namespace penstock
