#include "streams/logs/grok.hpp"

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

using namespace penstock;
using test::contains;

namespace {

struct hit {
  std::string client;
  std::uint16_t status = 0;
  std::optional<double> seconds;
};
PENSTOCK_FIELDS(hit, client, status, seconds);

struct combined {
  std::string clientip;
  penstock::timestamp timestamp{};
  std::optional<std::string> verb;
  std::string request;
  std::uint16_t response = 0;
  std::optional<std::uint64_t> bytes;
  std::string agent;
};
PENSTOCK_FIELDS(combined, clientip, timestamp, verb, request, response, bytes, agent);

struct named {
  std::string name;
};
PENSTOCK_FIELDS(named, name);

std::string whole(const std::string& pattern, const std::string& line) {
  const auto found = logs::grok_fields{"^%{" + pattern + ":x}$"}(line);
  return found ? std::string{(*found)["x"]} : "-";
}

std::string part(const std::string& pattern, const std::string& line) {
  const auto found = logs::grok_fields{"%{" + pattern + ":x}"}(line);
  return found ? std::string{(*found)["x"]} : "-";
}

std::string problem(const std::string& pattern, const logs::grok_patterns& own = {}) {
  return logs::grok_fields{pattern, own}.problem();
}

}  // namespace

TEST_CASE("grok patterns fill a struct", "[logs][grok]") {
  const logs::grok<hit> parse{
      "^%{IPORHOST:client} %{NUMBER:status:int}(?: %{NUMBER:seconds:float})?$"};
  CHECK(parse.problem().empty());
  const auto found = parse("fe80::1 404 0.5");
  REQUIRE(found.has_value());
  CHECK(found->client == "fe80::1");
  CHECK(found->status == 404);
  CHECK(found->seconds == 0.5);
  CHECK(parse("www.example.org 200")->seconds == std::nullopt);
  CHECK_THAT(parse("a b c").error().message(), contains("%{IPORHOST:client}"));
  CHECK_THAT(parse("a 99999").error().message(), contains("which is no u16"));
}

TEST_CASE("every usual pattern compiles", "[logs][grok]") {
  const logs::grok_patterns& all = logs::usual_grok_patterns();
  CHECK(all.size() >= 90);
  for (const auto& [name, meaning] : all) {
    INFO(name);
    CHECK(logs::grok_fields{"%{" + name + ":x}"}.problem().empty());
  }
}

TEST_CASE("the usual patterns take what they are for", "[logs][grok]") {
  const std::pair<const char*, const char*> good[] = {
      {"WORD", "ab_1"},
      {"INT", "-12"},
      {"NUMBER", "+3.50"},
      {"BASE16NUM", "0xfF"},
      {"QS", R"("a \"b\" c")"},
      {"UUID", "123e4567-e89b-12d3-a456-426614174000"},
      {"EMAILADDRESS", "ada.l+x@mail.example.org"},
      {"IP", "192.168.0.255"},
      {"IP", "::"},
      {"IP", "::1"},
      {"IP", "2001:db8::8a2e:370:7334"},
      {"IP", "2001:db8:0:0:0:8a2e:370:7334"},
      {"IP", "::ffff:10.0.0.1"},
      {"IP", "fe80::1%eth0"},
      {"HOSTNAME", "ip-10-77-20-248"},
      {"HOSTPORT", "[::1]:8080"},
      {"MAC", "00:1A:2b:3c:4d:5e"},
      {"PATH", "/var/log/a.log"},
      {"WINPATH", R"(C:\Users\ada\x.txt)"},
      {"URI", "https://ada:pw@example.org:8443/a/b.html?x=1&y=%20#z"},
      {"URIPATHPARAM", "/a/b?c=d"},
      {"TIMESTAMP_ISO8601", "2015-05-17T10:05:03.123+02:00"},
      {"TIMESTAMP_ISO8601", "2015-05-17 10:05:03,123"},
      {"HTTPDATE", "17/May/2015:10:05:03 +0000"},
      {"SYSLOGTIMESTAMP", "May  7 10:05:03"},
      {"DATESTAMP_RFC2822", "Sun, 17 May 2015 10:05:03 +0200"},
      {"LOGLEVEL", "Warning"},
      {"LOGLEVEL", "err"},
      {"JAVACLASS", "org.acme.Store$Inner"},
      {"DATE_EU", "17.05.2015"},
      {"TIME", "23:59:60"},
      {"TTY", "/dev/pts/3"},
      {"URN", "urn:isbn:0451450523"},
  };
  for (const auto& [name, text] : good) {
    INFO(name);
    CHECK(whole(name, text) == text);
  }
  for (const auto& [name, text] : {std::pair{"IP", "256.1.1.1"},
                                   {"IP", "1.2.3"},
                                   {"IP", "10:05:03"},
                                   {"IP", "1::2::3"},
                                   {"INT", "1.5"},
                                   {"UUID", "123e4567"},
                                   {"TIMESTAMP_ISO8601", "2015-13-17T10:05"},
                                   {"LOGLEVEL", "infos"},
                                   {"EMAILADDRESS", "ada@"}}) {
    INFO(name);
    CHECK(whole(name, text) == "-");
  }
  CHECK(part("IP", "at 10:05:03 from 10.0.0.7, port 9") == "10.0.0.7");
  CHECK(part("NUMBER", "took 1.5 s") == "1.5");
}

