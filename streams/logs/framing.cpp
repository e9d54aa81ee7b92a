#include "streams/logs/framing.hpp"

#include <algorithm>

#include "streams/logs/scan.hpp"

namespace penstock::logs {
namespace {

// A count of more digits would be a message of a gigabyte: no sender means that.
constexpr std::size_t count_digits = 9;

}  // namespace

syslog_framer::syslog_framer(std::size_t most_bytes, mode how)
    : most_(std::max(most_bytes, least_cap)), mode_(how) {}

void syslog_framer::add(bytes_view data, const sink& message) {
  while (!data.empty() && error_) {
    switch (state_) {
      case state::start:
        start(data);
        break;
      case state::in_line:
        line(data, message);
        break;
      case state::in_octets:
        octets(data, message);
        break;
      case state::skip_line:
      case state::skip_octets:
        skip(data);
        break;
    }
  }
}

// Decides which frame comes, with at most the count and two characters of it in `held_`.
void syslog_framer::start(bytes_view& data) {
  if (mode_ == mode::newline) {
    state_ = state::in_line;
    return;
  }
  while (!data.empty()) {
    const char c = data.front();
    if (held_.empty() && (c == '\n' || c == '\r')) {  // some put one behind a counted message too
      data.remove_prefix(1);
      continue;
    }
    const bool counted = !held_.empty() && held_.back() == ' ';
    if (counted && (c == '<' || mode_ == mode::octets)) {
      count_ = 0;
      for (const char digit : bytes_view{held_}.substr(0, held_.size() - 1)) {
        count_ = count_ * 10 + static_cast<std::uint64_t>(digit - '0');
      }
      held_.clear();
      state_ = state::in_octets;
      return;
    }
    const bool fits = !counted && (detail::is_digit(c)
                                       ? held_.size() < count_digits && !(held_.empty() && c == '0')
                                       : c == ' ' && !held_.empty());
    if (!fits) {
      if (mode_ == mode::octets) {
        held_ += c;
        fail();
        return;
      }
      state_ = state::in_line;  // what looked like a count is the line's start
      return;
    }
    held_ += c;
    data.remove_prefix(1);
  }
}

void syslog_framer::line(bytes_view& data, const sink& message) {
  const std::size_t end = data.find('\n');
  const bytes_view part = data.substr(0, end);
  if (held_.size() + part.size() > most_) {
    // One carriage return too much is no reason to cut.
    const bool only_return = (part.empty() ? bytes_view{held_} : part).ends_with('\r') &&
                             held_.size() + part.size() == most_ + 1;
    if (!only_return) {
      const std::size_t taken = most_ - std::min(most_, held_.size());
      held_.append(part.substr(0, taken));
      held_.resize(most_);
      data.remove_prefix(taken);
      ++cut_;
      give(held_, message);
      state_ = state::skip_line;
      return;
    }
  }
  if (end == bytes_view::npos) {
    held_.append(part);
    data = {};
    return;
  }
  data.remove_prefix(end + 1);
  if (held_.empty()) {
    give(part.ends_with('\r') ? part.substr(0, part.size() - 1) : part, message);
  } else {
    held_.append(part);
    if (held_.back() == '\r') held_.pop_back();
    give(held_, message);
  }
  state_ = state::start;
}

void syslog_framer::octets(bytes_view& data, const sink& message) {
  const std::size_t here = static_cast<std::size_t>(std::min<std::uint64_t>(count_, data.size()));
  if (held_.size() + here > most_) {
    const std::size_t taken = most_ - held_.size();
    held_.append(data.substr(0, taken));
    data.remove_prefix(taken);
    count_ -= taken;
    ++cut_;
    give(held_, message);
    state_ = state::skip_octets;
    return;
  }
  const bytes_view part = data.substr(0, here);
  data.remove_prefix(here);
  count_ -= here;
  if (count_ > 0) {
    held_.append(part);
    return;
  }
  if (held_.empty()) {
    give(part, message);
  } else {
    held_.append(part);
    give(held_, message);
  }
  state_ = state::start;
}

void syslog_framer::skip(bytes_view& data) {
  if (state_ == state::skip_octets) {
    const std::size_t here = static_cast<std::size_t>(std::min<std::uint64_t>(count_, data.size()));
    data.remove_prefix(here);
    count_ -= here;
    if (count_ == 0) state_ = state::start;
    return;
  }
  const std::size_t end = data.find('\n');
  if (end == bytes_view::npos) {
    data = {};
    return;
  }
  data.remove_prefix(end + 1);
  state_ = state::start;
}

void syslog_framer::give(bytes_view whole, const sink& message) {
  // A newline in front of the end of a counted message is part of the frame to most senders.
  if (whole.ends_with('\n')) whole.remove_suffix(1);
  if (!whole.empty()) message(whole);
  held_.clear();
  // The memory of one huge message is not kept for the life of a connection.
  if (held_.capacity() > std::size_t{64} << 10) held_.shrink_to_fit();
}

void syslog_framer::finish(const sink& message) {
  if (!error_) return;
  if (state_ == state::in_octets && !held_.empty()) ++cut_;
  if (!held_.empty()) {
    if (held_.back() == '\r') held_.pop_back();
    give(held_, message);
  }
  state_ = state::start;
  count_ = 0;
}

void syslog_framer::fail() {
  error_ = penstock::error{
      errc::bad_record,
      "a syslog stream with octet counting has '" + detail::excerpt(held_) +
          "' where a message should start with its length, a number of at most 9 digits and a "
          "space: the sender uses another framing, or the stream is damaged"};
  held_.clear();
}

}  // namespace penstock::logs
