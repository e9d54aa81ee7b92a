#include "tools/penstock/dead_letters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "actors/client/consumer.hpp"
#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

constexpr duration poll_wait = 250ms;  // how soon a signal is noticed
constexpr duration write_patience = 2min;

template <class Number>
bool whole_number(std::string_view text, Number& into) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), into);
  return wrong == std::errc{} && end == text.data() + text.size();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string hexadecimal(bytes_view id) {
  std::string out;
  for (const char c : id)
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

std::optional<letter> letter_of(const record& r) {
  letter out;
  bool is_letter = false;
  for (const auto& header : r.headers) {
    const std::string_view value =
        header.value ? std::string_view{*header.value} : std::string_view{};
    if (header.name == "penstock.reason") {
      out.reason = value;
      is_letter = true;
    } else if (header.name == "penstock.step") {
      out.step = value;
    } else if (header.name == "penstock.topic") {
      out.topic = value;
    } else if (header.name == "penstock.origin") {
      out.origin = value;
    } else if (header.name == "penstock.partition") {
      if (!whole_number(value, out.partition)) out.partition = -1;
    } else if (header.name == "penstock.offset") {
      if (!whole_number(value, out.offset)) out.offset = -1;
    }
  }
  if (!is_letter) return std::nullopt;
  return out;
}

std::string pattern_of(std::string_view reason) {
  std::string out;
  for (std::size_t i = 0; i < reason.size();) {
    const bool inside_word = i > 0 && is_word(reason[i - 1]);
    if (reason[i] == '"') {
      const auto end = reason.find('"', i + 1);
      out += "\"…\"";
      i = end == reason.npos ? reason.size() : end + 1;
    } else if (is_digit(reason[i]) && !inside_word) {
      while (i < reason.size() && is_digit(reason[i])) ++i;
      out += 'N';
    } else {
      out += reason[i++];
    }
  }
  return out;
}

result<letter_range> parse_letter_range(const std::string& word) {
  std::string_view rest = word;
  letter_range out;
  bool fine = true;
  if (const auto colon = rest.find(':'); colon != rest.npos) {
    fine = whole_number(rest.substr(0, colon), out.partition) && out.partition >= 0;
    rest.remove_prefix(colon + 1);
  }
  const auto dash = rest.find('-');
  fine = fine && whole_number(rest.substr(0, dash), out.first) && out.first >= 0;
  out.last = out.first;
  if (dash != rest.npos) {
    fine = fine && whole_number(rest.substr(dash + 1), out.last) && out.last >= out.first;
  }
  if (fine) return out;
  return error{errc::invalid_argument,
               fmt::format("\"{}\" is no offset: write N, FIRST-LAST, PARTITION:N or "
                           "PARTITION:FIRST-LAST",
                           word)};
}

// --- which ones

result<void> letter_filter::check(const topic_info& topic) const {
  for (const auto& each : ranges) {
    if (each.partition < static_cast<std::int32_t>(topic.partitions.size())) continue;
    return no_such_partition(topic, each.partition);
  }
  return {};
}

bool letter_filter::wants(std::int32_t partition, offset_t offset) const {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const auto& each) {
           return (each.partition < 0 || each.partition == partition) && offset >= each.first &&
                  offset <= each.last;
         });
}

bool letter_filter::wants(const letter& what) const {
  if (!steps.empty() && std::find(steps.begin(), steps.end(), what.step) == steps.end())
    return false;
  return reasons.empty() || std::any_of(reasons.begin(), reasons.end(), [&](const auto& each) {
           return what.reason.find(each) != what.reason.npos || pattern_of(what.reason) == each;
         });
}

// --- reading

result<void> read_letters(target& at, const topic_info& topic, const letter_filter& filter,
                          const letter_taker& take) {
  PENSTOCK_TRY(filter.check(topic));
  consumer_config config;
  std::map<std::int32_t, offset_t> ends;  // of partitions that are not finished
  for (const auto& each : topic.partitions) {
    if (each.offline) return each.offline;
    offset_t first = filter.ranges.empty() ? each.start : each.end;
    offset_t last = filter.ranges.empty() ? each.end : each.start;
    for (const auto& range : filter.ranges) {
      if (range.partition >= 0 && range.partition != each.index) continue;
      first = std::min(first, range.first);
      last = std::max(last, range.last >= each.end ? each.end : range.last + 1);
    }
    first = std::max(first, each.start);
    // Not beyond what readers of committed records can see at all.
    PENSTOCK_ASSIGN(const auto stable, offset_at(at, {topic.name, each.index}, -1, true));
    last = std::min(last, stable);
    if (first >= last) continue;
    config.partitions.emplace_back(topic_partition{topic.name, each.index}, first);
    ends[each.index] = last;
  }
  if (ends.empty()) return {};
  consumer from{at.system(), at.node(), config};
  while (!ends.empty()) {
    if (stop_requested()) return error{errc::cancelled, "interrupted"};
    PENSTOCK_ASSIGN(const auto records, from.poll(poll_wait));
    for (const auto& each : records) {
      const auto end = ends.find(each.from.partition);
      if (end == ends.end() || each.what.offset >= end->second) continue;
      if (filter.wants(each.from.partition, each.what.offset)) {
        PENSTOCK_ASSIGN(const bool more,
                        take(each.from.partition, each.what, letter_of(each.what)));
        if (!more) return {};
      }
      if (each.what.offset + 1 >= end->second) ends.erase(end);
    }
    // What lies before an end may not be records: markers, or what compaction removed.
    if (!records.empty() || ends.empty()) continue;
    PENSTOCK_ASSIGN(const auto positions, from.assignment());
    for (const auto& [tp, next] : positions) {
      const auto end = ends.find(tp.partition);
      if (end != ends.end() && next >= end->second) ends.erase(end);
    }
  }
  return {};
}