TEST_CASE("fields without a struct keep their order and check their types", "[logs][grok]") {
  const logs::grok_fields parse{
      "%{WORD:b.name} (?:%{INT:n:int}|%{WORD:w})(?: %{IP:ip}| %{WORD:ip})"};
  CHECK(*parse("one 2 three") == logs::fields{{"b.name", "one"}, {"n", "2"}, {"ip", "three"}});
  CHECK(*parse("one x ::1") == logs::fields{{"b.name", "one"}, {"w", "x"}, {"ip", "::1"}});
  const logs::grok_fields typed{"^%{NOTSPACE:n:int} %{NOTSPACE:f:float}$"};
  CHECK(typed("1 2.5").has_value());
  CHECK(typed("x 2.5").error().message() == "\"n\" is \"x\", which is no int");
  CHECK(typed("1 y").error().message() == "\"f\" is \"y\", which is no float");
}

TEST_CASE("patterns of one's own go before the usual ones", "[logs][grok]") {
  const logs::grok_patterns own{{"QUEUE", "[0-9A-F]{10,11}"}, {"WORD", "%{QUEUE}!"}};
  CHECK((*logs::grok_fields{"%{QUEUE:id}: %{WORD:w}", own}("x 0123456789: ABCDEF0123!"))["w"] ==
        "ABCDEF0123!");
  const auto read =
      logs::read_grok_patterns("# mine\n\nQUEUE [0-9A-F]{10,11}\r\nTWO \t%{QUEUE} x\n");
  REQUIRE(read.has_value());
  CHECK(*read == logs::grok_patterns{{"QUEUE", "[0-9A-F]{10,11}"}, {"TWO", "%{QUEUE} x"}});
  CHECK_THAT(logs::read_grok_patterns("A b\nC\n").error().message(), contains("line 2"));
  CHECK_THAT(logs::read_grok_patterns("A b\nA c\n").error().message(), contains("\"A\" again"));
}

