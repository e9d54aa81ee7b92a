#include "streams/logs/access.hpp"

#include <map>

#include "streams/record/value_format.hpp"
#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

access parsed(std::string_view line) {
  auto found = combined(line);
  INFO(line);
  REQUIRE(found.has_value());
  return *found;
}

std::string why(std::string_view line) {
  const auto found = combined(line);
  INFO(line);
  REQUIRE(!found.has_value());
  return found.error().message();
}

std::string with_request(const std::string& request) {
  return "::1 - - [17/May/2015:10:05:03 +0200] \"" + request + "\" 400 - \"-\" \"-\"";
}

TEST_CASE("a combined line has all its fields", "[logs]") {
  const access a = parsed(
      "83.149.9.216 - frank [17/May/2015:10:05:03 +0000] \"GET /a/b.png?c=d HTTP/1.1\" 200 203023 "
      "\"http://semicomplete.com/\" \"Mozilla/5.0 (Macintosh)\"");
  CHECK(a.client == "83.149.9.216");
  CHECK(a.ident.empty());
  CHECK(a.user == "frank");
  CHECK(a.time == from_millis(1'431'857'103'000));
  CHECK(a.method == "GET");
  CHECK(a.path == "/a/b.png?c=d");
  CHECK(a.protocol == "HTTP/1.1");
  CHECK(a.status == 200);
  CHECK(a.bytes == 203'023);
  CHECK(a.referer == "http://semicomplete.com/");
  CHECK(a.agent == "Mozilla/5.0 (Macintosh)");
}

TEST_CASE("what an access log writes as '-' is empty or zero", "[logs]") {
  const access a = parsed("- - - [01/Jan/2020:00:00:00 -0130] \"-\" - - \"-\" \"-\"\r\n");
  CHECK(a.client.empty());
  CHECK(a.user.empty());
  CHECK(a.time == from_millis(1'577'842'200'000));
  CHECK(a.path.empty());
  CHECK(a.status == 0);
  CHECK(a.bytes == 0);
  CHECK(a.referer.empty());
  CHECK(a.agent.empty());
}

TEST_CASE("requests that are no requests stand in the path", "[logs]") {
  access a = parsed(with_request("\\x16\\x03\\x01\\x02"));
  CHECK(a.client == "::1");
  CHECK(a.method.empty());
  CHECK(a.path == "\\x16\\x03\\x01\\x02");
  a = parsed(with_request(""));
  CHECK(a.path.empty());
  a = parsed(with_request("GET"));
  CHECK(a.path == "GET");
  a = parsed(with_request("GET /old"));
  CHECK(a.method == "GET");
  CHECK(a.path == "/old");
  CHECK(a.protocol.empty());
  a = parsed(with_request("GET /with space HTTP/1.0"));
  CHECK(a.path == "/with space");
  CHECK(a.protocol == "HTTP/1.0");
  a = parsed(with_request("OPTIONS rtsp://a/b RTSP/1.0"));
  CHECK(a.protocol == "RTSP/1.0");
  a = parsed(with_request("1234 5 HTTP/1.0"));
  CHECK(a.path == "1234 5 HTTP/1.0");
  a = parsed(with_request(" "));
  CHECK(a.path == " ");
}

TEST_CASE("escaped quotes do not end a field", "[logs]") {
  const access a = parsed(
      "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /?q=\\\"x\\\" HTTP/1.1\" 200 1 \"\\\\\" "
      "\"say \\\"hi\\\" \\\\\"");
  CHECK(a.path == "/?q=\\\"x\\\"");
  CHECK(a.referer == "\\\\");
  CHECK(a.agent == "say \\\"hi\\\" \\\\");
  CHECK(unescape(a.agent) == "say \"hi\" \\");
  CHECK(unescape("\\x41\\x4a\\n\\q\\x4\\") == "AJ\n\\q\\x4\\");
}

TEST_CASE("users with spaces and brackets are told from the time", "[logs]") {
  const access a = parsed(
      "host - John [the] Doe [x [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"");
  CHECK(a.user == "John [the] Doe [x");
}

TEST_CASE("more fields behind the last are ignored, other bytes are not", "[logs]") {
  const std::string line =
      "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"curl\"";
  CHECK(parsed(line + " \"10.0.0.1\" 0.003 rt=1").agent == "curl");
  CHECK_THAT(why(line + "x"), contains("a space or the end behind the user agent at byte"));
}

TEST_CASE("the common format reads its own lines and combined ones", "[logs]") {
  const auto a =
      common("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 304 - \"-\" \"curl\"");
  REQUIRE(a);
  CHECK(a->status == 304);
  CHECK(a->agent.empty());
  CHECK(common("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 304 0"));
  CHECK_THAT(why("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 304 0"),
             contains("a space and the referer in quotes at byte"));
}

TEST_CASE("a line that is no access log says what is missing and where", "[logs]") {
  CHECK_THAT(why(""), contains("the client and a space at byte 0 of 0"));
  CHECK_THAT(why("h "), contains("the identity"));
  CHECK_THAT(why("h - - nothing"), contains("the user (or '-') and a time"));
  CHECK_THAT(why("h - - [30/Feb/2015:10:05:03 +0000] \"-\" - - \"-\" \"-\""), contains("a time"));
  CHECK_THAT(why("h - - [17/May/2015:10:05:03 +0000] \"GET / 200 1"), contains("closing quote"));
  const std::string start = "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" ";
  for (const char* bad : {"20", "2000", "2x0", "", "200x"}) {
    CHECK_THAT(why(start + bad + " 1 \"-\" \"-\""), contains("a status of three digits"));
  }
  for (const char* bad : {"1x", "-1", "18446744073709551616", ""}) {
    CHECK_THAT(why(start + "200 " + bad + " \"-\" \"-\""), contains("the number of bytes"));
  }
  CHECK_THAT(why(std::string("\0\xff\n\x01", 4)), contains("\\x00\\xff\\x0a\\x01"));
  CHECK(why(std::string(1'000'000, 'x')).size() < 300);
}

TEST_CASE("damaged access logs are refused or read, never run past", "[logs]") {
  test::abuse(
      "83.149.9.216 - a b [17/May/2015:10:05:03 +0000] \"GET /\\\"a HTTP/1.1\" 200 203023 \"-\" "
      "\"M\\\\\" 1",
      [](std::string_view line) {
        (void)combined(line);
        (void)common(line);
      });
}

TEST_CASE("an access log's view is stored like the access itself", "[logs]") {
  const std::string line =
      "h - u [17/May/2015:10:05:03 +0000] \"GET /x HTTP/1.1\" 200 1 \"r\" \"curl\"";
  const access_view view = combined_view(line).value();
  bytes from_view, from_owned;
  serde<access_view>::encode(view, from_view);
  serde<access>::encode(static_cast<access>(view), from_owned);
  CHECK(from_view == from_owned);
  CHECK(serde<access_view>::name() == serde<access>::name());
  access_view back;
  REQUIRE(serde<access_view>::decode(from_view, back));
  CHECK(back.agent == "curl");
}

TEST_CASE("a real access log has 9,999 combined lines and one that is cut", "[logs][data]") {
  const auto lines = test::data_lines("apache-access.log");
  if (!lines) return;
  std::map<std::int32_t, int> status;
  int bad = 0;
  for (const std::string& line : *lines) {
    const auto a = combined(line);
    const auto c = common(line);
    REQUIRE(c);
    if (!a) {
      ++bad;
      CHECK_THAT(a.error().message(), contains("the user agent's closing quote"));
      continue;
    }
    ++status[a->status];
    CHECK(a->time == c->time);
  }
  CHECK(lines->size() == 10'000);
  CHECK(bad == 1);
  CHECK(status == std::map<std::int32_t, int>{{200, 9'125},
                                              {304, 445},
                                              {404, 213},
                                              {301, 164},
                                              {206, 45},
                                              {500, 3},
                                              {403, 2},
                                              {416, 2}});
}

}  // namespace
}  // namespace penstock::logs
