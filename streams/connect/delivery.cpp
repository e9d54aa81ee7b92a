#include "streams/connect/delivery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace penstock {

namespace {

constexpr std::size_t quoted_max = 200;  // of an answer's body, for people

// Not the record's fault: worth another try without changing anything.
bool is_passing(int status) {
  return status >= 500 || status == 408 || status == 425 || status == 429;
}

// The server read the body and does not want it. What else a server says (no such path, not
// allowed) is about the address or its settings, and holds for every record.
bool is_about_the_body(int status) {
  return status == 400 || status == 413 || status == 415 || status == 422;
}

std::string words_of(const http_answer& answer) {
  std::string text = fmt::format("the server answers {}", answer.status);
  if (!answer.reason.empty()) text += " " + answer.reason;
  auto quoted = answer.body.substr(0, quoted_max);
  for (auto& c : quoted)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  if (!quoted.empty()) text += ": " + quoted;
  return text;
}

}  // namespace

std::optional<duration> parse_retry_after(std::string_view text, timestamp now) {
  std::uint32_t count = 0;
  const auto* const end = text.data() + text.size();
  if (const auto [at, wrong] = std::from_chars(text.data(), end, count);
      wrong == std::errc{} && at == end) {
    return std::chrono::seconds{count};
  }
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text[3] != ',' || !text.ends_with(" GMT")) return std::nullopt;
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto number = [&](std::size_t from, std::size_t length) {
    int value = -1;
    const auto* const stop = text.data() + from + length;
    const auto [at, wrong] = std::from_chars(text.data() + from, stop, value);
    return wrong == std::errc{} && at == stop ? value : -1;
  };
  const auto month_at = months.find(text.substr(8, 3));
  if (month_at == months.npos || month_at % 3 != 0) return std::nullopt;
  const int day_of = number(5, 2), hour = number(17, 2), minute = number(20, 2),
            second = number(23, 2);
  using namespace std::chrono;
  const year_month_day date{year{number(12, 4)}, month{static_cast<unsigned>(month_at / 3 + 1)},
                            day{static_cast<unsigned>(day_of)}};
  if (!date.ok() || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const timestamp at = timestamp{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second};
  return std::max(duration{0}, at - now);
}

delivery::delivery(http_body as, bool json, batch limits, retry tries, random chance)
    : as_(std::move(as)), json_(json), limits_(limits), waits_(tries.first, tries.most, chance) {}

void delivery::add(const record_view& r, time now) {
  item one{own(r), {}, now};
  append_piece(as_, r.value.value_or(bytes_view{}), json_, r.time, one.piece);
  held_bytes_ += one.piece.size();
  items_.push_back(std::move(one));
}

// How many of the first items make one request; all that fit.
std::size_t delivery::fitting() const {
  std::size_t count = 0, size = 0;
  for (const auto& each : items_) {
    if (count == limits_.records || (count > 0 && size + each.piece.size() > limits_.bytes)) break;
    size += each.piece.size();
    ++count;
  }
  return count;
}

std::optional<bytes> delivery::next(time now, bool hurry) {
  if (under_way_ > 0 || items_.empty() || (not_before_ && now < *not_before_)) return std::nullopt;
  std::size_t count = std::min(apart_, items_.size());
  if (count == 0) {
    count = fitting();
    // More than fits means that a limit was reached.
    const bool full =
        count < items_.size() || count == limits_.records || held_bytes_ >= limits_.bytes;
    if (!full && !hurry && now - items_.front().at < limits_.age) return std::nullopt;
  }
  not_before_.reset();
  under_way_ = count;
  std::vector<bytes_view> pieces;
  for (std::size_t i = 0; i < count; ++i) pieces.push_back(items_[i].piece);
  return assemble(as_, pieces);
}

std::optional<delivery::time> delivery::due() const {
  if (under_way_ > 0 || items_.empty()) return std::nullopt;
  const time aged = apart_ > 0 ? time{0} : items_.front().at + time{limits_.age};
  return not_before_ ? std::max(*not_before_, aged) : aged;
}