TEST_CASE("a wrong grok pattern is named with its place", "[logs][grok]") {
  CHECK(problem("^%{WORD:a} %{NOPE:b}") ==
        "unknown grok pattern \"NOPE\" at character 12 of the pattern \"^%{WORD:a} %{NOPE:b}\"");
  CHECK_THAT(problem("%{A}", {{"A", "x%{NOPE}"}}),
             contains("\"NOPE\" at character 2 of the grok pattern \"A\""));
  CHECK_THAT(problem("%{A}", {{"A", "%{B}"}, {"B", "%{A}"}}),
             contains("\"A\" uses itself (A > B > A)"));
  CHECK_THAT(problem("%{WORD:a"), contains("without its \"}\"") && contains("character 1"));
  CHECK_THAT(problem("%{WORD:a:time}"), contains("unknown type \"time\""));
  CHECK_THAT(problem("%{WORD:a b}"), contains("\"a b\" is no name for a field"));
  CHECK_THAT(problem("%{}"), contains("unknown grok pattern \"\""));
  CHECK_THAT(problem("%{WORD}"), contains("has no named group"));
  CHECK_THAT(problem("%{WORD:a}("), contains("does not compile"));
  CHECK_THAT(problem("%{A:a}", {{"A B", "x"}}), contains("letters, digits"));
  logs::grok_patterns bomb{{"A0", "%{WORD:x}"}};
  for (int i = 1; i < 30; ++i) {
    const std::string below = "%{A" + std::to_string(i - 1) + "}";
    bomb["A" + std::to_string(i)] = below + below;
  }
  CHECK_THAT(problem("%{A29}", bomb), contains("when everything is put in"));
}

TEST_CASE("a grok pattern and its struct must fit", "[logs][grok]") {
  CHECK_THAT(logs::grok<named>{"%{WORD:name} %{WORD:other}"}.problem(),
             contains("group \"other\", and the struct no such member"));
  CHECK_THAT(logs::grok<hit>{"%{IP:client}"}.problem(),
             contains("has no group for the member \"status\""));
  CHECK_THAT(logs::grok<named>{"%{INT:name:int}"}.problem(), contains("\"name\" is :int"));
  CHECK(logs::grok<named>{"(?<name>x) %{COMBINEDAPACHELOG}"}.problem().empty());
}

TEST_CASE("COMBINEDAPACHELOG takes a request that is garbage", "[logs][grok]") {
  const logs::grok_fields parse{"%{COMBINEDAPACHELOG}"};
  const auto found =
      parse(R"(::1 - ada [17/May/2015:10:05:03 +0000] "\x16\x03\"" 400 - "-" "a \"b\"")");
  REQUIRE(found.has_value());
  CHECK((*found)["rawrequest"] == R"(\x16\x03\")");
  CHECK((*found)["agent"] == R"(a \"b\")");
  CHECK_FALSE(found->contains("bytes"));
}

TEST_CASE("SYSLOGLINE names host, program and process", "[logs][grok]") {
  const auto found = logs::grok_fields{"^%{SYSLOGLINE}$"}(
      "Mar 27 13:06:56 ip-10-77-20-248 sshd[1291]: Server listening on :: port 22.");
  REQUIRE(found.has_value());
  CHECK(*found == logs::fields{{"timestamp", "Mar 27 13:06:56"},
                               {"logsource", "ip-10-77-20-248"},
                               {"program", "sshd"},
                               {"pid", "1291"},
                               {"message", "Server listening on :: port 22."}});
}

TEST_CASE("of 10,000 access log lines COMBINEDAPACHELOG parses 9,999", "[logs][grok]") {
  const auto data = test::data_dir();
  if (!data) {
    WARN("skipped: PENSTOCK_TEST_DATA is not set");
    return;
  }
  const logs::grok<combined> parse{"^%{COMBINEDAPACHELOG}$"};
  REQUIRE(parse.problem().empty());
  std::ifstream in(*data + "/apache-access.log", std::ios::binary);
  std::map<int, int> statuses;
  int bad = 0;
  for (std::string line; std::getline(in, line);) {
    if (const auto one = parse(line)) {
      ++statuses[one->response];
    } else {
      ++bad;
      CHECK_THAT(line, contains("46.118.127.106"));
    }
  }
  CHECK(bad == 1);
  CHECK(statuses == std::map<int, int>{{200, 9125},
                                       {206, 45},
                                       {301, 164},
                                       {304, 445},
                                       {403, 2},
                                       {404, 213},
                                       {416, 2},
                                       {500, 3}});
}
