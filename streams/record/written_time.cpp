#include "streams/record/written_time.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace penstock {

namespace {

// Exactly `digits` digits at the start of `text`, which loses them.
bool take_number(std::string_view& text, std::size_t digits, int& into) {
  if (text.size() < digits) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + digits, into);
  if (failure != std::errc{} || end != text.data() + digits || into < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// The zone behind a time: nothing and Z are UTC.
bool take_zone(std::string_view text, int& minutes) {
  minutes = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return false;
  int hour = 0;
  int minute = 0;
  if (!take_number(text, 2, hour)) return false;
  take(text, ':');
  if (!text.empty() && !take_number(text, 2, minute)) return false;
  minutes = sign * (hour * 60 + minute);
  return text.empty() && hour < 24 && minute < 60;
}

std::optional<timestamp> iso_time(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) ||
      !take(text, '-') || !take_number(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  int hour = 0;
  int minute = 0;
  int second = 0;
  duration fraction{0};
  if (take(text, 'T') || take(text, 't') || take(text, ' ')) {
    if (!take_number(text, 2, hour) || !take(text, ':') || !take_number(text, 2, minute)) {
      return std::nullopt;
    }
    if (take(text, ':') && !take_number(text, 2, second)) return std::nullopt;
    if (take(text, '.')) {
      int unit = 100;
      if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        fraction += duration{(text.front() - '0') * unit};
        unit /= 10;
        text.remove_prefix(1);
      }
    }
  }
  int zone = 0;
  if (hour > 23 || minute > 59 || second > 60 || !take_zone(text, zone)) return std::nullopt;
  return timestamp{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
         std::chrono::minutes{minute - zone} + std::chrono::seconds{second} + fraction;
}

}  // namespace

std::optional<timestamp> written_time(std::string_view text) {
  std::int64_t millis = 0;
  const auto* end = text.data() + text.size();
  if (const auto [at, failure] = std::from_chars(text.data(), end, millis);
      failure == std::errc{} && at == end && millis >= 0 && text.size() != 4) {
    return from_millis(millis);  // but not 2026, which is meant for a year
  }
  return iso_time(text);
}

std::optional<duration> written_duration(std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"ms", 1}, {"min", 60e3}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
  for (const auto& [unit, millis] : units) {
    if (!text.ends_with(unit)) continue;
    const auto digits = text.substr(0, text.size() - unit.size());
    const auto* end = digits.data() + digits.size();
    double count = 0;
    const auto [at, failure] = std::from_chars(digits.data(), end, count);
    const double all = count * millis;
    if (failure == std::errc{} && at == end && all >= 0 && all <= 36'600 * 86400e3)
      return duration{std::llround(all)};
  }
  return std::nullopt;
}

}  // namespace penstock
