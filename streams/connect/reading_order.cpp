#include "streams/connect/reading_order.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace penstock {

namespace {

enum class rotation : std::uint8_t { dated, numbered, current };  // the oldest first

/// What the name of a file says of its place in its log.
struct place {
  std::string log;  // the path without it
  rotation kind = rotation::current;
  std::string digits;  // of the date or number, without zeros in front
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "-2026-05-17", ".20260301T120000.250Z", "-1760000000"
bool is_date(std::string_view part, std::string_view digits) {
  constexpr std::size_t least = 6;   // year and month
  constexpr std::size_t epoch = 10;  // seconds since 1970
  if (digits.size() < least || part.find_first_not_of("0123456789", 1) < 5) return false;
  const auto year = digits.substr(0, 4);
  return (year >= "1970" && year < "2100") || (digits.size() == epoch && part.size() == epoch + 1);
}

// ".1", "-1"; in front of the extension only with a point: "worker-1.log" may be one of several.
bool is_number(std::string_view part, std::string_view digits, bool inside) {
  constexpr std::size_t most = 4;
  return digits.size() <= most && digits.size() + 1 == part.size() && (part[0] == '.' || !inside);
}

// Cuts the date or number at the end of `name` off.
bool cut_rotation(std::string_view& name, bool inside, place& found) {
  constexpr std::string_view separators = ".-_";
  const auto last = name.find_last_not_of("0123456789.-_:TZ");
  auto at = name.find_first_of(separators, std::max<std::size_t>(last + 1, 1));  // npos + 1 is 0
  for (; at != name.npos; at = name.find_first_of(separators, at + 1)) {
    const auto part = name.substr(at);
    std::string digits;
    std::copy_if(part.begin(), part.end(), std::back_inserter(digits), is_digit);
    const bool dated = is_date(part, digits);
    const bool behind_digit = is_digit(name[at - 1]);  // of an address: "10.0.0.1"
    if (!dated && (behind_digit || !is_number(part, digits, inside))) continue;
    if (!dated) digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    found.kind = dated ? rotation::dated : rotation::numbered;
    found.digits = std::move(digits);
    name.remove_suffix(part.size());
    return true;
  }
  return false;
}

place place_of(std::string_view path) {
  place found;
  const auto folder = path.substr(0, path.rfind('/') + 1);  // empty where there is none
  auto name = path.substr(folder.size());
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  std::string_view extension;
  if (!cut_rotation(name, false, found)) {
    const auto dot = name.rfind('.');
    if (dot != name.npos && dot > 0) {
      auto stem = name.substr(0, dot);
      if (cut_rotation(stem, true, found)) {
        extension = name.substr(dot);
        name = stem;
      }
    }
  }
  found.log = std::string{folder} + std::string{name} + std::string{extension};
  return found;
}

struct member {
  std::size_t index = 0;
  place at;
  std::int64_t changed_ns = 0;
};

// Whether numbers rise with time, as with programs that never rename a file twice.
bool counts_up(const std::vector<member>& by_time) {
  const auto current = std::find_if(by_time.begin(), by_time.end(), [](const member& each) {
    return each.at.kind == rotation::current;
  });
  if (current != by_time.end() && std::next(current) != by_time.end()) return false;
  int up = 0;
  const member* before = nullptr;
  for (const member& each : by_time) {
    if (each.at.kind != rotation::numbered) continue;
    if (before != nullptr && before->changed_ns < each.changed_ns) {
      const auto key = [](const member& m) { return std::pair{m.at.digits.size(), m.at.digits}; };
      up += key(*before) < key(each) ? 1 : -1;
    }
    before = &each;
  }
  return up > 0;
}

}  // namespace

std::string log_of(std::string_view path) {
  return place_of(path).log;
}

std::vector<std::vector<std::size_t>> logs_of(const std::vector<log_file>& files) {
  std::map<std::string, std::vector<member>> logs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto at = place_of(files[i].path);
    auto& log = logs[at.log];
    log.push_back({i, std::move(at), files[i].changed_ns});
  }
  std::vector<std::vector<std::size_t>> ordered;
  for (auto& [name, log] : logs) {
    std::stable_sort(log.begin(), log.end(),
                     [](const member& a, const member& b) { return a.changed_ns < b.changed_ns; });
    const bool up = counts_up(log);
    std::stable_sort(log.begin(), log.end(), [&](const member& a, const member& b) {
      if (a.at.kind != b.at.kind) return a.at.kind < b.at.kind;
      if (a.at.kind == rotation::current) return false;
      if (a.at.kind == rotation::dated) return a.at.digits < b.at.digits;
      const bool less = std::pair{a.at.digits.size(), std::string_view{a.at.digits}} <
                        std::pair{b.at.digits.size(), std::string_view{b.at.digits}};
      return a.at.digits != b.at.digits && less == up;
    });
    auto& indexes = ordered.emplace_back();
    for (const member& each : log) indexes.push_back(each.index);
  }
  return ordered;
}

}  // namespace penstock
