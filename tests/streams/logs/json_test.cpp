#include "streams/logs/json.hpp"

#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

enum class color : std::int32_t { red = 1, green = 2 };

struct customer {
  std::uint32_t id = 0;
  std::string name;
};
PENSTOCK_FIELDS(customer, id, name);

struct order {
  std::int64_t id = -7;
  double amount = 0;
  bool paid = false;
  color tint = color::red;
  std::optional<std::string> note;
  timestamp time;
  customer who;
  std::vector<std::int8_t> small;
  std::map<std::string, float> rates;
  fields rest;
};
PENSTOCK_FIELDS(order, id, amount, paid, tint, note, time, who, small, rates, rest);

fields flat(std::string_view line) {
  auto found = json(line);
  INFO(line.substr(0, 200));
  if (!found) FAIL(found.error().message());
  return *found;
}
std::string why(std::string_view line) {
  const auto found = json(line);
  return found ? "read" : found.error().message();
}
std::string why_order(std::string_view line) {
  const auto found = json_as<order>(line);
  return found ? "read" : found.error().message();
}

TEST_CASE("an object of JSON is laid flat in its order", "[logs]") {
  CHECK(flat(R"({"z":"a\"\u00e9","a":{"b":1,"c":{"d":-2}},"l":[true,[null,0.5]],"e":{},"f":[]})") ==
        fields{{"z", "a\"\xc3\xa9"},
               {"a.b", "1"},
               {"a.c.d", "-2"},
               {"l.0", "true"},
               {"l.1.0", ""},
               {"l.1.1", "0.5"},
               {"e", "{}"},
               {"f", "[]"}});
  CHECK(flat("{}\r\n").empty());
  CHECK(flat("\xef\xbb\xbf {\"a\": 1e3}") == fields{{"a", "1000"}});
  CHECK(flat(R"({"big":18446744073709551615,"small":-9223372036854775808,"":0})") ==
        fields{{"big", "18446744073709551615"}, {"small", "-9223372036854775808"}, {"", "0"}});
  CHECK(flat(R"({"a.b":1,"a":{"c":2}})") == fields{{"a.b", "1"}, {"a.c", "2"}});
}

