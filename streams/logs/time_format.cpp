// The compiled patterns of `time_format`.
#include <fmt/format.h>

#include <bitset>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"
#include "streams/logs/timestamp.hpp"

namespace penstock::logs {
namespace {

using detail::civil;
using detail::is_digit;
using detail::scanner;

constexpr std::size_t pattern_most = 256;

error bad_pattern(std::string_view pattern, std::size_t at, std::string_view why) {
  return error{errc::invalid_argument,
               fmt::format("time format '{}': {} at position {}",
                           detail::excerpt(pattern, pattern_most), why, at)};
}

// What a shorthand stands for; empty for everything else.
std::string_view spelled_out(char directive) {
  switch (directive) {
    case 'T':
      return "%H:%M:%S";
    case 'R':
      return "%H:%M";
    case 'D':
      return "%m/%d/%y";
    case 'F':
      return "%Y-%m-%d";
    default:
      return {};
  }
}

// One letter for all directives that say the same thing; 0 for one that does not exist.
char canonical(char directive) {
  switch (directive) {
    case 'b':
    case 'B':
    case 'h':
      return 'b';
    case 'd':
    case 'e':
      return 'd';
    case 'a':
    case 'A':
      return 'a';
    case 'H':
    case 'k':
      return 'H';
    case 'I':
    case 'l':
      return 'I';
    case 'f':
    case 'N':
    case 'L':
      return 'f';
    case 'Y':
    case 'y':
    case 'm':
    case 'j':
    case 'p':
    case 'M':
    case 'S':
    case 'z':
    case 'Z':
    case 's':
    case 'Q':
      return directive;
    default:
      return 0;
  }
}

struct read_so_far {
  civil c;
  bool year = false;
  bool afternoon = false;
  bool noon_clock = false;  // %I
  int day_of_year = 0;
  std::optional<std::int64_t> epoch_millis;
};

bool number(scanner& s, int most, int& into) {
  std::uint64_t n = 0;
  s.spaces();  // %e and %k pad with spaces
  if (!s.number(most, n)) return false;
  into = static_cast<int>(n);
  return true;
}

bool half_of_day(scanner& s, bool& afternoon) {
  if (s.left() < 2 || (s.at[1] | 0x20) != 'm') return false;
  const char c = static_cast<char>(s.at[0] | 0x20);
  if (c != 'a' && c != 'p') return false;
  afternoon = c == 'p';
  s.at += 2;
  return true;
}

bool month_name(scanner& s, int& into) {
  static constexpr std::string_view rests[] = {"uary", "ruary", "ch",     "il",   "",      "e",
                                               "y",    "ust",   "tember", "ober", "ember", "ember"};
  if (!detail::take_month(s, into)) return false;
  s.skip(rests[into - 1]);
  return true;
}

bool weekday(scanner& s) {
  const char* const start = s.at;
  while (!s.done() && ((*s.at | 0x20) >= 'a' && (*s.at | 0x20) <= 'z')) ++s.at;
  return s.at - start >= 2;
}

bool since_epoch(scanner& s, epoch_unit unit, read_so_far& into) {
  const char* const start = s.at;
  s.skip('-');
  while (is_digit(s.peek())) ++s.at;
  const auto found = epoch_time({start, static_cast<std::size_t>(s.at - start)}, unit);
  if (!found) return false;
  into.epoch_millis = to_millis(*found);
  return true;
}

bool zone_name(scanner& s, int& minutes) {
  return detail::take_zone(s, minutes, true);
}

bool take(scanner& s, char directive, read_so_far& into) {
  civil& c = into.c;
  switch (directive) {
    case 'Y':
      return into.year = s.digits<4>(c.year);
    case 'y':
      if (!s.digits<2>(c.year)) return false;
      c.year += c.year < 69 ? 2000 : 1900;
      return into.year = true;
    case 'm':
      return number(s, 2, c.month);
    case 'b':
      return month_name(s, c.month);
    case 'd':
      return number(s, 2, c.day);
    case 'j':
      return number(s, 3, into.day_of_year) && into.day_of_year >= 1 && into.day_of_year <= 366;
    case 'a':
      return weekday(s);
    case 'H':
      return number(s, 2, c.hour);
    case 'I':
      into.noon_clock = true;
      return number(s, 2, c.hour) && c.hour >= 1 && c.hour <= 12;
    case 'p':
      return half_of_day(s, into.afternoon);
    case 'M':
      return number(s, 2, c.minute);
    case 'S':
      return number(s, 2, c.second);
    case 'f':
      return detail::take_fraction_digits(s, c.millis);
    case 'z':
      return detail::take_zone(s, c.zone, false);
    case 'Z':
      return zone_name(s, c.zone);
    case 's':
      return since_epoch(s, epoch_unit::seconds, into);
    default:
      return since_epoch(s, epoch_unit::millis, into);
  }
}

std::optional<timestamp> put_together(read_so_far& got, timestamp reference) {
  civil& c = got.c;
  if (got.epoch_millis) return from_millis(*got.epoch_millis + c.millis);
  if (got.noon_clock) c.hour = c.hour % 12 + (got.afternoon ? 12 : 0);
  if (got.day_of_year == 0) {
    return got.year ? detail::time_of(c) : detail::time_without_year(c, reference);
  }
  c.month = 1;
  c.day = 1;
  const auto first = detail::time_of(c);
  if (!first) return std::nullopt;
  const bool leap = std::chrono::year{c.year}.is_leap();
  if (got.day_of_year == 366 && !leap) return std::nullopt;
  return *first + std::chrono::days{got.day_of_year - 1};
}

}  // namespace

result<time_format> time_format::make(std::string_view pattern, zone_offset zone) {
  if (pattern.size() > pattern_most) {
    return bad_pattern(pattern, pattern_most, "more than 256 characters");
  }
  time_format made;
  made.pattern_ = pattern;
  made.zone_ = zone;
  std::bitset<128> seen;
  const auto add = [&](char directive, std::size_t at) {
    const auto index = static_cast<std::size_t>(directive);
    const bool twice = seen.test(index);
    seen.set(index);
    made.parts_.push_back({directive, 0, static_cast<std::uint32_t>(at)});
    return !twice;
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::size_t at = i;
    char c = pattern[i];
    if (c == ' ' || c == '\t') {
      made.parts_.push_back({' ', 0, static_cast<std::uint32_t>(at)});
      continue;
    }
    if (c != '%') {
      made.parts_.push_back({0, c, static_cast<std::uint32_t>(at)});
      continue;
    }
    if (++i == pattern.size()) return bad_pattern(pattern, at, "a lone '%'");
    c = pattern[i];
    if ((c == '-' || c == '_' || c == '0') && i + 1 < pattern.size()) c = pattern[++i];
    if (c == '%' || c == 'n' || c == 't') {
      made.parts_.push_back({c == '%' ? '\0' : ' ', '%', static_cast<std::uint32_t>(at)});
      continue;
    }
    const std::string_view instead = spelled_out(c);
    const std::string unknown = fmt::format("the unknown directive %{}", detail::excerpt({&c, 1}));
    if (instead.empty() && canonical(c) == 0) return bad_pattern(pattern, at, unknown);
    const std::string_view directives = instead.empty() ? std::string_view{&c, 1} : instead;
    for (std::size_t j = 0; j < directives.size(); ++j) {
      if (!instead.empty() && directives[j] != '%') {
        made.parts_.push_back({0, directives[j], static_cast<std::uint32_t>(at)});
        continue;
      }
      if (!instead.empty()) ++j;
      if (!add(canonical(directives[j]), at)) {
        return bad_pattern(pattern, at, fmt::format("%{} for the second time", directives[j]));
      }
    }
  }
  const auto has = [&](char directive) { return seen.test(static_cast<std::size_t>(directive)); };
  const bool year = has('Y') || has('y');
  const bool date = ((has('m') || has('b')) && has('d')) || (has('j') && year);
  if (!date && !has('s') && !has('Q')) {
    return bad_pattern(pattern, pattern.size(),
                       "no date (%m or %b with %d, %j with %Y, %s, or %Q)");
  }
  if (has('I') != has('p')) {
    return bad_pattern(pattern, pattern.size(), "one of %I and %p without the other");
  }
  return made;
}

result<timestamp> time_format::parse(std::string_view text, timestamp reference) const {
  scanner s{text};
  read_so_far got;
  got.c.zone = static_cast<int>(zone_.count());
  const auto wrong = [&](std::string_view wanted) {
    return error{errc::bad_record,
                 fmt::format("'{}' is no time of the form '{}': wanted {} at byte {}",
                             detail::excerpt(text), pattern_, wanted, s.position())};
  };
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const part& p = parts_[i];
    if (p.directive == ' ') {
      while (s.peek() == ' ' || s.peek() == '\t') ++s.at;
    } else if (p.directive == 0) {
      const bool fraction =
          p.literal == '.' && i + 1 < parts_.size() && parts_[i + 1].directive == 'f';
      if (s.skip(p.literal) || (fraction && s.skip(','))) continue;
      if (!fraction) return wrong(fmt::format("'{}'", detail::excerpt({&p.literal, 1})));
      ++i;  // the whole fraction may be missing
    } else if (!take(s, p.directive, got)) {
      return wrong(fmt::format("%{}", p.directive));
    }
  }
  if (!s.done()) return wrong("the end");
  const auto found = put_together(got, reference);
  if (!found) {
    return error{errc::bad_record,
                 fmt::format("'{}' is no time: a part is out of its range", detail::excerpt(text))};
  }
  return *found;
}

}  // namespace penstock::logs
