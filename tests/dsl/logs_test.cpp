// Parsers and rules of streams/logs as steps of a topology.
#include "streams/logs/grok.hpp"
#include "streams/logs/regex.hpp"
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

struct hit {
  std::string client;
  std::uint16_t status = 0;
};
PENSTOCK_FIELDS(hit, client, status);

const topic<no_key, std::string> lines{"lines", format::text};
const topic<no_key, hit> hits{"hits"};
const topic<no_key, logs::fields> found{"found", format::json};

TEST_CASE("regex and grok parse in try_map, and what they refuse is a dead letter", "[dsl][logs]") {
  topology t{"parse"};
  t.on_bad_record(dead_letter{"bad"});
  t.from(lines).try_map("parse", logs::regex<hit>{R"(^(?P<client>\S+) (?P<status>\d+)$)"}).to(hits);
  t.from(lines).try_map("grok", logs::grok_fields{"^%{IP:client} %{INT:status:int}"}).to(found);
  test_driver d{t};
  d.feed(lines, "10.0.0.1 200");
  d.feed(lines, "garbage");
  const auto parsed = d.drain(hits);
  REQUIRE(parsed.size() == 1);
  CHECK(parsed[0].client == "10.0.0.1");
  CHECK(parsed[0].status == 200);
  CHECK(d.drain(found) == std::vector<logs::fields>{{{"client", "10.0.0.1"}, {"status", "200"}}});
  REQUIRE(d.bad_records().size() == 2);
  CHECK(d.bad_records()[0].step == "parse");
  CHECK_THAT(d.bad_records()[0].reason, contains("is not found in it"));
}

TEST_CASE("a pattern that does not compile is a problem of the topology", "[dsl][logs]") {
  topology t{"parse"};
  t.from(lines).try_map("parse", logs::regex<hit>{"(?P<client>a"}).to(hits);
  t.from(lines).try_map("fields", logs::grok_fields{"%{NOPE:x}"}).to(found);
  const auto problems = t.plan().problems();
  REQUIRE(problems.size() == 2);
  CHECK_THAT(problems[0], contains("step \"parse\": the pattern \"(?P<client>a\" does not compile: "
                                   "missing )") &&
                              contains("at character 1"));
  CHECK_THAT(problems[1],
             contains("step \"fields\": unknown grok pattern \"NOPE\" at character 1"));
  CHECK_THAT(t.describe(), contains("problem: step \"parse\""));
  CHECK_THROWS_WITH(test_driver{t}, contains("does not compile"));
}

TEST_CASE("redact takes personal data out of text, fields and members", "[dsl][logs]") {
  const topic<no_key, std::string> clean{"clean", format::text};
  const topic<no_key, logs::fields> clean_fields{"clean-fields", format::json};
  const topic<no_key, hit> clean_hits{"clean-hits"};
  topology t{"redact"};
  t.from(lines).redact("text", {redact::email, redact::ipv4}).to(clean);
  t.from(found).redact("fields", {{redact::email}, redact::mask{"-"}}).to(clean_fields);
  t.from(hits).redact("members", {redact::ipv4}, &hit::client).to(clean_hits);
  test_driver d{t};
  d.feed(lines, "10.0.0.1 ada@example.org");
  d.feed(found, {{"user", "ada@example.org"}, {"from", "10.0.0.1"}});
  d.feed(hits, {"10.0.0.1", 200});
  CHECK(d.drain(clean) == std::vector<std::string>{"[ipv4] [email]"});
  CHECK(d.drain(clean_fields) == std::vector<logs::fields>{{{"from", "10.0.0.1"}, {"user", "-"}}});
  const auto changed = d.drain(clean_hits);
  REQUIRE(changed.size() == 1);
  CHECK(changed[0].client == "[ipv4]");
  CHECK(changed[0].status == 200);
  CHECK_THAT(t.describe(), contains("email, ipv4; masked"));
}

TEST_CASE("a redactor without kinds or with a short key is a problem", "[dsl][logs]") {
  const topic<no_key, std::string> clean{"clean", format::text};
  topology t{"redact"};
  t.from(lines)
      .redact("hash", {{redact::email}, redact::keyed_hash{"short"}})
      .map_values("map", redact::redactor{{}, redact::mask{}})
      .to(clean);
  const auto problems = t.plan().problems();
  REQUIRE(problems.size() == 2);
  CHECK_THAT(problems[0], contains("step \"hash\": the key of a keyed hash"));
  CHECK_THAT(problems[1], contains("step \"map\": there is nothing to redact"));
}

}  // namespace
}  // namespace penstock::test
