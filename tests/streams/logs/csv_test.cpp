#include "streams/logs/csv.hpp"

#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

TEST_CASE("values of CSV get the names of their columns", "[logs]") {
  const csv orders{{"id", "who", "note"}};
  const auto found = orders("7,\"Doe, \"\"Jo\"\"\", 5\" pipe \r\n");
  REQUIRE(found);
  CHECK(*found == fields{{"id", "7"}, {"who", "Doe, \"Jo\""}, {"note", " 5\" pipe "}});
  CHECK(*csv({"a", "b"}, ';', '\'')("'x;y';\"z\"") == fields{{"a", "x;y"}, {"b", "\"z\""}});
  CHECK(*csv({"a", "b"}, csv_form{'\t', 0})("\"x\t") == fields{{"a", "\"x"}, {"b", ""}});
  CHECK(*csv({"a"})("") == fields{{"a", ""}});
  CHECK(*csv({"a", "b"})("\"\",\"\"") == fields{{"a", ""}, {"b", ""}});
}

TEST_CASE("a wrong number of values names both numbers", "[logs]") {
  const csv two{{"a", "b"}};
  const auto why = [&](std::string_view line) { return two(line).error().message(); };
  CHECK_THAT(why("1,2,3"), contains("has 3 values where 2 columns are expected: '1,2,3'"));
  CHECK_THAT(why("1"), contains("has 1 values where 2 columns are expected"));
  CHECK_THAT(why("1,\"2"), contains("the closing quote of value 2 at byte 4"));
  CHECK_THAT(why("\"1\"x,2"), contains("the delimiter behind the closing quote of value 1"));
  CHECK_THAT(why(std::string(5'000, ',')), contains("at most 4096 values"));
}

TEST_CASE("columns that cannot be are a problem that has words", "[logs]") {
  CHECK(csv({"a", "b"}).problem().empty());
  CHECK_THAT(csv({}).problem(), contains("no columns"));
  CHECK_THAT(csv({"a", "b", "a"}).problem(), contains("two columns are named 'a'"));
  CHECK_THAT(csv({"a", ""}).problem(), contains("a column has no name"));
  CHECK_THAT(csv({"a"}, '"').problem(), contains("the delimiter is the quote"));
}

TEST_CASE("damaged CSV is refused or read, never run past", "[logs]") {
  const csv three{{"a", "b", "c"}};
  test::abuse("1,\"two, \"\"2\"\"\",three", [&](auto line) { (void)three(line); });
}

}  // namespace
}  // namespace penstock::logs
