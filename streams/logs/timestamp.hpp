// Times as logs write them, from text to milliseconds since the epoch. The parsers of lines call
// the function of their format; `parse_time` is for text of any of the usual forms, and
// `time_format` for all others. Pure: a year that is not written is chosen from a time that the
// caller gives.
//
// Everywhere: digits of a fraction behind the third are dropped; 24:00:00 is the next midnight;
// second 60, a leap second, is the second behind 59; years are 0 to 9999; days that the month does
// not have are refused. A time without a zone is that far ahead of UTC as the argument `zone` says.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"

namespace penstock::logs {

/// Minutes ahead of UTC: `2h` for Berlin's summer.
using zone_offset = std::chrono::minutes;

/// Apache's and nginx's access logs: "17/May/2015:10:05:03 +0000".
std::optional<timestamp> clf_time(std::string_view text);

/// ISO 8601 and RFC 3339: "2015-05-17T10:05:03.123Z", a space or '_' for the T, a comma for the
/// point (log4j), no seconds, no fraction, "+02:00" or "+0200" or "+02" or nothing for the zone,
/// "20150517" for the date and "100503" for the time, or the date alone.
std::optional<timestamp> iso_time(std::string_view text, zone_offset zone = {});

/// nginx's error log and Go's: "2015/05/17 10:05:03", with or without a fraction.
std::optional<timestamp> slash_time(std::string_view text, zone_offset zone = {});

/// RFC 3164: "May 17 10:05:03", a day of one digit with or without a space before it, a year behind
/// the day ("May 17 2015 10:05:03"), a fraction, a zone. Without a year it is the newest such time
/// that is at most a day ahead of `reference`.
std::optional<timestamp> syslog_time(std::string_view text, timestamp reference,
                                     zone_offset zone = {});

/// HTTP, mail and C: "Sun, 17 May 2015 10:05:03 GMT" (RFC 1123; also "+0200" and the zones of the
/// USA), "Sunday, 17-May-15 10:05:03 GMT" (RFC 850), "Sun May 17 10:05:03 2015" (asctime, with a
/// fraction in Apache's error log). The day's name is not compared with the date.
std::optional<timestamp> http_time(std::string_view text, zone_offset zone = {});

enum class epoch_unit : std::uint8_t { guess, seconds, millis, micros, nanos };

/// A number since 1970: "1431857103", "1431857103.25", "-1". `guess` goes by its size: up to 11
/// digits are seconds, up to 14 milliseconds, up to 17 microseconds, up to 19 nanoseconds. Nothing
/// when the time is outside the years 0 to 9999.
std::optional<timestamp> epoch_time(std::string_view text, epoch_unit unit = epoch_unit::guess);

/// Any of the forms above, spaces around it allowed. The error names the text.
result<timestamp> parse_time(std::string_view text, timestamp reference, zone_offset zone = {});

/// The same for times that have a year; one without is an error.
result<timestamp> parse_time(std::string_view text);

/// A form of one's own, written as for strptime and read once:
///   %Y %y year   %m month   %b %B %h its name   %d %e day   %j day of the year   %a %A weekday
///   %H %k hour   %I %l hour to 12   %p AM or PM   %M minute   %S second
///   %f %N %L digits of a fraction of the second (any number; `.%f` matches without digits too)
///   %z offset, or Z   %Z offset or name of a zone   %s seconds since 1970   %Q milliseconds
///   %T = %H:%M:%S   %R = %H:%M   %D = %m/%d/%y   %F = %Y-%m-%d   %n %t a space   %% a percent sign
/// A space matches any number of spaces and tabs, none included; other characters match themselves.
/// `%-d` and `%_d` are `%d`. Numbers may have fewer digits than usual where no digit follows them.
class time_format {
 public:
  /// Fails with the position in `pattern` of a directive that is unknown or stands there twice, and
  /// when the pattern has no date. `zone` is for patterns without %z, %Z, %s and %Q.
  static result<time_format> make(std::string_view pattern, zone_offset zone = {});

  /// The whole of `text`. `reference` is for patterns without a year. The error says at which byte
  /// of the text which directive does not match.
  result<timestamp> parse(std::string_view text, timestamp reference) const;

  const std::string& pattern() const { return pattern_; }

 private:
  struct part {
    char directive = 0;  // 0: a character that matches itself; ' ': spaces
    char literal = 0;
    std::uint32_t position = 0;
  };

  std::string pattern_;
  zone_offset zone_{};
  std::vector<part> parts_;
};

}  // namespace penstock::logs
