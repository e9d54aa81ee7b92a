#include "streams/logs/log4j.hpp"

#include <array>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"

namespace penstock::logs {
namespace {

using detail::scanner;

bool is_level(std::string_view word) {
  static constexpr std::array<std::string_view, 16> levels{
      "TRACE", "DEBUG", "INFO",   "NOTICE", "WARN",   "WARNING",  "ERROR", "FATAL",
      "FINE",  "FINER", "FINEST", "CONFIG", "SEVERE", "CRITICAL", "ALERT", "EMERG"};
  for (const std::string_view level : levels) {
    if (level.size() != word.size() || (word[0] & ~0x20) != level[0]) continue;
    bool same = true;
    for (std::size_t i = 0; i < word.size(); ++i) {
      same = same &&
             (static_cast<unsigned char>(word[i]) & ~0x20u) == static_cast<unsigned char>(level[i]);
    }
    if (same) return true;
  }
  return false;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What is in brackets, which may hold brackets themselves.
bool take_brackets(scanner& s, std::string_view& into) {
  if (s.peek() != '[') return false;
  int depth = 0;
  for (const char* p = s.at; p != s.end; ++p) {
    if (*p == '[') ++depth;
    if (*p == ']' && --depth == 0) {
      into = trimmed({s.at + 1, static_cast<std::size_t>(p - s.at - 1)});
      s.at = p + 1;
      return true;
    }
  }
  return false;
}

bool take_level(scanner& s, std::string& into) {
  const std::string_view rest = s.rest();
  const std::string_view word = rest.substr(0, rest.find_first_of(" :"));
  if (!is_level(word)) return false;
  into = word;
  s.at += word.size();
  if (s.peek() == ':') ++s.at;
  s.spaces();
  return true;
}

// "4711 --- ", which Spring Boot has between level and thread.
void skip_process(scanner& s) {
  const char* const before = s.at;
  std::uint64_t process = 0;
  if (!s.number(10, process) || !s.skip(std::string_view{" --- "})) s.at = before;
  s.spaces();
}

bool is_logger(std::string_view word) {
  if (word.empty() || word.size() > 256) return false;
  for (const char c : word) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || detail::is_digit(c) ||
                      c == '.' || c == '_' || c == '$' || c == '-' || c == '/' || c == ':' ||
                      c == '#';
    if (!fine) return false;
  }
  return true;
}

// "o.a.Foo - ", "o.a.Foo: " or "o.a.Foo   : "; nothing is taken when it is something else.
void take_logger(scanner& s, std::string& into) {
  const std::string_view rest = s.rest();
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return;
  std::string_view word = rest.substr(0, space);
  if (word.ends_with(':')) {
    word.remove_suffix(1);
    // "Error: it broke" is a message; loggers are packages.
    if (!is_logger(word) || word.find('.') == std::string_view::npos) return;
    into = word;
    s.at += space + 1;
    return;
  }
  std::size_t at = rest.find_first_not_of(' ', space);
  if (at == std::string_view::npos || (rest[at] != '-' && rest[at] != ':') ||
      (at + 1 < rest.size() && rest[at + 1] != ' ') || !is_logger(word)) {
    return;
  }
  into = word;
  s.at += at + 1;
  s.skip(' ');
}

// Kafka's "message (logger)".
void split_kafka(std::string_view text, log4j_event& into) {
  const std::string_view line = trimmed(text);
  const std::size_t open = line.rfind(" (");
  if (line.ends_with(')') && open != std::string_view::npos) {
    const std::string_view logger = line.substr(open + 2, line.size() - open - 3);
    if (is_logger(logger)) {
      into.logger = logger;
      into.message = line.substr(0, open);
      return;
    }
  }
  into.message = text;
}

std::optional<timestamp> take_time(scanner& s, zone_offset zone) {
  const bool slashes = s.left() > 4 && s.at[4] == '/';
  return slashes ? detail::take_slash_time(s, zone) : detail::take_iso_time(s, zone);
}

}  // namespace

result<log4j_event> read_log4j(std::string_view event, zone_offset zone) {
  event = detail::without_newline(event);
  const std::size_t end = event.find('\n');
  const std::string_view first = detail::without_newline(event.substr(0, end));
  scanner s{first};
  log4j_event e;
  const auto wrong = [&](std::string_view wanted) {
    return detail::not_a_line("log4j", wanted, s.position(), first);
  };
  const bool bracket = s.skip('[');
  const auto time = take_time(s, zone);
  if (!time || (bracket && !s.skip(']')) || !s.skip(' ')) {
    return wrong("a time like 2016-12-19 16:00:00,123, with or without brackets");
  }
  e.time = *time;
  s.spaces();
  std::string_view inside;
  bool level = take_level(s, e.level);
  if (level) skip_process(s);
  const char* const before = s.at;
  if (bracket && level) {  // brackets here are part of Kafka's message
    split_kafka(s.rest(), e);
  } else {
    if (take_brackets(s, inside)) {
      s.spaces();
      if (!level && is_level(inside)) {
        e.level = inside;
        level = true;
        if (take_brackets(s, inside)) {
          e.thread = inside;
          s.spaces();
        }
      } else {
        e.thread = inside;
        if (!level) level = take_level(s, e.level);
      }
    }
    if (!level) {
      s.at = before;
      return wrong("a level such as INFO");
    }
    take_logger(s, e.logger);
    e.message = s.rest();
  }
  if (end != std::string_view::npos) e.trace = event.substr(end + 1);
  return e;
}

}  // namespace penstock::logs
