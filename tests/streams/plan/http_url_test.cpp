#include "streams/plan/http_url.hpp"

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using test::contains;

std::string read(std::string_view text) {
  const auto url = parse_http_url(text);
  return url ? url->authority() + " " + std::to_string(url->port) + " " + url->target
             : "refused: " + url.error().message();
}

TEST_CASE("addresses of servers are read", "[connect]") {
  CHECK(read("http://localhost") == "localhost 80 /");
  CHECK(read("http://localhost:9200/_bulk") == "localhost:9200 9200 /_bulk");
  CHECK(read("http://a.b:80/x/y?q=1&r=%20") == "a.b 80 /x/y?q=1&r=%20");
  CHECK(read("http://a?q") == "a 80 /?q");
  CHECK(read("http://[::1]:8080/in") == "[::1]:8080 8080 /in");
  CHECK(parse_http_url("http://[::1]/")->host == "::1");
  CHECK(read("https://logs.example.org/in") == "logs.example.org 443 /in");
  CHECK(read("https://logs.example.org:443/") == "logs.example.org 443 /");
  CHECK(read("https://localhost:80/") == "localhost:80 80 /");
  CHECK(parse_http_url("https://a/")->tls);
  CHECK(!parse_http_url("http://a:443/")->tls);
  CHECK(parse_http_url("https://[::1]:9200/_bulk?x")->to_string() == "https://[::1]:9200/_bulk?x");
}

TEST_CASE("what is no such address is refused with the reason", "[connect]") {
  CHECK_THAT(read("ftp://example.org/"), contains("write http://HOST"));
  CHECK_THAT(read(""), contains("or https://HOST"));
  CHECK_THAT(read("http://"), contains("names no host"));
  CHECK_THAT(read("http://:80/"), contains("names no host"));
  CHECK_THAT(read("http://u:p@host/"), contains("passwords"));
  CHECK_THAT(read("http://host/a b"), contains("spaces"));
  CHECK_THAT(read("http://host/\r\nX: y"), contains("spaces"));
  CHECK_THAT(read("http://host/#part"), contains("fragment"));
  CHECK_THAT(read("http://[::1/"), contains("bracket"));
  for (const char* text : {"http://h:0/", "http://h:65536/", "http://h:/", "http://h:8x/",
                           "http://h:99999999999/", "http://[::1]x/", "http://h:-1/"}) {
    INFO(text);
    CHECK_THAT(read(text), contains("port"));
  }
}

}  // namespace
}  // namespace penstock
