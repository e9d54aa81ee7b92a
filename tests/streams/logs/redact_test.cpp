#include "streams/logs/redact.hpp"

#include <string>
#include <utility>
#include <vector>

#include "streams/logs/redact_scan.hpp"
#include "tests/support/catch.hpp"

using namespace penstock;
using redact::redactor;

namespace {

const redactor all{redact::email, redact::ipv4, redact::ipv6, redact::card, redact::token};

using table = std::vector<std::pair<std::string, std::string>>;

// What is taken out of each text, and that nothing is taken out of what is left.
void check_table(const redactor& how, const table& texts) {
  for (const auto& [text, masked] : texts) {
    INFO(text);
    CHECK(how(text) == masked);
    CHECK(how(masked) == masked);
  }
}

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
        "1:2:3:4:5:6:10.0.0.1", "fe80::1%eth0", "fdab:cdef::feed", "dead::be3f"}) {
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
       {"10:05:03", "00:1a:2b:3c:4d:5e", "std::string", "a::function", "::", "a::b", "dead::beef",
        "cafe::babe: x", "::add(1)", "abc::", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::1",
        "fe80::1g", "2015-05-17T10:05:03", "x::", "1:2:3:4:5:6:7", ":::1"}) {
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

TEST_CASE("behind an escape a word begins", "[logs][redact]") {
  const std::string web =
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
  check_table(
      all,
      {{"xff=10.0.0.1%2C10.0.0.2&x=%2210.0.0.3%22&y=%2010.0.0.4",
        "xff=[ipv4]%2C[ipv4]&x=%22[ipv4]%22&y=%20[ipv4]"},
       {"cc=%204111111111111111&c=%224111111111111111%22&c=%3D4111111111111111",
        "cc=%20[card]&c=%22[card]%22&c=%3D[card]"},
       {"a=%20ghp_abcdefghijklmnopqrstuvwxyz0123456789&b=%22AKIAIOSFODNN7EXAMPLE%22",
        "a=%20[token]&b=%22[token]%22"},
       {"c=%22" + web + "%22", "c=%22[token]%22"},
       {"xff=2001:db8::1%2C2001:db8::2&z=%222001:db8::3%22", "xff=[ipv6]%2C[ipv6]&z=%22[ipv6]%22"},
       {"y=%3Cjoe%40example.org%3E&z=a%2Cjoe%40example.org%2Cbob%40example.org",
        "y=%3C[email]%3E&z=a%2C[email]%2C[email]"},
       {R"(\x2210.0.0.1\x22 \x22joe@example.org\x22)", R"(\x22[ipv4]\x22 \x22[email]\x22)"},
       {R"({\"ip\":\"10.0.0.1\",\"to\":\"joe@example.org\"})",
        R"({\"ip\":\"[ipv4]\",\"to\":\"[email]\"})"},
       {R"(first\n10.0.0.1\tfe80::1\r\n4111111111111111)", R"(first\n[ipv4]\t[ipv6]\r\n[card])"},
       {"x%C3%BC10.0.0.1", "x%C3%BC[ipv4]"},
       {"at 100%10.0.0.1", "at 100%[ipv4]"}});
  for (const char* text : {"a%411.2.3.4", "%2C1.2.3.4.5", "%20v1.2.3.4", "%224111111111111112%22",
                           "%", "%2", "\\", "\\x2", "\\u00", "%25", "%2525"}) {
    stays(all, text);
  }
}

TEST_CASE("separators are known however they are written", "[logs][redact]") {
  check_table(all,
              {{"ip=2001%3Adb8%3A%3A1&x", "ip=[ipv6]&x"},
               {"%5B2001%3Adb8%3A%3A1%5D%3A443 %3A%3A1", "%5B[ipv6]%5D%3A443 [ipv6]"},
               {"host=10.0.0.1%3A8080 h=10%2E0%2E0%2E1", "host=[ipv4]%3A8080 h=[ipv4]"},
               {"zone=fe80::1%25eth0&z=fe80%3A%3A1%25eth0", "zone=[ipv6]&z=[ipv6]"},
               {"cc=4111+1111+1111+1111&cc=4111%201111%201111%201111&c=4111%2D1111%2D1111%2D1111",
                "cc=[card]&cc=[card]&c=[card]"},
               {"auth=Bearer%20abcdefghij&h=Bearer+abcdefghijk&i=Bearer%20ab%2Bdef123%3D%3D&x",
                "auth=Bearer%20[token]&h=Bearer+[token]&i=Bearer%20[token]&x"},
               {"m=joe%40example%2Eorg&n=joe%2Btag%40example.org&o=joe%2540example.org",
                "m=[email]&n=[email]&o=[email]"},
               {"m=%22joe%22%40example.org, \"joe doe\"@example.org", "m=[email], [email]"},
               {R"(joe\u0040example.org)", "[email]"},
               {"GET /login?next=%2Fx%3Ftoken%3Dabc%26password%3Dhunter2 HTTP/1.1",
                "GET /login?next=%2Fx%3Ftoken%3D[token]%26password%3D[token] HTTP/1.1"},
               {"/a?n=%252Fx%253Ftoken%253Da%252526b%2526x%253D1&y=2",
                "/a?n=%252Fx%253Ftoken%253D[token]%2526x%253D1&y=2"},
               {"/a?token=a%26b&x=1", "/a?token=[token]&x=1"},
               {R"("url":"/x?token=abc\u0026password=x")",
                R"("url":"/x?token=[token]\u0026password=[token]")"},
               {"url=https%3A%2F%2Fuser%3Apw%40host%2F&u=https://user:p%40w@host/",
                "url=https%3A%2F%2Fuser%3A[token]%40host%2F&u=https://user:[token]@host/"},
               {R"("u":"https:\/\/user:pw@host\/a")", R"("u":"https:\/\/user:[token]@host\/a")"},
               {"x=password%3A+hunter2&y=1", "x=password%3A+[token]&y=1"}});
  for (const char* text :
       {"the+bearer+of+bad+news", "a%3A%3Ab", "10%3A05%3A03", "4111+1111-1111+1111",
        "4111+1111+1111+1112", "next=%2Fx%3Fmonkey%3Dabc", "https%3A%2F%2Fhost%3A80%2Fa%40b",
        "https%3A%2F%2Fuser%40host", "joe%40localhost", "std%3A%3Astring"}) {
    stays(all, text);
  }
}

TEST_CASE("secrets in escaped JSON and under names of forms are taken out", "[logs][redact]") {
  const redactor token{redact::token};
  check_table(
      token,
      {{R"({\"password\":\"hunter2\",\"token\":\"abcdefghij\"})",
        R"({\"password\":\"[token]\",\"token\":\"[token]\"})"},
       {R"("{\"password\":\"a\\\"b c\",\"x\":1}")", R"("{\"password\":\"[token]\",\"x\":1}")"},
       {R"("body {\"password\":\"cut" next)", R"("body {\"password\":\"[token]" next)"},
       {R"({\x22password\x22:\x22hunter2\x22,\x22n\x22:1})",
        R"({\x22password\x22:\x22[token]\x22,\x22n\x22:1})"},
       {"b=%7B%22password%22%3A%22hunter2%22%2C%22token%22%3A%22abcdefghijkl%22%7D&c=1",
        "b=%7B%22password%22%3A%22[token]%22%2C%22token%22%3A%22[token]%22%7D&c=1"},
       {"b=%22password%22:%22a%5C%22b%22&c %22pwd%22:%22cut HTTP/1.1",
        "b=%22password%22:%22[token]%22&c %22pwd%22:%22[token] HTTP/1.1"},
       {"/a?user[password]=e&user%5Bpassword%5D=f&token[]=abc&token%5B%5D=def",
        "/a?user[password]=[token]&user%5Bpassword%5D=[token]&token[]=[token]&token%5B%5D=[token]"},
       {"config['password'] = 'x'", "config['password'] = '[token]'"},
       {"/18/#access_token=abc&id_token=def", "/18/#access_token=[token]&id_token=[token]"},
       {"pw=abc&passcode=1&password2=a&new_password=b&password_confirmation=c",
        "pw=[token]&passcode=[token]&password2=[token]&new_password=[token]"
        "&password_confirmation=[token]"},
       {"/a?x=1&PHPSESSID=i&JSESSIONID=j /b;jsessionid=ABCDEF0123456789ABCDEF",
        "/a?x=1&PHPSESSID=[token]&JSESSIONID=[token] /b;jsessionid=[token]"}});
  for (const char* text :
       {"[password]: user changed", "[token] = nothing", "token[1]: unexpected",
        "a[tokens]=12345678", "/a?code=abc", "powers=1 mpw0rd=1", "md5=0123456789abcdef",
        "tests: pass=12 fail=0", R"({\"passwords\":\"12\"})"}) {
    stays(token, text);
  }
}

TEST_CASE("cookies, private keys and options of commands are taken out", "[logs][redact]") {
  const redactor token{redact::token};
  check_table(
      token,
      {{"Set-Cookie: session=abcdef123456; Path=/; HttpOnly",
        "Set-Cookie: session=[token]; Path=/; HttpOnly"},
       {"Cookie: sid=abcd; PHPSESSID=1234abcd; b={1,2}, then", "Cookie: sid=[token] then"},
       {"> Cookie: a=b;c=d; end\n", "> Cookie: a=[token]\n"},
       {R"(-H "Cookie: connect.sid=ab" x)", R"(-H "Cookie: connect.sid=[token]" x)"},
       {R"({"cookie":"sid=abc; x=y","n":1})", R"({"cookie":"sid=[token]","n":1})"},
       {R"({\"set-cookie\":\"sid=abc; Path=/\"})", R"({\"set-cookie\":\"sid=[token]; Path=/\"})"},
       {"k -----BEGIN RSA PRIVATE KEY----- MIIEpAIBAAKCAQEA -----END RSA PRIVATE KEY----- x",
        "k -----BEGIN RSA PRIVATE KEY----- [token] -----END RSA PRIVATE KEY----- x"},
       {R"("-----BEGIN PRIVATE KEY-----\nMIIE\nvQ==\n-----END PRIVATE KEY-----\n")",
        R"("-----BEGIN PRIVATE KEY-----\n[token]\n-----END PRIVATE KEY-----\n")"},
       {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n[token]"},
       {"run --password hunter2 --token abcdefghij --db-password 'a b' -v",
        "run --password [token] --token [token] --db-password '[token]' -v"},
       {"curl -u user:password http://h; curl --user \"a:b c\" x",
        "curl -u user:[token] http://h; curl --user \"a:[token]\" x"}});
  for (const char* text :
       {"cookie: enabled", "Cookies: a=b", "Set-Cookie: a=; Path=/",
        "-----BEGIN CERTIFICATE----- MIIE", "-----BEGIN OPENSSH PRIVATE KEY-----",
        "BEGIN PRIVATE KEY", "--password --verbose", "--password", "--no-password mydb",
        "x--password y", "docker run -u 1000:1000 x", "ls -u a", "date -u 10:05", "get -u http://h",
        "--token abc", "-password x"}) {
    stays(token, text);
  }
}

TEST_CASE("what the guide names as limits stays", "[logs][redact]") {
  for (const char* text :
       {"token=abc secret: abc api_key: 12345 session_id=abcdef credentials=abc --token abcdef",
        "test_pass=12 user_pass=abc key=abc session=abc", "/a?code=abc&state=1&pin=1234&otp=123456",
        "the password is x", "mysql -u name -pSECRET", "GET //user:x@host", "joe&#64;example.org",
        "%70assword=x \\u0070assword=x", "sid=abc; theme=dark", "MIIEpAIBAAKCAQEA", "fd::a",
        "+491701234567"}) {
    stays(all, text);
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
  for (const std::string part : {"@",
                                 "a@",
                                 "a.",
                                 "a@a.",
                                 "1.",
                                 "1:",
                                 "::",
                                 "f:",
                                 "1234 ",
                                 "4111-",
                                 "eyJ-",
                                 "eyJ.",
                                 "sk-",
                                 "password=\"",
                                 "password='\\",
                                 "token:",
                                 "://",
                                 "://a:",
                                 "bearer ",
                                 "authorization:a ",
                                 "AKIA",
                                 "\xff@",
                                 "-@a-",
                                 "%40",
                                 "a%40a.",
                                 "&-key=",
                                 "?a-sig=",
                                 "%2540",
                                 "%3A%3A",
                                 "%25",
                                 "\\",
                                 "\\\"",
                                 "password%3D%22",
                                 "Cookie:a=b;",
                                 "Set-Cookie:a=b;",
                                 "Cookie:a=[token;",
                                 "Cookie:",
                                 "-----BEGIN PRIVATE KEY-----",
                                 " -u 'a",
                                 "--password \"",
                                 "token[]=",
                                 "\"@a",
                                 "f%3A",
                                 "1%2E"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += part;
    CHECK(all(text).size() <= 3 * text.size());
  }
}
