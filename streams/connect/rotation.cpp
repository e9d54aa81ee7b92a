#include "streams/connect/rotation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace penstock {

namespace {

constexpr std::size_t stamp_length = 20;  // 20260301T120000.250Z

std::string stamp(timestamp at) {
  using namespace std::chrono;
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::optional<timestamp> parse_stamp(std::string_view text) {
  if (text.size() != stamp_length || text[8] != 'T' || text[15] != '.' || text[19] != 'Z') {
    return std::nullopt;
  }
  const auto number = [&](std::size_t from, std::size_t length) {
    int value = -1;
    const auto* const end = text.data() + from + length;
    const auto [at, wrong] = std::from_chars(text.data() + from, end, value);
    return wrong == std::errc{} && at == end ? value : -1;
  };
  using namespace std::chrono;
  const int month_of = number(4, 2), day_of = number(6, 2);
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  const int milli = number(16, 3);
  const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(month_of)},
                            day{static_cast<unsigned>(day_of)}};
  if (!date.ok() || hour < 0 || minute < 0 || second < 0 || milli < 0) return std::nullopt;
  return timestamp{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second} +
         milliseconds{milli};
}

}  // namespace

bool rotation_due(const rotate& how, std::uint64_t size, timestamp begun, timestamp now) {
  if (size == 0) return false;
  if (how.bytes > 0 && size >= how.bytes) return true;
  return how.every.count() > 0 && now > begun && now - begun >= how.every;
}

bool has_room(const rotate& how, std::uint64_t size, std::uint64_t more) {
  return how.bytes == 0 || size == 0 || size + more <= how.bytes;
}

std::string rotated_name(std::string_view name, timestamp at) {
  return fmt::format("{}.{}", name, stamp(at));
}

std::string_view rotated_suffix(codec compress) {
  if (compress == codec::gzip) return ".gz";
  if (compress == codec::zstd) return ".zst";
  return "";
}

std::optional<rotated_file> parse_rotated(std::string_view name, std::string_view candidate) {
  if (!candidate.starts_with(name)) return std::nullopt;
  auto rest = candidate.substr(name.size());
  if (!rest.starts_with('.')) return std::nullopt;
  rest.remove_prefix(1);
  const auto at = parse_stamp(rest.substr(0, stamp_length));
  if (!at) return std::nullopt;
  rest.remove_prefix(stamp_length);
  rotated_file out{std::string{candidate}, *at, codec::none, false};
  for (const auto compressed : {codec::gzip, codec::zstd}) {
    const auto suffix = rotated_suffix(compressed);
    if (!rest.starts_with(suffix)) continue;
    out.compressed = compressed;
    rest.remove_prefix(suffix.size());
    if (rest == partial_suffix) {
      out.partial = true;
      return out;
    }
    break;
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

std::vector<std::string> surplus(std::uint32_t keep, std::vector<rotated_file> files) {
  std::vector<std::string> out;
  if (keep == 0) return out;
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.at != b.at ? a.at > b.at : a.name > b.name;
  });
  std::uint32_t kept = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i == 0 || files[i].at != files[i - 1].at) ++kept;
    if (kept > keep) out.push_back(files[i].name);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::string encode(const file_note& note) {
  return fmt::format("bytes={} begun={} closed={} rotating={} path={}", note.bytes,
                     to_millis(note.begun), note.closed ? 1 : 0, to_millis(note.rotating),
                     note.path);
}

std::optional<file_note> parse_file_note(std::string_view text) {
  const auto take = [&](std::string_view name, auto& into) {
    if (!text.starts_with(name)) return false;
    text.remove_prefix(name.size());
    const auto [at, wrong] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (wrong != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(at - text.data()));
    return true;
  };
  file_note out;
  std::int64_t begun = 0, rotating = 0;
  int closed = 0;
  if (!take("bytes=", out.bytes) || !take(" begun=", begun) || !take(" closed=", closed) ||
      !take(" rotating=", rotating) || !text.starts_with(" path=")) {
    return std::nullopt;
  }
  out.begun = from_millis(begun);
  out.closed = closed == 1;
  out.rotating = from_millis(rotating);
  out.path = text.substr(std::string_view{" path="}.size());
  return out;
}

}  // namespace penstock
