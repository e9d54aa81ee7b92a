#include "streams/logs/timestamp.hpp"

#include <fmt/format.h>

#include <array>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"

namespace penstock::logs {
namespace detail {
namespace {

constexpr std::int64_t first_millis = -62'167'219'200'000;  // 0000-01-01
constexpr std::int64_t last_millis = 253'402'300'799'999;   // 9999-12-31T23:59:59.999

struct named_zone {
  std::string_view name;
  int hours;
};
constexpr std::array<named_zone, 12> zones{{{"UTC", 0},
                                            {"GMT", 0},
                                            {"UT", 0},
                                            {"Z", 0},
                                            {"EST", -5},
                                            {"EDT", -4},
                                            {"CST", -6},
                                            {"CDT", -5},
                                            {"MST", -7},
                                            {"MDT", -6},
                                            {"PST", -8},
                                            {"PDT", -7}}};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view take_word(scanner& s) {
  const char* const start = s.at;
  while (!s.done() && is_letter(*s.at)) ++s.at;
  return {start, static_cast<std::size_t>(s.at - start)};
}

// "7", "07" or " 7".
bool take_day(scanner& s, int& into) {
  s.spaces();
  return s.digits<2>(into) || s.digits<1>(into);
}

// The zone that may follow, behind one space or none.
bool take_optional_zone(scanner& s, int& minutes, bool names) {
  const char* const before = s.at;
  s.skip(' ');
  if (take_zone(s, minutes, names)) return true;
  s.at = before;
  return false;
}

template <class F>
std::optional<timestamp> whole(std::string_view text, F&& take) {
  scanner s{text};
  const auto found = take(s);
  return s.done() ? found : std::nullopt;
}

}  // namespace

std::optional<timestamp> time_without_year(civil c, timestamp reference) {
  using namespace std::chrono;
  // Beyond the calendar of `year_month_day` there is nothing sensible to choose.
  if (reference < from_millis(first_millis) || reference > from_millis(last_millis)) {
    return std::nullopt;
  }
  const int last = static_cast<int>(year_month_day{floor<days>(reference + days{1})}.year()) + 1;
  // 29 February is there again after at most eight years.
  for (c.year = last; c.year >= last - 9 && c.year >= 0; --c.year) {
    const auto found = time_of(c);
    if (found && *found <= reference + days{1}) return found;
  }
  return std::nullopt;
}

bool take_fraction_digits(scanner& s, int& millis) {
  int scale = 100;
  const char* const start = s.at;
  millis = 0;
  for (; !s.done() && is_digit(*s.at); ++s.at) {
    millis += scale * (*s.at - '0');
    scale /= 10;
  }
  return s.at != start;
}

bool take_fraction(scanner& s, int& millis) {
  if (s.left() < 2 || (*s.at != '.' && *s.at != ',') || !is_digit(s.at[1])) return false;
  ++s.at;
  return take_fraction_digits(s, millis);
}

bool take_zone(scanner& s, int& minutes, bool names) {
  const char sign = s.peek();
  if (sign == 'Z' || sign == 'z') {
    ++s.at;
    minutes = 0;
    return true;
  }
  if (sign == '+' || sign == '-') {
    const char* const before = s.at++;
    int h = 0, m = 0;
    bool fine = s.digits<2>(h);
    if (fine && (s.skip(':') || is_digit(s.peek()))) fine = s.digits<2>(m);
    if (!fine || h > 23 || m > 59) {
      s.at = before;
      return false;
    }
    minutes = (sign == '-' ? -1 : 1) * (h * 60 + m);
    return true;
  }
  if (!names) return false;
  const char* const before = s.at;
  const std::string_view word = take_word(s);
  for (const named_zone& zone : zones) {
    if (zone.name == word) {
      minutes = zone.hours * 60;
      return true;
    }
  }
  s.at = before;
  return false;
}

std::optional<timestamp> take_iso_time(scanner& s, zone_offset zone) {
  civil c;
  c.zone = static_cast<int>(zone.count());
  if (!s.digits<4>(c.year)) return std::nullopt;
  const bool dashes = s.skip('-');
  if (!s.digits<2>(c.month) || (dashes && !s.skip('-')) || !s.digits<2>(c.day)) {
    return std::nullopt;
  }
  const char between = s.peek();
  if ((between != 'T' && between != 't' && between != ' ' && between != '_') || s.left() < 2 ||
      !is_digit(s.at[1])) {
    return time_of(c);
  }
  ++s.at;
  if (!s.digits<2>(c.hour)) return std::nullopt;
  const bool colons = s.skip(':');
  if (!s.digits<2>(c.minute)) return std::nullopt;
  if (colons ? s.skip(':') : is_digit(s.peek())) {
    if (!s.digits<2>(c.second)) return std::nullopt;
    take_fraction(s, c.millis);
  }
  take_optional_zone(s, c.zone, false);
  return time_of(c);
}

std::optional<timestamp> take_slash_time(scanner& s, zone_offset zone) {
  civil c;
  c.zone = static_cast<int>(zone.count());
  if (!s.digits<4>(c.year) || !s.skip('/') || !s.digits<2>(c.month) || !s.skip('/') ||
      !s.digits<2>(c.day) || !s.skip(' ') || !take_clock(s, c)) {
    return std::nullopt;
  }
  take_fraction(s, c.millis);
  return time_of(c);
}

std::optional<timestamp> take_syslog_time(scanner& s, timestamp reference, zone_offset zone) {
  civil c;
  c.zone = static_cast<int>(zone.count());
  if (!take_month(s, c.month) || !s.skip(' ') || !take_day(s, c.day) || !s.skip(' ')) {
    return std::nullopt;
  }
  s.spaces();
  const char* const before = s.at;
  bool year = s.digits<4>(c.year) && s.skip(' ');
  if (!year) s.at = before;
  if (!take_clock(s, c)) return std::nullopt;
  take_fraction(s, c.millis);
  // A zone with its sign, or a year behind the time; a name could be the host's.
  const char* const behind = s.at;
  if (!s.skip(' ') || (s.peek() != '+' && s.peek() != '-') || !take_zone(s, c.zone, false)) {
    s.at = behind;
  }
  if (year) return time_of(c);
  return time_without_year(c, reference);
}

}  // namespace detail

using detail::civil;
using detail::scanner;

std::optional<timestamp> clf_time(std::string_view text) {
  return detail::whole(text, [](scanner& s) { return detail::take_clf_time(s); });
}

std::optional<timestamp> iso_time(std::string_view text, zone_offset zone) {
  return detail::whole(text, [&](scanner& s) {
    const auto found = detail::take_iso_time(s, zone);
    // "2015-05-17 10:05:03 UTC": here nothing else can follow.
    int named = 0;
    if (found && s.peek() == ' ' && detail::take_optional_zone(s, named, true)) {
      return std::optional{*found + zone - std::chrono::minutes{named}};
    }
    return found;
  });
}

std::optional<timestamp> slash_time(std::string_view text, zone_offset zone) {
  return detail::whole(text, [&](scanner& s) { return detail::take_slash_time(s, zone); });
}

std::optional<timestamp> syslog_time(std::string_view text, timestamp reference, zone_offset zone) {
  return detail::whole(text,
                       [&](scanner& s) { return detail::take_syslog_time(s, reference, zone); });
}

std::optional<timestamp> http_time(std::string_view text, zone_offset zone) {
  scanner s{text};
  civil c;
  c.zone = static_cast<int>(zone.count());
  if (detail::take_word(s).size() < 3) return std::nullopt;
  if (s.skip(',')) {
    s.spaces();
    if (!detail::take_day(s, c.day)) return std::nullopt;
    const char between = s.peek();
    if (between != ' ' && between != '-') return std::nullopt;
    if (!s.skip(between) || !detail::take_month(s, c.month) || !s.skip(between)) {
      return std::nullopt;
    }
    if (!s.digits<4>(c.year)) {
      if (!s.digits<2>(c.year)) return std::nullopt;
      c.year += c.year < 70 ? 2000 : 1900;
    }
    if (!s.skip(' ') || !detail::take_clock(s, c)) return std::nullopt;
    detail::take_optional_zone(s, c.zone, true);
  } else {
    if (!s.skip(' ') || !detail::take_month(s, c.month) || !s.skip(' ') ||
        !detail::take_day(s, c.day) || !s.skip(' ') || !detail::take_clock(s, c)) {
      return std::nullopt;
    }
    detail::take_fraction(s, c.millis);
    detail::take_optional_zone(s, c.zone, true);
    if (!s.skip(' ') || !s.digits<4>(c.year)) return std::nullopt;
  }
  return s.done() ? detail::time_of(c) : std::nullopt;
}

std::optional<timestamp> epoch_time(std::string_view text, epoch_unit unit) {
  scanner s{text};
  const bool negative = s.skip('-');
  std::uint64_t number = 0;
  const char* const start = s.at;
  if (!s.number(18, number)) return std::nullopt;
  // A nineteenth digit only counts in nanoseconds, and there it is below what is kept.
  const bool more = detail::is_digit(s.peek());
  if (more) ++s.at;
  const auto digits = s.at - start;
  if (unit == epoch_unit::guess) {
    unit = digits <= 11   ? epoch_unit::seconds
           : digits <= 14 ? epoch_unit::millis
           : digits <= 17 ? epoch_unit::micros
                          : epoch_unit::nanos;
  }
  if (more && unit != epoch_unit::nanos) return std::nullopt;
  int fraction = 0;
  detail::take_fraction(s, fraction);
  if (!s.done()) return std::nullopt;
  std::int64_t millis = static_cast<std::int64_t>(number);
  if (unit == epoch_unit::seconds) {
    if (millis > detail::last_millis / 1000) return std::nullopt;
    millis = millis * 1000 + fraction;
  } else if (unit == epoch_unit::micros) {
    millis /= 1000;
  } else if (unit == epoch_unit::nanos) {
    millis /= more ? 100'000 : 1'000'000;
  }
  if (negative) millis = -millis;
  if (millis < detail::first_millis || millis > detail::last_millis) return std::nullopt;
  return from_millis(millis);
}

namespace {

std::optional<timestamp> any_time(std::string_view text, const timestamp* reference,
                                  zone_offset zone) {
  if (text.empty()) return std::nullopt;
  if (detail::is_digit(text.front()) || text.front() == '-') {
    if (text.size() > 5 && text[4] == '/') return slash_time(text, zone);
    if (text.size() > 3 && text[2] == '/') return clf_time(text);
    // "20150517" is a date; "20150517T…" is no number anyway.
    if (text.size() != 8) {
      if (const auto found = epoch_time(text)) return found;
    }
    return iso_time(text, zone);
  }
  if (const auto found = http_time(text, zone)) return found;
  if (reference != nullptr) return syslog_time(text, *reference, zone);
  // One with a year does not need the reference, one without must not get any.
  const auto early = syslog_time(text, from_millis(0), zone);
  return early == syslog_time(text, from_millis(1'000'000'000'000), zone) ? early : std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

error no_time(std::string_view text) {
  return error{errc::bad_record,
               fmt::format("'{}' is no time that is known: give its form to logs::time_format",
                           detail::excerpt(text))};
}

}  // namespace

result<timestamp> parse_time(std::string_view text, timestamp reference, zone_offset zone) {
  const auto found = any_time(trimmed(text), &reference, zone);
  if (!found) return no_time(text);
  return *found;
}

result<timestamp> parse_time(std::string_view text) {
  const auto found = any_time(trimmed(text), nullptr, {});
  if (!found) return no_time(text);
  return *found;
}

}  // namespace penstock::logs
