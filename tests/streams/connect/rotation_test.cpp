#include "streams/connect/rotation.hpp"

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

const timestamp noon = from_millis(1'772'366'400'250);  // 2026-03-01T12:00:00.250Z

TEST_CASE("a file is rotated at its size or its age, whichever comes first", "[connect]") {
  const rotate both{.bytes = 100, .every = 1h};
  CHECK_FALSE(rotation_due(both, 99, noon, noon + 59min));
  CHECK(rotation_due(both, 100, noon, noon));
  CHECK(rotation_due(both, 1, noon, noon + 1h));
  CHECK_FALSE(rotation_due({}, 1u << 30, noon, noon + 1000h));
  CHECK_FALSE(rotation_due(both, 0, noon, noon + 2h));
  CHECK_FALSE(rotation_due(both, 1, noon, noon - 2h));
}

TEST_CASE("a file takes what does not make it too large, and one line at least", "[connect]") {
  CHECK(has_room({.bytes = 100}, 60, 40));
  CHECK_FALSE(has_room({.bytes = 100}, 60, 41));
  CHECK(has_room({.bytes = 100}, 0, 1000));
  CHECK(has_room({}, 1u << 30, 1u << 30));
}

TEST_CASE("names of rotated files tell when, and are read back", "[connect]") {
  CHECK(rotated_name("out.log", noon) == "out.log.20260301T120000.250Z");
  for (const char* suffix : {"", ".gz", ".zst"}) {
    const auto read = parse_rotated("out.log", rotated_name("out.log", noon) + suffix);
    REQUIRE(read);
    CHECK(read->at == noon);
    CHECK(rotated_suffix(read->compressed) == suffix);
    CHECK_FALSE(read->partial);
  }
  const auto partial = parse_rotated("out.log", "out.log.20260301T120000.250Z.gz.partial");
  REQUIRE(partial);
  CHECK(partial->partial);
  CHECK(partial->compressed == codec::gzip);
}

TEST_CASE("other names are left alone", "[connect]") {
  for (const char* name :
       {"", "out.log", "out.log.", "out.log.1", "out.log.gz", "out.log.20260301T120000.250Z.bz2",
        "out.log.20261301T120000.250Z", "out.log.20260301T120000.250Z.gz.partial.old",
        "other.log.20260301T120000.250Z", "out.log.2026030xT120000.250Z",
        "out.log.20260301T120000.250Z.partial"}) {
    INFO(name);
    CHECK_FALSE(parse_rotated("out.log", name));
  }
}

TEST_CASE("the newest are kept, and both forms of one file count as one", "[connect]") {
  const auto file = [](int hour, codec compressed) {
    auto read = parse_rotated("f", rotated_name("f", noon + std::chrono::hours{hour}) +
                                       std::string{rotated_suffix(compressed)});
    REQUIRE(read);
    return *read;
  };
  std::vector<rotated_file> files{file(2, codec::none), file(0, codec::gzip), file(1, codec::gzip),
                                  file(2, codec::gzip), file(0, codec::none)};
  CHECK(surplus(0, files).empty());
  CHECK(surplus(3, files).empty());
  CHECK(surplus(2, files) ==
        std::vector<std::string>{"f.20260301T120000.250Z", "f.20260301T120000.250Z.gz"});
  CHECK(surplus(1, files).size() == 3);
}

TEST_CASE("notes of file sinks are read back, and other words are not taken for one", "[connect]") {
  const file_note note{12345, noon, false, noon + 1s, "/var/log/a b=c.log"};
  CHECK(encode(note) ==
        "bytes=12345 begun=1772366400250 closed=0 rotating=1772366401250 path=/var/log/a b=c.log");
  CHECK(parse_file_note(encode(note)) == note);
  const file_note closed{0, noon, true, no_timestamp, ""};
  CHECK(parse_file_note(encode(closed)) == closed);
  for (const char* text : {"", "bytes=1", "bytes=-1 begun=0 closed=0 rotating=-1 path=x",
                           "bytes=1 begun=0 closed=0 rotating=-1", "hello"}) {
    INFO(text);
    CHECK_FALSE(parse_file_note(text));
  }
}

}  // namespace
}  // namespace penstock
