#include "streams/logs/timestamp.hpp"

#include "streams/record/serde_text.hpp"
#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

std::string shown(std::optional<timestamp> t) {
  if (!t) return "none";
  bytes text;
  encode_text(*t, text);
  return text;
}
std::string shown(const result<timestamp>& t) {
  return t ? shown(std::optional{*t}) : t.error().message();
}
timestamp at(std::string_view iso) {
  return iso_time(iso).value();
}

TEST_CASE("times of access logs", "[logs]") {
  CHECK(shown(clf_time("17/May/2015:10:05:03 +0000")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(clf_time("29/feb/2016:23:59:59 -0530")) == "2016-03-01T05:29:59.000Z");
  for (const char* bad :
       {"", "29/Feb/2015:10:05:03 +0000", "17/Mai/2015:10:05:03 +0000", "17/May/2015:10:05:03",
        "17/May/2015:10:05:03 +0000 ", "17/May/2015:25:05:03 +0000", "17/May/2015:10:60:03 +0000",
        "17/May/2015:10:05:61 +0000", "00/May/2015:10:05:03 +0000", "17/May/2015:10:05:03 +2400",
        "17/May/2015:10:05:03 0000+", "1a/May/2015:10:05:03 +0000"}) {
    CHECK(shown(clf_time(bad)) == "none");
  }
}

TEST_CASE("times in ISO 8601 and near it", "[logs]") {
  for (const char* same :
       {"2015-05-17T10:05:03.123Z", "2015-05-17 10:05:03,123", "2015-05-17t10:05:03.123456789z",
        "2015-05-17T12:05:03.123+02:00", "2015-05-17 12:05:03.123 +0200", "20150517T100503.123Z",
        "2015-05-17T05:35:03.123-0430", "2015-05-17_10:05:03.1239", "2015-05-17T12:05:03.123+02",
        "2015-05-17 10:05:03.123 UTC"}) {
    INFO(same);
    CHECK(shown(iso_time(same)) == "2015-05-17T10:05:03.123Z");
  }
  CHECK(shown(iso_time("2015-05-17")) == "2015-05-17T00:00:00.000Z");
  CHECK(shown(iso_time("20150517")) == "2015-05-17T00:00:00.000Z");
  CHECK(shown(iso_time("2015-05-17T10:05Z")) == "2015-05-17T10:05:00.000Z");
  CHECK(shown(iso_time("2015-05-17T10:05:03", 120min)) == "2015-05-17T08:05:03.000Z");
  CHECK(shown(iso_time("2015-05-17T10:05:03Z", 120min)) == "2015-05-17T10:05:03.000Z");
  CHECK(iso_time("0000-01-01") == from_millis(-62'167'219'200'000));
  CHECK(shown(iso_time("9999-12-31T23:59:59.999")) == "9999-12-31T23:59:59.999Z");
  for (const char* bad : {"", "2015", "2015-05", "2015-13-01", "2015-02-29", "1900-02-29",
                          "2015-05-17T", "2015-05-17T10", "2015-05-17T10:5:03", "2015-0517",
                          "2015-05-17T10:05:03.", "2015-05-17T10:05:03+99:00", "12015-05-17",
                          "2015-05-17T10:05:03+02:", "2015-05-17T10:05:03 x", "-2015-05-17"}) {
    INFO(bad);
    CHECK(shown(iso_time(bad)) == "none");
  }
  CHECK(iso_time("2000-02-29").has_value());
}

TEST_CASE("midnight may be written as 24:00, and a leap second as 60", "[logs]") {
  CHECK(shown(iso_time("2016-12-31T24:00:00")) == "2017-01-01T00:00:00.000Z");
  CHECK(shown(iso_time("2016-12-31T23:59:60Z")) == "2017-01-01T00:00:00.000Z");
  CHECK(shown(iso_time("2016-12-31T24:00:01")) == "none");
  CHECK(shown(iso_time("2016-12-31T24:01:00")) == "none");
  CHECK(shown(iso_time("2016-12-31T23:59:61")) == "none");
}

TEST_CASE("times with slashes", "[logs]") {
  CHECK(shown(slash_time("2015/05/17 10:05:03")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(slash_time("2015/05/17 10:05:03.123456", 60min)) == "2015-05-17T09:05:03.123Z");
  CHECK(shown(slash_time("2015/05/17")) == "none");
}

TEST_CASE("a time without a year is the newest that is not more than a day ahead", "[logs]") {
  const timestamp now = at("2026-01-01T06:00:00");
  CHECK(shown(syslog_time("Jan  1 05:00:00", now)) == "2026-01-01T05:00:00.000Z");
  CHECK(shown(syslog_time("Jan 2 06:00:00", now)) == "2026-01-02T06:00:00.000Z");
  CHECK(shown(syslog_time("Jan 02 06:00:01", now)) == "2025-01-02T06:00:01.000Z");
  CHECK(shown(syslog_time("Dec 31 23:59:59", now)) == "2025-12-31T23:59:59.000Z");
  CHECK(shown(syslog_time("Jan  1 00:30:00", at("2025-12-31T23:00:00"))) ==
        "2026-01-01T00:30:00.000Z");
  CHECK(shown(syslog_time("Feb 29 12:00:00", now)) == "2024-02-29T12:00:00.000Z");
  CHECK(shown(syslog_time("Feb 29 12:00:00", at("1903-01-01"))) == "1896-02-29T12:00:00.000Z");
  CHECK(shown(syslog_time("Feb 30 12:00:00", now)) == "none");
  CHECK(shown(syslog_time("May 17 2015 10:05:03", now)) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(syslog_time("May 17 10:05:03.250 +0200", now)) == "2025-05-17T08:05:03.250Z");
  CHECK(shown(syslog_time("May 17 10:05:03", now, 60min)) == "2025-05-17T09:05:03.000Z");
  for (const timestamp broken : {min_timestamp, max_timestamp}) {
    CHECK(shown(syslog_time("May 17 10:05:03", broken)) == "none");
  }
}

TEST_CASE("times of HTTP and C", "[logs]") {
  CHECK(shown(http_time("Sun, 17 May 2015 10:05:03 GMT")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(http_time("Sun, 17 May 2015 12:05:03 +0200")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(http_time("Sun, 17 May 2015 05:05:03 EST")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(http_time("Sunday, 17-May-15 10:05:03 GMT")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(http_time("Sun May 17 10:05:03 2015")) == "2015-05-17T10:05:03.000Z");
  CHECK(shown(http_time("Sun May  7 10:05:03.123456 2015")) == "2015-05-07T10:05:03.123Z");
  CHECK(shown(http_time("Sun, 17 May 2015 10:05:03 XYZ")) == "none");
}

TEST_CASE("numbers since the epoch, by their size or in a unit", "[logs]") {
  for (const char* same : {"1431857103", "1431857103000", "1431857103000000", "1431857103000000000",
                           "1431857103.0004"}) {
    CHECK(shown(epoch_time(same)) == "2015-05-17T10:05:03.000Z");
  }
  CHECK(shown(epoch_time("1431857103.25")) == "2015-05-17T10:05:03.250Z");
  CHECK(epoch_time("-1") == from_millis(-1000));
  CHECK(epoch_time("0") == from_millis(0));
  CHECK(epoch_time("5", epoch_unit::millis) == from_millis(5));
  CHECK(epoch_time("5000", epoch_unit::micros) == from_millis(5));
  CHECK(epoch_time("5000000", epoch_unit::nanos) == from_millis(5));
  CHECK(shown(epoch_time("253402300800", epoch_unit::seconds)) == "none");
  CHECK(shown(epoch_time("253402300799", epoch_unit::seconds)) == "9999-12-31T23:59:59.000Z");
  for (const char* bad : {"", "-", "x", "1x", "1.", ".5", "9999999999999999999999", "1e5", " 1"}) {
    INFO(bad);
    CHECK(shown(epoch_time(bad)) == "none");
  }
}

TEST_CASE("a time of any form is recognised", "[logs]") {
  const timestamp now = at("2015-06-01");
  for (const char* same :
       {"2015-05-17T10:05:03Z", " 2015-05-17 10:05:03 ", "17/May/2015:10:05:03 +0000",
        "2015/05/17 10:05:03", "May 17 10:05:03", "Sun, 17 May 2015 10:05:03 GMT", "1431857103",
        "1431857103000", "20150517T100503Z", "Sun May 17 10:05:03 2015"}) {
    INFO(same);
    CHECK(shown(parse_time(same, now)) == "2015-05-17T10:05:03.000Z");
  }
  CHECK(shown(parse_time("20150517", now)) == "2015-05-17T00:00:00.000Z");
  CHECK(shown(parse_time("May 17 2015 10:05:03")) == "2015-05-17T10:05:03.000Z");
  CHECK_THAT(shown(parse_time("May 17 10:05:03")), contains("'May 17 10:05:03' is no time"));
  CHECK_THAT(shown(parse_time("yesterday", now)), contains("'yesterday' is no time"));
  CHECK_THAT(shown(parse_time("")), contains("'' is no time"));
}

result<timestamp> by(std::string_view pattern, std::string_view text, zone_offset zone = {}) {
  const auto form = time_format::make(pattern, zone);
  if (!form) return form.error();
  return form->parse(text, at("2015-06-01"));
}

TEST_CASE("a pattern of one's own reads what it says", "[logs]") {
  const std::string want = "2015-05-17T22:05:03.000Z";
  CHECK(shown(by("%Y-%m-%d %H:%M:%S", "2015-05-17 22:05:03")) == want);
  CHECK(shown(by("%F %T", "2015-05-17   22:05:03")) == want);
  CHECK(shown(by("%d.%m.%y %H.%M.%S", "17.5.15 22.5.3")) == want);
  CHECK(shown(by("%a, %d %b %Y %I:%M:%S %p %z", "Sun, 17 May 2015 11:05:03 PM +01:00")) == want);
  CHECK(shown(by("%A %e %B %Y %T", "Sunday 17 May 2015 22:05:03")) == want);
  CHECK(shown(by("%B %d %T", "May 17 22:05:03")) == want);
  CHECK(shown(by("%b %d %T", "Dec 17 22:05:03")) == "2014-12-17T22:05:03.000Z");
  CHECK(shown(by("%Y%j%H%M%S", "2015137220503")) == want);
  CHECK(shown(by("%s", "1431900303")) == want);
  CHECK(shown(by("%s.%f", "1431900303.25")) == "2015-05-17T22:05:03.250Z");
  CHECK(shown(by("%Q", "1431900303000")) == want);
  CHECK(shown(by("[%D %R]", "[05/17/15 22:05]")) == "2015-05-17T22:05:00.000Z");
  CHECK(shown(by("%F %T.%f", "2015-05-17 22:05:03,5")) == "2015-05-17T22:05:03.500Z");
  CHECK(shown(by("%F %T.%f", "2015-05-17 22:05:03")) == want);
  CHECK(shown(by("%F %T %Z", "2015-05-17 15:05:03 PDT")) == want);
  CHECK(shown(by("%F %T", "2015-05-18 00:05:03", 120min)) == want);
  CHECK(shown(by("%F%% %-d", "x")).substr(0, 11) == "time format");
  CHECK(shown(by("%d/%m/%Y 12:%I %p", "17/05/2015 12:12 am")) == "2015-05-17T00:00:00.000Z");
}

TEST_CASE("a pattern that cannot be is refused with the position", "[logs]") {
  CHECK_THAT(shown(by("%Y-%m-%d %q", "")), contains("'%Y-%m-%d %q': the unknown directive %q at "
                                                    "position 9"));
  CHECK_THAT(shown(by("%F %", "")), contains("a lone '%' at position 3"));
  CHECK_THAT(shown(by("%F %d", "")), contains("%d for the second time at position 3"));
  CHECK_THAT(shown(by("%H:%M", "")), contains("no date"));
  CHECK_THAT(shown(by("%F %I:%M", "")), contains("one of %I and %p without the other"));
  CHECK_THAT(shown(by(std::string(300, 'x'), "")), contains("more than 256"));
  CHECK_THAT(shown(by("%F %\xff", "")), contains("\\xff at position 3"));
}

TEST_CASE("a text that does not match a pattern says where", "[logs]") {
  CHECK_THAT(
      shown(by("%F %T", "2015-05-17 10:o5:03")),
      contains("'2015-05-17 10:o5:03' is no time of the form '%F %T': wanted %M at byte 14"));
  CHECK_THAT(shown(by("%F", "2015-05-17 ")), contains("wanted the end at byte 10"));
  CHECK_THAT(shown(by("%F", "2015-02-30")), contains("a part is out of its range"));
  CHECK_THAT(shown(by("%Y %j", "2015 366")), contains("a part is out of its range"));
  CHECK(by("%Y %j", "2016 366").has_value());
  CHECK_THAT(shown(by("%s", "99999999999999999999")), contains("wanted %s at byte"));
}

TEST_CASE("damaged times are refused or read, never run past", "[logs]") {
  const auto form = time_format::make("%a %d %b %Y %I:%M:%S.%f %p %Z %%").value();
  const timestamp now = from_millis(1'700'000'000'000);
  for (const char* text : {"17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03.123+02:00",
                           "May 17 2015 10:05:03.5 -0100", "Sun, 17 May 2015 10:05:03 EST",
                           "Sun May 17 10:05:03.1 2015", "-1431857103000000000",
                           "Sun 17 May 2015 10:05:03.123 pm GMT %"}) {
    test::abuse(text, [&](std::string_view t) {
      (void)clf_time(t);
      (void)iso_time(t);
      (void)http_time(t);
      (void)parse_time(t);
      (void)parse_time(t, now, 60min);
      (void)form.parse(t, now);
      (void)time_format::make(t);
    });
  }
}

}  // namespace
}  // namespace penstock::logs
