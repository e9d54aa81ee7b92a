#include "streams/logs/pairs.hpp"

#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

fields got(const result<fields>& found) {
  if (!found) FAIL(found.error().message());
  return *found;
}
std::string why(const result<fields>& found) {
  return found ? "read" : found.error().message();
}

TEST_CASE("logfmt has names, texts, quoted texts and names alone", "[logs]") {
  CHECK(got(logfmt(R"(at=info  path=/a?b=c msg="say \"hi\"" empty= none="" debug)")) ==
        fields{{"at", "info"},
               {"path", "/a?b=c"},
               {"msg", "say \"hi\""},
               {"empty", ""},
               {"none", ""},
               {"debug", "true"}});
  CHECK(got(logfmt("a=1\tb=2\r\n")) == fields{{"a", "1"}, {"b", "2"}});
  CHECK(got(logfmt(R"(a="\n\t\\\/\u00e9\ud83d\ude00\ud83d\uZZ\q")"))["a"] ==
        "\n\t\\/\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\\uZZq");
  CHECK(got(logfmt("ip=1 x=y ip=2")) == fields{{"ip", "1,2"}, {"x", "y"}});
  CHECK(got(logfmt("h\xc3\xa4=\xff"))["h\xc3\xa4"] == "\xff");
}

TEST_CASE("a line that is not logfmt says where", "[logs]") {
  CHECK_THAT(why(logfmt("")), contains("at least one name at byte 0"));
  CHECK_THAT(why(logfmt("  \n")), contains("at least one name"));
  CHECK_THAT(why(logfmt("a=1 =2")), contains("a name at byte 4"));
  CHECK_THAT(why(logfmt("a=\"x")), contains("the closing quote of 'a'"));
  CHECK_THAT(why(logfmt("a=\"x\\")), contains("the closing quote of 'a'"));
  CHECK_THAT(why(logfmt("a=\"x\"y")), contains("a space behind a closing quote at byte 5"));
  CHECK_THAT(why(logfmt("a=x\"y")), contains("no quote inside"));
  CHECK_THAT(why(logfmt("a\"x\"")), contains("'=' between"));
  std::string many;
  for (int i = 0; i < 1'100; ++i) many += "k" + std::to_string(i) + "=1 ";
  CHECK_THAT(why(logfmt(many)), contains("at most 1024 fields"));
}

TEST_CASE("names and texts with separators of one's own", "[logs]") {
  const key_value form{.pair = ";", .assign = ":"};
  CHECK(got(form("a: 1; b :x y ;c:\"q; \\\"z\\\"\" ; d:;")) ==
        fields{{"a", "1"}, {"b", "x y"}, {"c", "q; \"z\""}, {"d", ""}});
  CHECK(got(key_value{}("a=1   b=c=d")) == fields{{"a", "1"}, {"b", "c=d"}});
  CHECK(got(key_value{.pair = ", ", .assign = "=>"}("a=>1, b=>2,3, ")) ==
        fields{{"a", "1"}, {"b", "2,3"}});
  CHECK(got(key_value{.pair = "&", .quote = 0, .lone_names = true}("a=\"1&b&c=")) ==
        fields{{"a", "\"1"}, {"b", "true"}, {"c", ""}});
  CHECK(got(key_value{.pair = "|", .quote = '\''}("'a b'='1|2'|a b=3")) ==
        fields{{"a b", "1|2,3"}});
  CHECK_THAT(why(form("a:1;b")), contains("the separator of name and text at byte 5"));
  CHECK_THAT(why(form("a:1; :2")), contains("a name at byte"));
  CHECK_THAT(why(form("a:\"1")), contains("a closing quote"));
  CHECK_THAT(why(form("a:\"1\"x;b:2")), contains("behind a quote"));
  CHECK_THAT(why(form(" ; ; ")), contains("at least one pair"));
}

TEST_CASE("separators that cannot work are a problem that has words", "[logs]") {
  CHECK(key_value{}.problem().empty());
  CHECK_THAT((key_value{.pair = ""}.problem()), contains("a separator is empty"));
  CHECK_THAT((key_value{.pair = "="}.problem()), contains("'=' separates pairs and texts"));
  CHECK_THAT((key_value{.assign = "\""}.problem()), contains("is in a separator"));
  CHECK_THAT(why(key_value{.pair = ""}("a=1")), contains("a separator is empty"));
}

TEST_CASE("damaged names and texts are refused or read, never run past", "[logs]") {
  const key_value form{.pair = "; ", .assign = ":=", .lone_names = true};
  test::abuse(R"(at=info path=/a?b=c msg="say \"\u00e9 \ud83d\ude00" debug)", [](auto line) {
    (void)logfmt(line);
    (void)key_value{}(line);
  });
  test::abuse(R"(a:=1; "b;":="x \" y"; c; d:=)", [&](auto line) { (void)form(line); });
}

}  // namespace
}  // namespace penstock::logs
