#include "tools/penstock/topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "actors/messages/settings.hpp"

namespace penstock::tool {

result<std::vector<topic_info>> describe_topics(target& at, const std::vector<std::string>& names,
                                                bool numbers) {
  const auto request = topics_request::make([&](wire::TopicsRequest::Builder to) {
    auto list = to.initNames(static_cast<unsigned>(names.size()));
    for (unsigned i = 0; i < names.size(); ++i) list.set(i, text_of(names[i]));
    to.setWithPartitions(numbers);
  });
  PENSTOCK_ASSIGN(const auto reply, at.ask<topics_reply>(request));
  const auto message = reply.open();
  std::vector<topic_info> out;
  for (auto each : message->getTopics()) {
    topic_info topic;
    topic.name = view(each.getName());
    topic.id = bytes{view(each.getId())};
    topic.internal = each.getInternal();
    PENSTOCK_ASSIGN(topic.settings, parse_settings(each.getSettings()));
    for (auto partition : each.getPartitions()) {
      topic.partitions.push_back({partition.getIndex(), partition.getStartOffset(),
                                  partition.getHighWatermark(), partition.getBytes(),
                                  partition.getSegments(), error_of(partition.getOffline())});
    }
    out.push_back(std::move(topic));
  }
  std::sort(out.begin(), out.end(),
            [](const topic_info& a, const topic_info& b) { return a.name < b.name; });
  return out;
}

result<topic_info> describe_topic(target& at, const std::string& name) {
  PENSTOCK_ASSIGN(auto found, describe_topics(at, {name}, true));
  if (found.empty()) return no_such_topic(at, name);
  return std::move(found.front());
}

error no_such_topic(target& at, const std::string& name) {
  std::vector<std::string> known;
  if (const auto all = describe_topics(at, {}, false)) {
    for (const auto& topic : *all) known.push_back(topic.name);
  }
  const auto meant = nearest(name, known);
  const auto remedy = !meant.empty() ? fmt::format("did you mean \"{}\"?", meant)
                      : known.empty()
                          ? std::string{"there are no topics yet; penstock topic create makes one"}
                          : std::string{"penstock topic list shows those that do"};
  return error{errc::unknown_topic, fmt::format("topic \"{}\" does not exist: {}", name, remedy)};
}

namespace {

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(const std::string& wanted, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = 1 + std::max<std::size_t>(2, wanted.size() / 3);
  for (const auto& name : known) {
    // A name cut short counts as near, whatever its length.
    const bool begins = wanted.size() >= 3 && name.starts_with(wanted);
    const auto away = begins ? 1 : distance(wanted, name);
    if (away < best_distance) {
      best = name;
      best_distance = away;
    }
  }
  return best;
}

result<offset_t> offset_at(target& at, const topic_partition& tp, std::int64_t time,
                           bool committed) {
  const auto request = [&](std::int64_t when) {
    return list_offsets_request::make([&](wire::ListOffsetsRequest::Builder to) {
      to.setTopic(text_of(tp.topic));
      to.setPartition(tp.partition);
      to.setTime(when);
      to.setCommitted(committed);
    });
  };
  PENSTOCK_ASSIGN(auto reply, at.ask<list_offsets_reply>(request(time)));
  const auto offset = reply.open()->getOffset();
  if (offset >= 0) return offset;
  PENSTOCK_ASSIGN(reply, at.ask<list_offsets_reply>(request(-1)));
  return offset_t{reply.open()->getOffset()};
}

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

result<timestamp> parse_time(const std::string& flag, const std::string& text) {
  std::int64_t millis = 0;
  const auto* end = text.data() + text.size();
  if (const auto [at, failure] = std::from_chars(text.data(), end, millis);
      failure == std::errc{} && at == end && millis >= 0 && text.size() != 4) {
    return from_millis(millis);  // but not 2026, which is meant for a year
  }
  if (const auto time = iso_time(text)) return *time;
  return error{errc::invalid_argument,
               fmt::format("{} {}: not a time; write 2026-03-01, 2026-03-01T12:00:00Z or "
                           "milliseconds since 1970",
                           flag, text)};
}

}  // namespace penstock::tool
