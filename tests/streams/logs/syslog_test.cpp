#include "streams/logs/syslog.hpp"

#include "streams/record/serde_text.hpp"
#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

const timestamp now = iso_time("2026-03-01T12:00:00").value();

syslog_message got(std::string_view text) {
  auto found = read_syslog(text, now);
  INFO(text);
  if (!found) FAIL(found.error().message());
  return *found;
}
std::string why(std::string_view text) {
  const auto found = read_syslog(text, now);
  return found ? "read" : found.error().message();
}

TEST_CASE("a message of RFC 5424 has all its parts", "[logs]") {
  const auto m =
      got("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 77 ID47 "
          "[exampleSDID@32473 iut=\"3\" eventSource=\"App\\\"lic\\]at\\\\ion\\n\" iut=\"4\"][other "
          "x=\"\"]"
          "[empty] \xef\xbb\xbf"
          "An application event\n");
  CHECK(m.facility == 20);
  CHECK(facility_name(m.facility) == "local4");
  CHECK(m.severity == syslog_severity::notice);
  CHECK(severity_name(m.severity) == "notice");
  CHECK(m.time == iso_time("2003-10-11T22:14:15.003Z"));
  CHECK(m.host == "mymachine.example.com");
  CHECK(m.app == "evntslog");
  CHECK(m.proc == "77");
  CHECK(m.id == "ID47");
  CHECK(m.data == fields{{"exampleSDID@32473.iut", "3,4"},
                         {"exampleSDID@32473.eventSource", "App\"lic]at\\ion\\n"},
                         {"other.x", ""},
                         {"empty", ""}});
  CHECK(m.message == "An application event");
}

TEST_CASE("what RFC 5424 writes as '-' is empty", "[logs]") {
  const auto m = got("<0>1 - - - - - -");
  CHECK(m.facility == 0);
  CHECK(m.severity == syslog_severity::emergency);
  CHECK(m.time == now);
  CHECK(m.host.empty());
  CHECK(m.message.empty());
  CHECK(got("<34>1 2003-08-24T05:14:15.000003-07:00 10.0.0.1 p 8710 - - %% x").time ==
        iso_time("2003-08-24T12:14:15Z"));
}

TEST_CASE("a message of RFC 3164 has host, program and process", "[logs]") {
  auto m = got("<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed");
  CHECK(m.facility == 4);
  CHECK(m.severity == syslog_severity::critical);
  CHECK(m.time == iso_time("2025-10-11T22:14:15"));
  CHECK(m.host == "mymachine");
  CHECK(m.app == "su");
  CHECK(m.proc == "12");
  CHECK(m.message == "'su root' failed");
  m = got("Feb  5 17:32:18 fe80::1 postfix/smtpd[9]: x: y");
  CHECK(m.facility == 1);
  CHECK(m.severity == syslog_severity::notice);
  CHECK(m.host == "fe80::1");
  CHECK(m.app == "postfix/smtpd");
  CHECK(m.message == "x: y");
  m = got("<13>2026-02-01T10:00:00.5+01:00 web kernel: [  12.5] usb");
  CHECK(m.time == iso_time("2026-02-01T09:00:00.5"));
  CHECK(m.app == "kernel");
  CHECK(m.proc.empty());
  CHECK(m.message == "[  12.5] usb");
}

TEST_CASE("RFC 3164 is read as far as it goes", "[logs]") {
  auto m = got("<13>Feb  5 17:32:18 cron[7]: no host");
  CHECK(m.host.empty());
  CHECK(m.app == "cron");
  CHECK(m.message == "no host");
  m = got("<13>Feb  5 17:32:18 host last message repeated 2 times");
  CHECK(m.host == "host");
  CHECK(m.app.empty());
  CHECK(m.message == "last message repeated 2 times");
  m = got("<13>no time at all");
  CHECK(m.time == now);
  CHECK(m.message == "no time at all");
  m = got("<13>app: no time");
  CHECK(m.app == "app");
  CHECK(m.message == "no time");
  m = got("<13>Feb  5 17:32:18");
  CHECK(m.message.empty());
  m = got("<13>Feb  5 17:32:18 host http://a b");
  CHECK(m.app.empty());
  CHECK(m.message == "http://a b");
  m = got("<189>Mar 1 2026 11:46:11: %SYS-5-CONFIG_I: Configured\r\n");
  CHECK(m.app == "%SYS-5-CONFIG_I");
  CHECK(m.message == "Configured");
  m = got("<13>Feb  5 17:32:18 host org.kde:x: y");
  CHECK(m.app == "org.kde:x");
  CHECK(got(std::string("<13>x\0", 6)).message == "x");
  CHECK(got(std::string("<13>a\0b", 7)).message == std::string("a\0b", 3));
}