// Takes out those of the first items that are gone; what stays is first in line.
void delivery::settle(const std::vector<bool>& gone) {
  std::deque<item> rest;
  offset_t behind = settled_;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (!gone[i]) {
      rest.push_back(std::move(items_[i]));
      continue;
    }
    held_bytes_ -= items_[i].piece.size();
    behind = items_[i].what.offset + 1;
  }
  items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(gone.size()));
  // Nothing behind what is still owed is settled.
  if (!rest.empty()) behind = rest.front().what.offset;
  settled_ = std::max(settled_, behind);
  items_.insert(items_.begin(), std::make_move_iterator(rest.begin()),
                std::make_move_iterator(rest.end()));
}

delivery::outcome delivery::try_again(error why, std::optional<duration> asked, time now) {
  apart_ = suspects_ > 0 ? under_way_ : apart_;
  under_way_ = 0;
  not_before_ = now + time{waits_.next(asked)};
  outcome out;
  out.failure = std::move(why);
  return out;
}

delivery::outcome delivery::taken(std::size_t count) {
  outcome out;
  out.delivered = count;
  for (std::size_t i = 0; i < count; ++i) out.bytes += items_[i].what.value.value_or("").size();
  settle(std::vector<bool>(count, true));
  suspects_ -= std::min(suspects_, count);
  apart_ = suspects_;
  under_way_ = 0;
  waits_.reset();
  return out;
}

// One of them is not wanted: halves are sent until it is alone.
delivery::outcome delivery::blame(const http_answer& answer) {
  suspects_ = std::max(suspects_, under_way_);
  outcome out;
  if (under_way_ > 1) {
    apart_ = under_way_ / 2;
    under_way_ = 0;
    return out;
  }
  out.refused.push_back({items_.front().what, words_of(answer)});
  settle({true});
  --suspects_;
  apart_ = suspects_;
  under_way_ = 0;
  return out;
}

delivery::outcome delivery::sort_out(const std::vector<bulk_outcome>& items,
                                     std::optional<duration> asked, time now) {
  outcome out;
  std::vector<bool> gone(items.size(), true);
  std::string why;
  std::size_t left = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& each = items[i];
    // 409: an earlier try of the same document was taken, its answer was lost.
    if ((each.status >= 200 && each.status < 300) || each.status == 409) {
      ++out.delivered;
      out.bytes += items_[i].what.value.value_or("").size();
    } else if (is_about_the_body(each.status)) {
      out.refused.push_back(
          {items_[i].what, fmt::format("the server answers {} {}", each.status, each.reason)});
    } else {
      gone[i] = false;
      ++left;
      if (why.empty()) why = fmt::format("{} {}", each.status, each.reason);
    }
  }
  settle(gone);
  suspects_ = 0;
  apart_ = left;
  under_way_ = 0;
  if (left == 0) {
    waits_.reset();
    return out;
  }
  not_before_ = now + time{waits_.next(asked)};
  out.failure = error{errc::overloaded, fmt::format("the server took all but {} of {} records: {}",
                                                    left, items.size(), why)};
  return out;
}

delivery::outcome delivery::on_answer(const result<http_answer>& answer, time now) {
  PENSTOCK_ASSERT(under_way_ > 0);
  if (!answer) return try_again(answer.error(), std::nullopt, now);
  if (answer->status >= 200 && answer->status < 300) {
    if (!std::holds_alternative<elastic_bulk>(as_)) return taken(under_way_);
    auto items = parse_bulk_answer(answer->body, under_way_);
    if (!items) return try_again(items.error(), std::nullopt, now);
    return items->empty() ? taken(under_way_) : sort_out(*items, answer->retry_after, now);
  }
  if (is_about_the_body(answer->status)) return blame(*answer);
  const auto code = is_passing(answer->status) ? errc::overloaded : errc::invalid_argument;
  return try_again(error{code, words_of(*answer)}, answer->retry_after, now);
}

}  // namespace penstock