TEST_CASE("what is not one object of JSON is refused with the reason", "[logs]") {
  CHECK_THAT(why(""), contains("it is empty"));
  CHECK_THAT(why("[1]"), contains("the document is a list, wanted an object"));
  CHECK_THAT(why("7"), contains("the document is 7, wanted an object"));
  CHECK_THAT(why(R"({"a":1,"a":2})"), contains("member 'a' stands there twice"));
  CHECK_THAT(why(R"({"a":{"b":1},"a.b":2})"), contains("member 'a.b' stands there twice"));
  CHECK_THAT(why("{\"a\":\"\xff\"}"), contains("not UTF-8"));
  CHECK_THAT(why(R"({"a":"x)"), contains("no closing quote"));
  for (const char* bad :
       {"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1} x", "{} {}", "{\"a\":NaN}",
        "{\"a\":Infinity}", "{\"a\":1e999}", "{\"a\":99999999999999999999}", "{\"a\":01}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\x\"}", "{'a':1}", "nul"}) {
    CHECK_THAT(why(bad), contains("not a line of JSON: "));
  }
  CHECK(!json(std::string("{\"a\0\":1}", 8)).has_value());
}

TEST_CASE("bombs of JSON are refused before they cost anything", "[logs]") {
  CHECK_THAT(why(std::string(1'000'000, '[')), contains("not a line of JSON"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  CHECK_THAT(why(deep + "1" + std::string(100, '}')), contains("nests deeper than 64"));
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 5'000; ++i) many += ",0";
  CHECK_THAT(why(many + "]}"), contains("'a.4096' is one field more than 4096"));
  std::string empty = "{\"a\":[[]";
  for (int i = 0; i < 5'000; ++i) empty += ",[]";
  CHECK_THAT(why(empty + "]}"), contains("one field more"));
  CHECK_THAT(why("{\"" + std::string(2'000, 'n') + "\":1}"), contains("more than 1024 bytes"));
  std::string prefix = "{\"" + std::string(1'000, 'n') + "\":{\"" + std::string(100, 'm');
  CHECK_THAT(why(prefix + "\":1}}"), contains("more than 1024 bytes"));
  CHECK_THAT(why("{\"a\":\"" + std::string(17u << 20, 'x') + "\"}"), contains("at most 16777216"));
  CHECK(flat("{\"a\":\"" + std::string(1u << 20, 'x') + "\"}")["a"].size() == 1u << 20);
  CHECK(flat("{\"a\":1}")["a"] == "1");  // with the small parser again
}

TEST_CASE("a struct takes the members that it names", "[logs]") {
  const auto found = json_as<order>(R"({"id":5,"unknown":{"x":[1]},"amount":2,"paid":true,"tint":2,
      "note":null,"time":"17/May/2015:10:05:03 +0000","who":{"name":"Jo","id":4294967295},
      "small":[-128,127],"rates":{"a":0.5,"b":1},"rest":{"p":{"q":"r"}}})");
  if (!found) FAIL(found.error().message());
  CHECK(found->id == 5);
  CHECK(found->amount == 2.0);
  CHECK(found->paid);
  CHECK(found->tint == color::green);
  CHECK(!found->note);
  CHECK(found->time == from_millis(1'431'857'103'000));
  CHECK(found->who.id == 4'294'967'295);
  CHECK(found->who.name == "Jo");
  CHECK(found->small == std::vector<std::int8_t>{-128, 127});
  CHECK(found->rates == std::map<std::string, float>{{"a", 0.5F}, {"b", 1.F}});
  CHECK(found->rest == fields{{"p.q", "r"}});
  const auto missing = json_as<order>("{}");
  REQUIRE(missing);
  CHECK(missing->id == -7);
  CHECK(json_as<order>(R"({"time":1431857103.25})")->time == from_millis(1'431'857'103'250));
  CHECK(json_as<order>(R"({"time":1431857103000})")->time == from_millis(1'431'857'103'000));
}

TEST_CASE("a member of the wrong type is named with its path", "[logs]") {
  CHECK_THAT(why_order(R"({"id":"5"})"), contains("member 'id' is a text, wanted a whole number"));
  CHECK_THAT(why_order(R"({"id":1.5})"), contains("member 'id' is a fractional number"));
  CHECK_THAT(why_order(R"({"who":{"id":4294967296}})"),
             contains("member 'who.id' is 4294967296, wanted a whole number from 0 to 4294967295"));
  CHECK_THAT(why_order(R"({"who":{"id":-1}})"), contains("member 'who.id' is -1"));
  CHECK_THAT(why_order(R"({"who":[]})"), contains("member 'who' is a list, wanted an object"));
  CHECK_THAT(why_order(R"({"small":[1,2,300]})"), contains("member 'small.2' is 300"));
  CHECK_THAT(why_order(R"({"rates":{"a":{"b":1}}})"),
             contains("member 'rates.a' is an object, wanted a number"));
  CHECK_THAT(why_order(R"({"rates":{"a":1,"a":2}})"), contains("'rates.a' stands there twice"));
  CHECK_THAT(why_order(R"({"paid":1})"), contains("member 'paid' is 1, wanted true or false"));
  CHECK_THAT(why_order(R"({"note":5})"), contains("member 'note' is 5, wanted a text"));
  CHECK_THAT(why_order(R"({"amount":null})"), contains("member 'amount' is null, wanted a number"));
  CHECK_THAT(why_order(R"({"time":"May 17 10:05:03"})"),
             contains("'time' is a text, wanted a time"));
  CHECK_THAT(why_order(R"({"who":{"id":1,"id":2}})"), contains("'who.id' stands there twice"));
  CHECK_THAT(why_order("[]"), contains("the document is a list, wanted an object"));
  CHECK_THAT(why_order(R"({"rest":{"x":1,"x":2}})"), contains("'rest.x' stands there twice"));
}

TEST_CASE("damaged JSON is refused or read, never run past", "[logs]") {
  test::abuse(
      R"({"id":5,"who":{"id":1,"name":"\u00e9x"},"small":[1,-2],"time":1.5e9,"rest":{"a":[{}]}})",
      [](std::string_view line) {
        (void)json(line);
        (void)json_as<order>(line);
      });
}

struct nginx_plus {
  std::int64_t version = 0;
  std::string nginx_version;
  timestamp load_timestamp;
};
PENSTOCK_FIELDS(nginx_plus, version, nginx_version, load_timestamp);

TEST_CASE("500 real documents of nginx are read", "[logs][data]") {
  const auto lines = test::data_lines("nginx-plus.jsonl");
  if (!lines) return;
  CHECK(lines->size() == 500);
  for (const std::string& line : *lines) {
    const auto f = json(line);
    INFO(line.substr(0, 100));
    REQUIRE(f);
    CHECK((*f)["nginx_version"] == "1.9.4");
    CHECK(f->get<std::int64_t>("upstreams.trac-backend.peers.0.requests").value_or(0) > 100'000);
    const auto s = json_as<nginx_plus>(line);
    REQUIRE(s);
    CHECK(s->version == 6);
    CHECK(s->load_timestamp == from_millis(1'445'680'800'424));
  }
}

}  // namespace
}  // namespace penstock::logs
