#include "streams/logs/redact.hpp"

#include <string>
#include <utility>

#include "streams/logs/redact_scan.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;
using redact::redactor;

namespace {

const redactor all{redact::email, redact::ipv4, redact::ipv6, redact::card, redact::token};

// `masked("…")` for text that has finds, `stays("…")` for text that has none.
void stays(const redactor& how, const std::string& text) {
  INFO(text);
  CHECK(how(text) == text);
  CHECK_FALSE(how.replaced(text).has_value());
}

}  // namespace

TEST_CASE("e-mail addresses are taken out", "[logs][redact]") {
  const redactor email{redact::email};
  CHECK(email("ada@example.org") == "[email]");
  CHECK(email("from=<ada.l+x_1@mail.example.co.uk>, to=bob@x.io.") ==
        "from=<[email]>, to=[email].");
  CHECK(email("user=ada@xn--bcher-kva.xn--p1ai:25") == "user=[email]:25");
  CHECK(email("j\xc3\xbcrgen@b\xc3\xbc"
              "cher.example") == "[email]");
  CHECK(email("'o'brien@x.org'") == "'[email]'");
  CHECK(email("a@b.co@c.org") == "[email]@c.org");
  CHECK(email("GET /join?email=ada%40example.org&x=a%40b.io HTTP/1.1") ==
        "GET /join?email=[email]&x=[email] HTTP/1.1");
  CHECK(email(std::string(1000, 'a') + "@x.org") == std::string(936, 'a') + "[email]");
  for (const char* text : {"ada@localhost", "@example.org", "ada@", "node@16.11", "ada@.org",
                           "user@1000.service", "getty@tty1.service", "a.@x.org", "@", "@@a.b@",
                           "100%40", "%40x.org", "100%4example.org"}) {
    stays(email, text);
  }
}

TEST_CASE("addresses of version 4 are taken out, versions of programs are not", "[logs][redact]") {
  const redactor ipv4{redact::ipv4};
  CHECK(ipv4("10.0.0.1 - - from 192.168.100.255:80, [1.2.3.4]") ==
        "[ipv4] - - from [ipv4]:80, [[ipv4]]");
  CHECK(ipv4("client=8.8.8.8.") == "client=[ipv4].");
  CHECK(ipv4("ip-10.0.0.1/24 ::ffff:10.0.0.1") == "ip-[ipv4]/24 ::ffff:[ipv4]");
  for (const char* text : {"256.1.1.1", "1.2.3", "1.2.3.4.5", "v1.2.3.4", "1.2.3.4a", "0001.2.3.4",
                           "1..2.3", "2015.05.17", "1.2.3.4_"}) {
    stays(ipv4, text);
  }
}