// --- sets of offsets

void offset_set::add(std::int32_t partition, offset_t first, offset_t last) {
  auto& held = ranges_[partition];
  auto next = held.upper_bound(first);
  if (next != held.begin() && std::prev(next)->second >= first - 1) {
    --next;
    first = next->first;
  }
  // Everything that begins inside or right behind becomes part of it.
  while (next != held.end() && next->first <= last + 1) {
    last = std::max(last, next->second);
    next = held.erase(next);
  }
  held.emplace(first, last);
}

bool offset_set::contains(std::int32_t partition, offset_t offset) const {
  const auto held = ranges_.find(partition);
  if (held == ranges_.end()) return false;
  const auto behind = held->second.upper_bound(offset);
  return behind != held->second.begin() && std::prev(behind)->second >= offset;
}

std::uint64_t offset_set::size() const {
  std::uint64_t count = 0;
  for (const auto& [partition, held] : ranges_)
    for (const auto& [first, last] : held) count += static_cast<std::uint64_t>(last - first + 1);
  return count;
}

std::vector<letter_range> offset_set::ranges() const {
  std::vector<letter_range> out;
  for (const auto& [partition, held] : ranges_)
    for (const auto& [first, last] : held) out.push_back({partition, first, last});
  return out;
}

// --- earlier replays

result<void> replay_log::read(bytes_view value) {
  const auto wrong = [&] {
    return error{errc::corrupt,
                 fmt::format("topic \"{}\" has a record that is no note of a replay: nothing else "
                             "may be written there; delete the topic to forget all replays",
                             topic_)};
  };
  const auto note = nlohmann::json::parse(value, nullptr, false);
  if (!note.is_object() || !note.contains("state") || !note["state"].is_string() ||
      !note.contains("letters") || !note["letters"].is_array())
    return wrong();
  const auto state = note["state"].get<std::string>();
  for (const auto& each : note["letters"]) {
    if (!each.is_array() || each.size() != 3) return wrong();
    for (const auto& number : each)
      if (!number.is_number_integer() || number.get<std::int64_t>() < 0) return wrong();
    const auto partition = each[0].get<std::int32_t>();
    const auto first = each[1].get<offset_t>();
    const auto last = each[2].get<offset_t>();
    if (last < first) return wrong();
    (state == "done" ? done_ : begun_).add(partition, first, last);
  }
  return {};
}

result<replay_log> replay_log::open(target& at, const topic_info& letters) {
  replay_log out;
  out.topic_ = letters.name + "-replayed";
  out.id_ = hexadecimal(letters.id);
  PENSTOCK_ASSIGN(const auto found, describe_topics(at, {out.topic_}, true));
  if (found.empty()) return out;
  out.made_ = true;
  const auto each = [&](std::int32_t, const record& r,
                        const std::optional<letter>&) -> result<bool> {
    // A topic that was deleted and made again counts its offsets anew.
    if (r.key != out.id_ || !r.value) return true;
    PENSTOCK_TRY(out.read(*r.value));
    return true;
  };
  PENSTOCK_TRY(read_letters(at, found.front(), {}, each));
  return out;
}

result<void> replay_log::write(producer& by, std::string_view state, const offset_set& which) {
  nlohmann::json note{{"state", state}, {"letters", nlohmann::json::array()}};
  for (const auto& each : which.ranges())
    note["letters"].push_back({each.partition, each.first, each.last});
  const auto text = note.dump();
  PENSTOCK_TRY(by.send(topic_, {.key = id_, .value = text, .partition = 0}, write_patience));
  return by.flush(write_patience);
}

result<void> replay_log::begin(target& at, producer& by, const offset_set& which) {
  if (!made_) {
    const auto request =
        create_topic_request::make(1024, [&](wire::CreateTopicRequest::Builder to) {
          to.setName(text_of(topic_));
          to.setPartitions(1);
          auto settings = to.initSettings(3);
          settings[0].setName("retention.ms");
          settings[0].setValue("-1");
          settings[1].setName("penstock.key.format");
          settings[1].setValue("text");
          settings[2].setName("penstock.value.format");
          settings[2].setValue("json");
        });
    const auto made = at.ask<admin_reply>(request);
    if (!made && made.error().code() != errc::topic_exists) return made.error();
    made_ = true;
  }
  return write(by, "begun", which);
}

result<void> replay_log::finish(producer& by, const offset_set& which) {
  PENSTOCK_TRY(write(by, "done", which));
  for (const auto& each : which.ranges()) done_.add(each.partition, each.first, each.last);
  return {};
}

}  // namespace penstock::tool
