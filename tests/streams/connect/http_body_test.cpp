#include "streams/connect/http_body.hpp"

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using test::contains;

const timestamp noon = from_millis(1'772'366'400'250);

std::string body_of(const http_body& as, std::vector<std::pair<std::string, bool>> values) {
  std::vector<bytes> pieces;
  for (const auto& [value, json] : values)
    append_piece(as, value, json, noon, pieces.emplace_back());
  return assemble(as, std::vector<bytes_view>(pieces.begin(), pieces.end()));
}

TEST_CASE("NDJSON has a document per line, whatever is in it", "[connect]") {
  CHECK(body_of(ndjson{}, {{"{\"a\":1}", true}, {"5", true}}) == "{\"a\":1}\n5\n");
  CHECK(body_of(ndjson{}, {{"say \"hi\"\n\x01", false}}) ==
        "{\"message\":\"say \\\"hi\\\"\\n\\u0001\"}\n");
  CHECK(body_of(ndjson{}, {{"{\n \"a\": 1\r\n}", true}}) == "{  \"a\": 1  }\n");
  CHECK(body_of(ndjson{}, {{"\xff", false}}) == "{\"message\":\"\xef\xbf\xbd\"}\n");
}

TEST_CASE("documents for Elasticsearch are created, with a time", "[connect]") {
  const std::string head = "{\"create\":{\"_index\":\"lo\\\"gs\"}}\n";
  const http_body as = elastic_bulk{"lo\"gs"};
  const std::string time = "{\"@timestamp\":\"2026-03-01T12:00:00.250Z\"";
  CHECK(body_of(as, {{"{\"a\":1}", true}}) == head + time + ",\"a\":1}\n");
  CHECK(body_of(as, {{"{ }", true}}) == head + time + " }\n");
  CHECK(body_of(as, {{"x", false}}) == head + time + ",\"message\":\"x\"}\n");
  CHECK(body_of(as, {{"{\"@timestamp\":1}", true}}) == head + "{\"@timestamp\":1}\n");
}

TEST_CASE("Loki gets lines with nanoseconds as strings", "[connect]") {
  const http_body as = loki_push{{{"job", "web"}, {"host", "a\"b"}}};
  CHECK(body_of(as, {{"one\ttwo", false}, {"{\"a\":1}", true}}) ==
        "{\"streams\":[{\"stream\":{\"job\":\"web\",\"host\":\"a\\\"b\"},\"values\":["
        "[\"1772366400250000000\",\"one\\ttwo\"],"
        "[\"1772366400250000000\",\"{\\\"a\\\":1}\"]]}]}");
  CHECK(content_type(as) == "application/json");
  CHECK(content_type(ndjson{}) == "application/x-ndjson");
}

TEST_CASE("a bulk answer says what became of each item", "[connect]") {
  for (const char* text : {R"({"errors":false})",
                           R"({"took":3,"errors":false,"items":[{"create":{}},{"create":{}}]})"}) {
    const auto all = parse_bulk_answer(text, 2);
    REQUIRE(all);
    CHECK(all->empty());
  }
  const auto some = parse_bulk_answer(
      R"({"errors":true,"items":[{"create":{"status":201}},
          {"create":{"status":429,"error":{"type":"rejected","reason":"full"}}},
          {"index":{"status":400,"error":"odd"}}]})",
      3);
  REQUIRE(some);
  REQUIRE(some->size() == 3);
  CHECK((*some)[0].status == 201);
  CHECK((*some)[1].status == 429);
  CHECK((*some)[1].reason == "rejected: full");
  CHECK((*some)[2].reason == "\"odd\"");
}

TEST_CASE("what is no bulk answer is refused", "[connect]") {
  for (const char* text :
       {"", "<html>", "{}", "[]", "{\"errors\":true}", "{\"errors\":true,\"items\":[]}",
        "{\"errors\":false,\"items\":[]}", "{\"errors\":true,\"items\":[1,2]}",
        "{\"errors\":true,\"items\":[{},{}]}",
        "{\"errors\":true,\"items\":[{\"create\":{}},{\"create\":{}}]}"}) {
    INFO(text);
    const auto read = parse_bulk_answer(text, 2);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().message(), contains("/_bulk"));
  }
}

}  // namespace
}  // namespace penstock
