#include "streams/logs/nginx_error.hpp"

#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

nginx_error_event got(std::string_view line) {
  auto found = nginx_error(line);
  INFO(line);
  if (!found) FAIL(found.error().message());
  return *found;
}
std::string why(std::string_view line) {
  const auto found = nginx_error(line);
  return found ? "read" : found.error().message();
}

TEST_CASE("an event of nginx has its message and its request", "[logs]") {
  const auto e = got(
      "2015/05/17 10:05:03 [error] 1234#5678: *90 connect() failed (111: Connection refused) while "
      "connecting to upstream, client: 10.0.0.1, server: example.com, request: \"GET /a, b "
      "HTTP/1.1\", "
      "upstream: \"http://127.0.0.1:8080/a\", host: \"example.com\", referrer: \"http://r/\"\n");
  CHECK(e.time == iso_time("2015-05-17T10:05:03"));
  CHECK(e.level == "error");
  CHECK(e.pid == 1234);
  CHECK(e.tid == 5678);
  CHECK(e.connection == 90);
  CHECK(e.message == "connect() failed (111: Connection refused) while connecting to upstream");
  CHECK(e.client == "10.0.0.1");
  CHECK(e.server == "example.com");
  CHECK(e.request == "GET /a, b HTTP/1.1");
  CHECK(e.upstream == "http://127.0.0.1:8080/a");
  CHECK(e.host == "example.com");
  CHECK(e.referrer == "http://r/");
}

TEST_CASE("events of nginx without a request have a message alone", "[logs]") {
  auto e = got("2015/05/17 10:05:03 [notice] 1#1: signal process started");
  CHECK(e.connection == 0);
  CHECK(e.message == "signal process started");
  CHECK(e.client.empty());
  e = got("2015/05/17 10:05:03 [info] 1#0: *7 client closed, client: unix:, server: _");
  CHECK(e.client == "unix:");
  CHECK(e.server == "_");
  e = got(
      "2015/05/17 10:05:03 [info] 1#0: *7 open() \"/x, client: y\" failed, client: ::1, server: a");
  CHECK(e.message == "open() \"/x, client: y\" failed");
  CHECK(e.client == "::1");
  e = got("2015/05/17 10:05:03 [crit] 1#0: *x, host: \"");
  CHECK(e.message == "*x, host: \"");
}

TEST_CASE("a request that imitates the fields behind it does not become them", "[logs]") {
  const auto e = got(
      "2015/05/17 10:05:03 [error] 1#0: *7 x, client: 1.2.3.4, server: s, request: \"GET /, host: "
      "\"evil HTTP/1.1\", host: \"good\"");
  CHECK(e.request == "GET /, host: \"evil HTTP/1.1");
  CHECK(e.host == "good");
}

TEST_CASE("a line that nginx did not write is refused with the place", "[logs]") {
  CHECK_THAT(why(""), contains("a time like 2015/05/17 10:05:03"));
  CHECK_THAT(why("2015/05/17 10:05:03 error"), contains("a level in brackets at byte 19"));
  CHECK_THAT(why("2015/05/17 10:05:03 [error] x"), contains("a process and thread"));
}

TEST_CASE("damaged events of nginx are refused or read, never run past", "[logs]") {
  test::abuse(
      "2015/05/17 10:05:03 [error] 12#56: *9 m, client: 10.0.0.1, server: e, request: \"GET / \", "
      "upstream: \"u\", host: \"e\", referrer: \"r\"",
      [](std::string_view t) { (void)nginx_error(t); });
}

}  // namespace
}  // namespace penstock::logs