TEST_CASE("addresses of version 6 are taken out, times are not", "[logs][redact]") {
  const redactor ipv6{redact::ipv6};
  for (const char* address :
       {"::1", "fe80::1", "2001:db8:0:0:0:8a2e:370:7334", "2001:DB8::8a2e:370:7334",
        "1::", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:10.0.0.1", "fe80::1%eth0"}) {
    const std::string text = address;
    CHECK(ipv6(text) == "[ipv6]");
    CHECK(ipv6("from " + text + " to " + text + ", x") == "from [ipv6] to [ipv6], x");
    CHECK(ipv6("[" + text + "]:443") == "[[ipv6]]:443");
    CHECK(ipv6("peer:" + text + ";") == (text[0] == ':' ? "peer:" + text + ";" : "peer:[ipv6];"));
  }
  CHECK(ipv6("from 2001:db8::1.") == "from [ipv6].");
  CHECK(ipv6("IP6 2001:db8::1.443 > fe80::2.5353: UDP") == "IP6 [ipv6].443 > [ipv6].5353: UDP");
  CHECK(ipv6("2001:db8::1/64") == "[ipv6]/64");
  for (const char* text :
       {"10:05:03", "00:1a:2b:3c:4d:5e", "std::string", "a::function", "::", "1:2:3:4:5:6:7:8:9",
        "1::2::3", "12345::1", "fe80::1g", "2015-05-17T10:05:03", "x::", "1:2:3:4:5:6:7", ":::1"}) {
    stays(ipv6, text);
  }
}

TEST_CASE("card numbers with a right check digit are taken out", "[logs][redact]") {
  const redactor card{redact::card};
  for (const char* number :
       {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444",
        "378282246310005", "3782 822463 10005", "6011111111111117", "3530111333300000",
        "2223003122003222", "4222222222222", "30569309025904"}) {
    const std::string text = number;
    CHECK(card("card=" + text + ", ok") == "card=[card], ok");
  }
  CHECK(card("2024 4111 1111 1111 1111 200") == "2024 [card] 200");
  CHECK(card("4111111111111111 4111111111111111") == "[card] [card]");
  for (const char* text : {"4111111111111112", "1431857103250", "41111111111111110",
                           "4111 1111-1111 1111", "x4111111111111111", "4111111111111111x",
                           "0.4111111111111111", "4111111111111111.5", "44111111111111111111",
                           "0000000000000000", "1234567890123452", "4111 11 11 1111 1111 11"}) {
    stays(card, text);
  }
  CHECK(redact::detail::luhn("79927398713"));
  CHECK_FALSE(redact::detail::luhn("79927398710"));
}

TEST_CASE("secrets are taken out and their names stay", "[logs][redact]") {
  const redactor token{redact::token};
  const std::string web =
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
  const std::pair<std::string, std::string> finds[] = {
      {"Authorization: Bearer abcDEF123._~+/=-x next", "Authorization: Bearer [token] next"},
      {"authorization=\"Basic dXNlcjpwYXNz\"", "authorization=\"Basic [token]\""},
      {"header bearer " + web + "!", "header bearer [token]!"},
      {"jwt " + web + ", ok", "jwt [token], ok"},
      {"key AKIAIOSFODNN7EXAMPLE used", "key [token] used"},
      {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
       "aws_secret_access_key = [token]"},
      {"ghp_0123456789abcdefghijklmnopqrstuvwxyz", "[token]"},
      {"glpat-0123456789abcdefghij.", "[token]."},
      {"xoxb-1234567890-abcdef", "[token]"},
      {"sk_"
       "live_0123456789abcdef",
       "[token]"},
      {"GET /a?api_key=0123456789&x=1", "GET /a?api_key=[token]&x=1"},
      {"/in?token=abc&x=1", "/in?token=[token]&x=1"},
      {"/in?a=b&pass=x;sig=ab%2Fc&X-Amz-Signature=0f",
       "/in?a=b&pass=[token];sig=[token]&X-Amz-Signature=[token]"},
      {"https://x.org/?key=k1&x-api-key=k2", "https://x.org/?key=[token]&x-api-key=[token]"},
      {"{\"password\": \"a \\\" b\", \"x\": 1}", "{\"password\": \"[token]\", \"x\": 1}"},
      {"DB_PASSWORD=x user=ada", "DB_PASSWORD=[token] user=ada"},
      {"x-api-key: 0123456789", "x-api-key: [token]"},
      {"'client_secret' => '0123456789'", "'client_secret' => '[token]'"},
      {"postgres://ada:pa55@db.example.org:5432/x", "postgres://ada:[token]@db.example.org:5432/x"},
      {"redis://:pa55@[::1]:6379", "redis://:[token]@[::1]:6379"},
  };
  for (const auto& [text, masked] : finds) {
    CHECK(token(text) == masked);
    stays(token, masked);
  }
  for (const char* text :
       {"the bearer of bad news", "unexpected token: ';'", "password for ada from 10.0.0.1",
        "token", "password:", "password=\n", "password: ***", "AKIAIOSFODNN7EXAMPL",
        "AKIAIOSFODNN7EXAMPLE1", "eyJhbGciOiJIUzI1NiJ9", "http://example.org:80/a@b",
        "http://ada@example.org", "/a?token=&x=1", "/a?monkey=1&passenger=2", "key=k1&x",
        "/a?b=key:1", "tokens=0123456789", "monkey: 0123456789", "sk-short"}) {
    stays(token, text);
  }
}

TEST_CASE("one pass finds all kinds, and what is not asked for stays", "[logs][redact]") {
  const std::string line =
      "10.0.0.1 - ada@example.org \"GET /?token=0123456789\" card 4111-1111-1111-1111 via fe80::1";
  CHECK(all(line) == "[ipv4] - [email] \"GET /?token=[token]\" card [card] via [ipv6]");
  CHECK(redactor{redact::card}(line) ==
        "10.0.0.1 - ada@example.org \"GET /?token=0123456789\" card [card] via fe80::1");
  CHECK(logs::redact(line, {redact::email, redact::ipv6}) ==
        "10.0.0.1 - [email] \"GET /?token=0123456789\" card 4111-1111-1111-1111 via [ipv6]");
  stays(all, "");
  stays(all, std::string("\x00\xff\xfe text without any", 21));
}

TEST_CASE("a mask is the same for all kinds", "[logs][redact]") {
  CHECK(redactor{{redact::email, redact::ipv4}, redact::mask{"***"}}("a@b.io 1.2.3.4") ==
        "*** ***");
}

TEST_CASE("a keyed hash is stable, and different for other keys and kinds", "[logs][redact]") {
  const redactor hashed{{redact::email, redact::ipv4}, redact::keyed_hash{"0123456789abcdef"}};
  const redactor other{{redact::email, redact::ipv4}, redact::keyed_hash{"0123456789abcdeg"}};
  // HMAC-SHA-256 of "email:ada@example.org", its first eight bytes.
  CHECK(hashed("x ada@example.org y") == "x [email:c92c722f68291bc0] y");
  CHECK(hashed("ada@example.org ada@example.org") ==
        hashed("ada@example.org") + " " + hashed("ada@example.org"));
  CHECK(hashed("ada@example.org") != other("ada@example.org"));
  CHECK(hashed("ada@example.org") != hashed("ada@example.net"));
  CHECK(hashed.problem().empty());
  stays(hashed, hashed("ada@example.org 10.0.0.1"));
}

TEST_CASE("a redactor that cannot be used says so", "[logs][redact]") {
  CHECK_THAT((redactor{{}, redact::mask{}}.problem()), test::contains("nothing to redact"));
  const redactor weak{{redact::email}, redact::keyed_hash{"short"}};
  CHECK_THAT(weak.problem(), test::contains("at least 16 bytes"));
  CHECK(weak("ada@example.org") == "[email]");
  CHECK(all.describe() == "email, ipv4, ipv6, card, token; masked");
}

TEST_CASE("time is linear in texts that are made to cost", "[logs][redact]") {
  for (const std::string part : {"@",      "a@",     "a.",    "a@a.",        "1.",
                                 "1:",     "::",     "f:",    "1234 ",       "4111-",
                                 "eyJ-",   "eyJ.",   "sk-",   "password=\"", "password='\\",
                                 "token:", "://",    "://a:", "bearer ",     "authorization:a ",
                                 "AKIA",   "\xff@",  "-@a-",  "%40",         "a%40a.",
                                 "&-key=", "?a-sig="}) {
    std::string text;
    while (text.size() < (1u << 20)) text += part;
    CHECK(all(text).size() <= 3 * text.size());
  }
}