TEST_CASE("without a priority a time and a host are needed", "[logs]") {
  CHECK(got("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user x").host == "LabSZ");
  CHECK(got("2026-02-01T10:00:00Z web-1.example.com kernel: x").host == "web-1.example.com");
  CHECK(got("Feb  5 17:32:18 10.0.0.1 last message repeated 2 times").host == "10.0.0.1");
  for (const char* bad : {"Feb  5 17:32:18 cron[7]: no host", "Feb  5 17:32:18", "Feb  5 17:32:18 ",
                          "Feb  5 17:32:18 {\"json\":1} x", "Feb  5 17:32:18 a=b c=d",
                          "2026-02-01T10:00:00Z \x01\x02 x", "2026-02-01T10:00:00Z ERROR: x"}) {
    CHECK_THAT(why(bad), contains("a host behind the time"));
  }
}

TEST_CASE("every line is a message to a lenient parser", "[logs]") {
  const syslog_parser lenient{.received = now, .lenient = true};
  for (const char* line : {"", "hello", "<192>x", "Feb  5 17:32:18 cron[7]: no host"}) {
    const auto m = lenient(line).value();
    CHECK(m.message == line);
    CHECK(m.time == now);
    CHECK(m.severity == syslog_severity::notice);
  }
  CHECK(lenient("<34>Oct 11 22:14:15 web su[12]: x").value().app == "su");
}

TEST_CASE("what is not syslog is refused with the place", "[logs]") {
  CHECK_THAT(why(""), contains("a priority like <34> or a time like"));
  CHECK_THAT(why("hello"), contains("at byte 0"));
  for (const char* bad : {"<192>x", "<>x", "<1234>x", "<13x", "<-1>x", "<a>x"}) {
    CHECK_THAT(why(bad), contains("a priority from <0> to <191>"));
  }
  CHECK_THAT(why("<13>1 yesterday h a p m - x"), contains("a time of RFC 3339"));
  CHECK_THAT(why("<13>1 - h a p"), contains("the process (or '-') and a space"));
  CHECK_THAT(why("<13>1 - h a p m x"), contains("structured data in brackets"));
  CHECK_THAT(why("<13>1 - h a p m [a b=\"c]"), contains("the closing quote of a parameter"));
  CHECK_THAT(why("<13>1 - h a p m [a b=c]"), contains("a parameter like name"));
  CHECK_THAT(why("<13>1 - h a p m [a b=\"c\"x"), contains("the closing bracket"));
  CHECK_THAT(why("<13>1 - h a p m [a b=\"c\"]x"), contains("a space or the end"));
  std::string many = "<13>1 - h a p m ";
  for (int i = 0; i < 1'100; ++i) many += "[a" + std::to_string(i) + "]";
  CHECK_THAT(why(many), contains("at most 1024 parameters"));
}

TEST_CASE("the syslog step takes year and time from the clock or from what it was given",
          "[logs]") {
  const manual_clock clock{now};
  const syslog_parser by_clock{.time = &clock};
  CHECK(by_clock("<13>x")->time == now);
  CHECK(by_clock("<13>Mar 2 11:00:00 h a: x")->time == iso_time("2026-03-02T11:00:00"));
  const syslog_parser fixed{.received = iso_time("2016-06-01").value(), .zone = 60min};
  CHECK(fixed("<13>Mar 2 11:00:00 h a: x")->time == iso_time("2016-03-02T10:00:00"));
  CHECK(syslog("<13>x").has_value());
}

TEST_CASE("damaged syslog is refused or read, never run past", "[logs]") {
  for (const char* text :
       {"<165>1 2003-10-11T22:14:15.003Z my evnt 77 ID47 [ex@1 iut=\"3\" e=\"A\\\"\\]\"][o x=\"\"] "
        "A",
        "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed", "<1>a:b:c: d", "<1>a[b]: "}) {
    test::abuse(text, [](std::string_view t) { (void)read_syslog(t, now); });
  }
}

TEST_CASE("a real auth.log has 178 invalid users and 226 accepted logins", "[logs][data]") {
  const auto lines = test::data_lines("auth.log");
  if (!lines) return;
  int invalid = 0, accepted = 0;
  const timestamp then = iso_time("2016-06-01").value();
  for (const std::string& line : *lines) {
    const auto m = read_syslog(line, then);
    INFO(line);
    REQUIRE(m);
    CHECK(m->host == "ip-10-77-20-248");
    CHECK(!m->app.empty());
    if (m->message.starts_with("Invalid user")) ++invalid;
    if (m->message.starts_with("Accepted")) ++accepted;
  }
  CHECK(lines->size() == 7'121);
  CHECK(invalid == 178);
  CHECK(accepted == 226);
}

}  // namespace
}  // namespace penstock::logs
