#include "streams/logs/nginx_error.hpp"

#include <array>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"

namespace penstock::logs {
namespace {

using detail::scanner;

struct context_field {
  std::string_view mark;
  std::string nginx_error_event::*member;
  bool quoted;
};

// In the order in which nginx writes them.
constexpr std::array<context_field, 6> context{{
    {", client: ", &nginx_error_event::client, false},
    {", server: ", &nginx_error_event::server, false},
    {", request: \"", &nginx_error_event::request, true},
    {", upstream: \"", &nginx_error_event::upstream, true},
    {", host: \"", &nginx_error_event::host, true},
    {", referrer: \"", &nginx_error_event::referrer, true},
}};

bool is_address(std::string_view text) {
  if (text.starts_with("unix:")) return true;
  const std::string_view word = text.substr(0, text.find_first_of(", "));
  if (word.size() < 2) return false;
  for (const char c : word) {
    const char low = static_cast<char>(c | 0x20);
    if (!detail::is_digit(c) && !(low >= 'a' && low <= 'f') && c != '.' && c != ':') return false;
  }
  return true;
}

std::size_t end_of_message(std::string_view text) {
  const std::string_view mark = context[0].mark;
  for (std::size_t at = text.find(mark); at != std::string_view::npos;
       at = text.find(mark, at + 1)) {
    if (is_address(text.substr(at + mark.size()))) return at;
  }
  return std::string_view::npos;
}

// `text` starts with ", client: ". Each field ends where a later one begins, or with the text.
void read_context(std::string_view text, nginx_error_event& into) {
  std::size_t i = 0;
  while (i < context.size() && !text.empty()) {
    if (!text.starts_with(context[i].mark)) {
      ++i;
      continue;
    }
    text.remove_prefix(context[i].mark.size());
    const context_field& field = context[i++];
    std::size_t end = text.size();
    for (std::size_t later = i; later < context.size(); ++later) {
      // A quoted field ends with its quote: what looks like the next inside of it has none before.
      std::size_t found = text.find(context[later].mark);
      while (field.quoted && found != std::string_view::npos && found > 0 &&
             text[found - 1] != '"') {
        found = text.find(context[later].mark, found + 1);
      }
      end = std::min(end, found);
    }
    std::string_view value = text.substr(0, end);
    if (field.quoted && value.ends_with('"')) value.remove_suffix(1);
    into.*field.member = value;
    text.remove_prefix(end);
  }
}

}  // namespace

result<nginx_error_event> read_nginx_error(std::string_view line, zone_offset zone) {
  line = detail::without_newline(line);
  scanner s{line};
  nginx_error_event e;
  const auto wrong = [&](std::string_view wanted) {
    return detail::not_a_line("nginx's error log", wanted, s.position(), line);
  };
  const auto time = detail::take_slash_time(s, zone);
  if (!time) return wrong("a time like 2015/05/17 10:05:03");
  e.time = *time;
  std::string_view level;
  if (!s.skip(std::string_view{" ["}) || !s.until(']', level) || level.empty() ||
      level.size() > 16) {
    return wrong("a level in brackets");
  }
  e.level = level;
  std::uint64_t pid = 0, tid = 0;
  if (!s.skip(' ') || !s.number(18, pid) || !s.skip('#') || !s.number(18, tid) ||
      !s.skip(std::string_view{": "})) {
    return wrong("a process and thread like 1234#0:");
  }
  e.pid = static_cast<std::int64_t>(pid);
  e.tid = static_cast<std::int64_t>(tid);
  const char* const before = s.at;
  if (!s.skip('*') || !s.number(18, e.connection) || !s.skip(' ')) {
    s.at = before;
    e.connection = 0;
  }
  const std::string_view rest = s.rest();
  const std::size_t end = end_of_message(rest);
  e.message = rest.substr(0, end);
  if (end != std::string_view::npos) read_context(rest.substr(end), e);
  return e;
}

}  // namespace penstock::logs
