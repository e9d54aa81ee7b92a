// The pieces that times are made of, for the sources of this folder.
#pragma once

#include <optional>

#include "streams/base/time.hpp"
#include "streams/logs/scan.hpp"
#include "streams/logs/timestamp.hpp"

namespace penstock::logs::detail {

/// A date and a time of day as written.
struct civil {
  int year = 0;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int millis = 0;
  int zone = 0;  // minutes ahead of UTC
};

/// Nothing when a part is out of its range.
inline std::optional<timestamp> time_of(const civil& c) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year{c.year},
                            std::chrono::month{static_cast<unsigned>(c.month)},
                            std::chrono::day{static_cast<unsigned>(c.day)}};
  if (!date.ok() || c.year < 0 || c.year > 9999) return std::nullopt;
  if (c.hour < 0 || c.minute < 0 || c.second < 0 || c.minute > 59 || c.second > 60) {
    return std::nullopt;
  }
  if (c.hour > 23 && (c.hour != 24 || c.minute != 0 || c.second != 0 || c.millis != 0)) {
    return std::nullopt;
  }
  // A leap second's fraction stays within the second that follows.
  const std::int64_t seconds = (c.hour * 60 + c.minute - c.zone) * 60 + c.second;
  return timestamp{sys_days{date}} + milliseconds{seconds * 1000 + c.millis};
}

/// The same for a date without a year: the newest that is at most a day ahead of `reference`.
std::optional<timestamp> time_without_year(civil c, timestamp reference);

/// The month of the three letters at `at`, "Jan" … "Dec" in any case: 1 to 12, or 0.
inline int month_at(const char* at) {
  const auto pack = [](const char* p) {
    const auto low = [](char c) { return static_cast<std::uint32_t>(c) & 0xff; };
    return (low(p[0]) << 16 | low(p[1]) << 8 | low(p[2])) | 0x202020;
  };
  switch (pack(at)) {
#define PENSTOCK_MONTH(name, number)                        \
  case (name[0] << 16 | name[1] << 8 | name[2]) | 0x202020: \
    return number
    PENSTOCK_MONTH("jan", 1);
    PENSTOCK_MONTH("feb", 2);
    PENSTOCK_MONTH("mar", 3);
    PENSTOCK_MONTH("apr", 4);
    PENSTOCK_MONTH("may", 5);
    PENSTOCK_MONTH("jun", 6);
    PENSTOCK_MONTH("jul", 7);
    PENSTOCK_MONTH("aug", 8);
    PENSTOCK_MONTH("sep", 9);
    PENSTOCK_MONTH("oct", 10);
    PENSTOCK_MONTH("nov", 11);
    PENSTOCK_MONTH("dec", 12);
#undef PENSTOCK_MONTH
    default:
      return 0;
  }
}

/// The name of a month at the front.
inline bool take_month(scanner& s, int& into) {
  const int month = s.left() < 3 ? 0 : month_at(s.at);
  if (month == 0) return false;
  into = month;
  s.at += 3;
  return true;
}

/// "10:05:03".
inline bool take_clock(scanner& s, civil& into) {
  return s.digits<2>(into.hour) && s.skip(':') && s.digits<2>(into.minute) && s.skip(':') &&
         s.digits<2>(into.second);
}

/// Digits of a fraction, at least one, to milliseconds.
bool take_fraction_digits(scanner& s, int& millis);

/// A fraction behind a point or comma, or nothing.
bool take_fraction(scanner& s, int& millis);

/// "Z", "+02:00", "-0200", "+02", and with `names` also "UTC", "GMT" and those of the USA.
bool take_zone(scanner& s, int& minutes, bool names);

/// A text of the iso_time form at the front of `s`, which ends behind it. A space in front of the
/// zone belongs to it.
std::optional<timestamp> take_iso_time(scanner& s, zone_offset zone);
std::optional<timestamp> take_slash_time(scanner& s, zone_offset zone);
std::optional<timestamp> take_syslog_time(scanner& s, timestamp reference, zone_offset zone);

/// "17/May/2015:10:05:03 +0000": exactly 26 bytes, read in one go, because every line of an access
/// log has it.
inline std::optional<timestamp> take_clf_time(scanner& s) {
  constexpr std::size_t size = 26;
  if (s.left() < size) return std::nullopt;
  const char* const p = s.at;
  bool wrong = p[2] != '/' || p[6] != '/' || p[11] != ':' || p[14] != ':' || p[17] != ':' ||
               p[20] != ' ' || (p[21] != '+' && p[21] != '-');
  const auto two = [p, &wrong](int at) {
    const int tens = p[at] - '0', ones = p[at + 1] - '0';
    wrong |= static_cast<unsigned>(tens) > 9 || static_cast<unsigned>(ones) > 9;
    return tens * 10 + ones;
  };
  civil c;
  c.day = two(0);
  c.month = month_at(p + 3);
  c.year = two(7) * 100 + two(9);
  c.hour = two(12);
  c.minute = two(15);
  c.second = two(18);
  const int hours = two(22), minutes = two(24);
  if (wrong || hours > 23 || minutes > 59) return std::nullopt;
  c.zone = (p[21] == '-' ? -1 : 1) * (hours * 60 + minutes);
  s.at += size;
  return time_of(c);
}

}  // namespace penstock::logs::detail
