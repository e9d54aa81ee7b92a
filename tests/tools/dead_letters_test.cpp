#include "tools/penstock/dead_letters.hpp"

#include "tests/support/catch.hpp"

namespace penstock::tool {
namespace {

TEST_CASE("a record without a reason is no dead letter", "[tool]") {
  record r;
  CHECK_FALSE(letter_of(r));
  r.headers.push_back({"penstock.step", "parse"});
  CHECK_FALSE(letter_of(r));
  r.headers.push_back({"penstock.reason", std::nullopt});
  REQUIRE(letter_of(r));
  CHECK(letter_of(r)->step == "parse");
  CHECK(letter_of(r)->offset == -1);
}

TEST_CASE("headers of a dead letter are read, whatever is in them", "[tool]") {
  record r;
  r.headers = {{"penstock.reason", "why"},
               {"penstock.topic", "lines"},
               {"penstock.partition", "3"},
               {"penstock.offset", "12345678901"},
               {"penstock.origin", "a file"}};
  const auto read = letter_of(r);
  REQUIRE(read);
  CHECK(read->topic == "lines");
  CHECK(read->partition == 3);
  CHECK(read->offset == 12345678901);
  CHECK(read->origin == "a file");
  r.headers[2].value = "three";
  r.headers[3].value = "99999999999999999999";
  CHECK(letter_of(r)->partition == -1);
  CHECK(letter_of(r)->offset == -1);
}

TEST_CASE("a pattern leaves out what differs from letter to letter", "[tool]") {
  CHECK(pattern_of("\"two\" is not a number") == "\"…\" is not a number");
  CHECK(pattern_of("its value (317 bytes) is not binary:u64") ==
        "its value (N bytes) is not binary:u64");
  CHECK(pattern_of("line 3: \"unfinished") == "line N: \"…\"");
  CHECK(pattern_of("").empty());
}

TEST_CASE("ranges of letters are read, and others refused", "[tool]") {
  const auto read = [](const char* word) {
    const auto got = parse_letter_range(word);
    return got ? std::to_string(got->partition) + " " + std::to_string(got->first) + " " +
                     std::to_string(got->last)
               : std::string{"refused"};
  };
  CHECK(read("7") == "-1 7 7");
  CHECK(read("7-9") == "-1 7 9");
  CHECK(read("2:7") == "2 7 7");
  CHECK(read("2:7-9") == "2 7 9");
  for (const char* word : {"", ":", "a", "1:", ":1", "9-7", "1:2:3", "-1", "1:-2", "5-", "1 2"}) {
    INFO(word);
    CHECK(read(word) == "refused");
  }
}

TEST_CASE("a filter takes part of a reason, or its pattern", "[tool]") {
  letter said;
  said.reason = "\"two\" is not a number";
  said.step = "parse";
  CHECK(letter_filter{}.wants(said));
  CHECK(letter_filter{{"parse"}, {}, {}}.wants(said));
  CHECK_FALSE(letter_filter{{"other"}, {}, {}}.wants(said));
  CHECK(letter_filter{{}, {"two"}, {}}.wants(said));
  CHECK(letter_filter{{}, {"\"…\" is not a number"}, {}}.wants(said));
  CHECK_FALSE(letter_filter{{}, {"three"}, {}}.wants(said));
  CHECK(letter_filter{{"other", "parse"}, {"three", "two"}, {}}.wants(said));
}

TEST_CASE("a set of offsets joins neighbours and knows its members", "[tool]") {
  offset_set set;
  CHECK_FALSE(set.contains(0, 0));
  set.add(0, 5, 5);
  set.add(0, 7, 9);
  set.add(1, 1, 2);
  CHECK(set.ranges().size() == 3);
  set.add(0, 6, 6);
  REQUIRE(set.ranges().size() == 2);
  CHECK(set.ranges()[0].first == 5);
  CHECK(set.ranges()[0].last == 9);
  set.add(0, 0, 100);
  CHECK(set.ranges()[0].last == 100);
  set.add(0, 50, 60);
  CHECK(set.size() == 103);
  CHECK(set.contains(0, 0));
  CHECK(set.contains(0, 100));
  CHECK_FALSE(set.contains(0, 101));
  CHECK(set.contains(1, 2));
  CHECK_FALSE(set.contains(2, 2));
}

}  // namespace
}  // namespace penstock::tool
