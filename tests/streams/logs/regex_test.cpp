#include "streams/logs/regex.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/catch.hpp"

using namespace penstock;
using test::contains;

namespace {

enum class level : std::uint8_t { low = 1, high = 2 };

struct hit {
  std::string client;
  std::uint16_t status = 0;
  std::optional<std::uint64_t> bytes;
  double seconds = 0;
};
PENSTOCK_FIELDS(hit, client, status, bytes, seconds);

struct many {
  bool ok = false;
  level how = level::low;
  timestamp time{};
  std::string_view rest;
  std::optional<std::string> note;
};
PENSTOCK_FIELDS(many, ok, how, time, rest, note);

struct one_name {
  std::string name;
};
PENSTOCK_FIELDS(one_name, name);

const char* const hit_pattern =
    R"(^(?P<client>\S+) (?P<status>\d+) (?:-|(?P<bytes>\d+)) (?P<seconds>[\d.]+)$)";

}  // namespace

TEST_CASE("named groups fill the members of their names", "[logs][regex]") {
  const logs::regex<hit> parse{hit_pattern};
  CHECK(parse.problem().empty());
  const auto found = parse("10.0.0.1 200 5120 0.25");
  REQUIRE(found.has_value());
  CHECK(found->client == "10.0.0.1");
  CHECK(found->status == 200);
  CHECK(found->bytes == 5120);
  CHECK(found->seconds == 0.25);
  CHECK(parse("10.0.0.1 200 - 1\r\n")->bytes == std::nullopt);
}

TEST_CASE("a pattern is found anywhere unless it says otherwise", "[logs][regex]") {
  const logs::regex<one_name> parse{"user=(?P<name>\\w+)"};
  CHECK(parse("at 10:00 user=ada, user=bob")->name == "ada");
  CHECK_FALSE(logs::regex<one_name>{"^user=(?P<name>\\w+)"}("at user=ada").has_value());
  CHECK(logs::regex<one_name>{"(?s)^first.*last (?P<name>\\w+)$"}("first\nx\nlast ada")->name ==
        "ada");
}

TEST_CASE("groups become booleans, enumerations, times and views", "[logs][regex]") {
  const logs::regex<many> parse{
      R"(^(?P<ok>\w+) (?P<how>\d) \[(?P<time>[^\]]+)\](?: note=(?P<note>\w*))?(?P<rest>.*)$)"};
  const std::string line = "true 2 [2015-05-17T10:05:03.250Z] \xff\xfe end";
  const auto found = parse(line);
  REQUIRE(found.has_value());
  CHECK(found->ok);
  CHECK(found->how == level::high);
  CHECK(to_millis(found->time) == 1431857103250);
  CHECK(found->rest == " \xff\xfe end");
  CHECK(found->rest.data() > line.data());
  CHECK(found->rest.data() < line.data() + line.size());
  CHECK_FALSE(found->note.has_value());
  CHECK(parse("true 2 [17/May/2015:10:05:03 +0000] note=")->note == "");
  CHECK(parse("false 1 [2015-05-17 10:05:03,250] note=x")->time == from_millis(1431857103250));
}

TEST_CASE("text that does not fit its member is a bad record that names both", "[logs][regex]") {
  const logs::regex<hit> parse{hit_pattern};
  const auto why = [&](const std::string& line) {
    const auto found = parse(line);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error() == errc::bad_record);
    return found.error().message();
  };
  CHECK(why("c 70000 1 1") == "\"status\" is \"70000\", which is no u16");
  CHECK(why("c 1 99999999999999999999 1") ==
        "\"bytes\" is \"99999999999999999999\", which is no u64");
  CHECK(why("c 1 1 1.2.3") == "\"seconds\" is \"1.2.3\", which is no f64");
  CHECK_THAT(why("nothing of the kind"), contains("is not found in it") && contains("client"));
  CHECK_THAT(why(""), contains("is not found in it"));

  const logs::regex<many> times{"(?P<ok>t)?(?P<how>\\d)?(?P<note>n)?(?P<rest>r)?@(?P<time>.*)"};
  CHECK_THAT(times("t@x").error().message(), contains("\"ok\"") && contains("is no bool"));
  CHECK(times("@x").error().message() == "\"ok\" is not in it; a std::optional may be empty");
}

TEST_CASE("a regex that cannot fill the struct says so when it is built", "[logs][regex]") {
  CHECK_THAT(logs::regex<one_name>{"(?P<name>a)(?P<other>b)"}.problem(),
             contains("has a group \"other\", and the struct no such member"));
  CHECK_THAT(logs::regex<hit>{"(?P<client>a)"}.problem(),
             contains("has no group for the member \"status\""));
  CHECK_THAT(logs::regex<one_name>{"abc"}.problem(), contains("has no named group"));
  CHECK_THAT(logs::regex<one_name>{"(?P<name>a"}.problem(),
             contains("does not compile: missing )") && contains("at character 1"));
  CHECK_THAT(logs::regex<one_name>{"(?P<name>a)(?!b)"}.problem(),
             contains("at character 12") && contains("no look-around"));
  CHECK_THAT(logs::regex<one_name>{"(?P<name>a)\\1"}.problem(), contains("back-references"));
  CHECK_THAT(logs::regex<one_name>{"(?P<name>(?:a{1000}){1000})"}.problem(),
             contains("does not compile"));
  const auto refused = logs::regex<one_name>{"("}("x");
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message(), contains("does not compile"));
  std::string groups;
  for (int i = 0; i < 65; ++i) groups += "(a)?";
  CHECK_THAT(logs::regex<one_name>{groups + "(?P<name>b)"}.problem(),
             contains("66 groups; 64 may be"));
}

TEST_CASE("a group may be named in the other way too", "[logs][regex]") {
  CHECK(logs::regex<one_name>{"[(?<]\\(?<(?<name>\\w+)>"}("(<ada>")->name == "ada");
  CHECK_THAT(logs::regex<one_name>{"(?<=x)(?<name>a)"}.problem(), contains("no look-around"));
}

TEST_CASE("of several groups of one name the first that took part counts", "[logs][regex]") {
  const logs::regex<one_name> parse{"^(?:user (?P<name>\\w+)|(?P<name>\\w+) logs in)"};
  CHECK(parse("user ada")->name == "ada");
  CHECK(parse("bob logs in")->name == "bob");
}

TEST_CASE("without a struct the groups become fields", "[logs][regex]") {
  const logs::regex_fields parse{"^(?P<b>\\w+)(?: (?P<a>\\w+))?(?P<c>x?)"};
  CHECK(*parse("one two") == logs::fields{{"b", "one"}, {"a", "two"}, {"c", ""}});
  CHECK(parse("one")->size() == 2);
  CHECK_FALSE(parse(" ").has_value());
  CHECK_THAT(logs::regex_fields{"a["}.problem(), contains("at character 2"));
  CHECK_FALSE(logs::regex_fields{"a["}("a").has_value());
}

TEST_CASE("a line of megabytes takes linear time", "[logs][regex]") {
  const logs::regex<one_name> parse{"^(?:(?:a|a)*)*b(?P<name>c)$"};
  CHECK_FALSE(parse(std::string(2 << 20, 'a')).has_value());
  CHECK(parse(std::string(1 << 20, 'a') + "bc")->name == "c");
}
