#include "streams/record/serde_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

namespace penstock::detail {

namespace {

template <class T>
bool parse_number(bytes_view from, T& into) {
  const auto [end, failure] = std::from_chars(from.data(), from.data() + from.size(), into);
  return failure == std::errc{} && end == from.data() + from.size() && !from.empty();
}

/// Takes exactly `digits` digits off the front.
bool take_digits(bytes_view& from, std::size_t digits, int& into) {
  if (from.size() < digits) return false;
  into = 0;
  for (const char c : from.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    into = into * 10 + (c - '0');
  }
  from.remove_prefix(digits);
  return true;
}

bool take_char(bytes_view& from, char c) {
  if (from.empty() || from.front() != c) return false;
  from.remove_prefix(1);
  return true;
}

/// ".25" is 250 ms; digits behind the third are dropped.
bool take_fraction(bytes_view& from, int& millis) {
  millis = 0;
  if (!take_char(from, '.')) return true;
  int scale = 100;
  bool any = false;
  while (!from.empty() && from.front() >= '0' && from.front() <= '9') {
    millis += scale * (from.front() - '0');
    scale /= 10;
    any = true;
    from.remove_prefix(1);
  }
  return any;
}

}  // namespace

void append_text(std::int64_t value, bytes& to) {
  const fmt::format_int digits{value};
  to.append(digits.data(), digits.size());
}

void append_text(std::uint64_t value, bytes& to) {
  const fmt::format_int digits{value};
  to.append(digits.data(), digits.size());
}

void append_text(double value, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{}", value);
}

void append_text(float value, bytes& to) {
  fmt::format_to(std::back_inserter(to), "{}", value);
}

void append_text(timestamp value, bytes& to) {
  const auto day = std::chrono::floor<std::chrono::days>(value);
  const std::chrono::year_month_day date{day};
  // Years beyond the calendar's range (a broken clock) would wrap: such times stay numbers.
  if (value < from_millis(-62'135'596'800'000) || value > from_millis(253'402'300'799'999)) {
    append_text(to_millis(value), to);
    return;
  }
  const std::chrono::hh_mm_ss time{value - day};
  fmt::format_to(std::back_inserter(to), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                 time.seconds().count(), time.subseconds().count());
}

bool parse_text(bytes_view from, std::int64_t& into) {
  return parse_number(from, into);
}
bool parse_text(bytes_view from, std::uint64_t& into) {
  return parse_number(from, into);
}
bool parse_text(bytes_view from, double& into) {
  return parse_number(from, into);
}

bool parse_text(bytes_view from, timestamp& into) {
  std::int64_t millis = 0;
  if (parse_number(from, millis)) {
    into = from_millis(millis);
    return true;
  }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0;
  const bool fine =
      take_digits(from, 4, year) && take_char(from, '-') && take_digits(from, 2, month) &&
      take_char(from, '-') && take_digits(from, 2, day) && take_char(from, 'T') &&
      take_digits(from, 2, hour) && take_char(from, ':') && take_digits(from, 2, minute) &&
      take_char(from, ':') && take_digits(from, 2, second) && take_fraction(from, fraction) &&
      take_char(from, 'Z') && from.empty();
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!fine || !date.ok() || hour > 23 || minute > 59 || second > 60) return false;
  into = std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::milliseconds{fraction};
  return true;
}

}  // namespace penstock::detail
