#include "streams/logs/access.hpp"

#include <charconv>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"

namespace penstock::logs {
namespace {

using detail::is_digit;
using detail::scanner;

std::string_view absent(std::string_view text) {
  return text == "-" ? std::string_view{} : text;
}

// A word up to a space.
bool take_word(scanner& s, std::string_view& into) {
  const char* const start = s.at;
  while (s.at != s.end && *s.at != ' ') ++s.at;
  into = {start, static_cast<std::size_t>(s.at - start)};
  return s.skip(' ') && !into.empty();
}

// What is left of a field behind its opening quote, and the closing quote: the first that an even
// number of backslashes stands before.
bool take_quoted(scanner& s, std::string_view& into) {
  const char* const start = s.at;
  while (true) {
    const std::size_t found = s.rest().find('"');
    if (found == std::string_view::npos) {
      s.at = s.end;
      return false;
    }
    const char* const quote = s.at + found;
    const char* first = quote;
    while (first != start && first[-1] == '\\') --first;
    s.at = quote + 1;
    if ((quote - first) % 2 == 0) {
      into = {start, static_cast<std::size_t>(quote - start)};
      return true;
    }
  }
}

// The user and the time behind it. A user with spaces and brackets in it is one reason why the
// first bracket need not be that of the time.
bool take_user_and_time(scanner& s, access_view& into) {
  const char* const start = s.at;
  while (true) {
    const std::size_t found = s.rest().find('[');
    if (found == std::string_view::npos) return false;
    const char* const bracket = s.at + found;
    s.at = bracket + 1;
    if (bracket - start < 2 || bracket[-1] != ' ') continue;
    const auto time = detail::take_clf_time(s);
    if (!time || !s.skip(']')) {
      s.at = bracket + 1;
      continue;
    }
    into.user = absent({start, static_cast<std::size_t>(bracket - 1 - start)});
    into.time = *time;
    return true;
  }
}

bool is_method(std::string_view word) {
  if (word.empty() || word.size() > 32) return false;
  for (const char c : word) {
    const bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    if (!fine) return false;
  }
  return true;
}

void split_request(std::string_view request, access_view& into) {
  const std::size_t first = request.find(' ');
  if (first == std::string_view::npos || first + 1 == request.size() ||
      !is_method(request.substr(0, first))) {
    into.path = absent(request);
    return;
  }
  const std::size_t last = request.rfind(' ');
  const std::string_view tail = request.substr(last + 1);
  // RTSP, SIP and others write like HTTP: a name, a slash, a version.
  const std::size_t slash = tail.find('/');
  const bool protocol = last != first && slash != std::string_view::npos && slash > 0 &&
                        slash + 1 < tail.size() && is_method(tail.substr(0, slash)) &&
                        is_digit(tail[slash + 1]);
  into.method = request.substr(0, first);
  if (protocol) {
    into.path = request.substr(first + 1, last - first - 1);
    into.protocol = tail;
  } else {
    into.path = request.substr(first + 1);
  }
}

// The end of a field: a space, or the end of the line.
bool ends(const scanner& s) {
  return s.done() || *s.at == ' ';
}

bool take_status(scanner& s, std::int32_t& into) {
  if (s.skip('-')) return ends(s);
  int status = 0;
  if (!s.digits<3>(status) || !ends(s)) return false;
  into = status;
  return true;
}

bool take_bytes(scanner& s, std::uint64_t& into) {
  if (s.skip('-')) return ends(s);
  const auto [end, wrong] = std::from_chars(s.at, s.end, into);
  if (wrong != std::errc{}) return false;
  s.at = end;
  return ends(s);
}

// The name of what is missing, or null.
const char* read(scanner& s, bool with_agent, access_view& into) {
  if (!take_word(s, into.client)) return "the client and a space";
  if (!take_word(s, into.ident)) return "the identity (or '-') and a space";
  into.client = absent(into.client);
  into.ident = absent(into.ident);
  const char* const user = s.at;
  if (!take_user_and_time(s, into)) {
    s.at = user;
    return "the user (or '-') and a time like [17/May/2015:10:05:03 +0000]";
  }
  std::string_view request;
  if (!s.skip(std::string_view{" \""})) return "a space and the request in quotes";
  if (!take_quoted(s, request)) return "the request's closing quote";
  split_request(request, into);
  if (!s.skip(' ')) return "a space behind the request";
  const char* field = s.at;
  if (!take_status(s, into.status)) {
    s.at = field;
    return "a status of three digits (or '-')";
  }
  field = s.at;
  if (!s.skip(' ') || !take_bytes(s, into.bytes)) {
    s.at = field;
    return "a space and the number of bytes (or '-')";
  }
  if (!with_agent) return nullptr;
  if (!s.skip(std::string_view{" \""})) return "a space and the referer in quotes";
  if (!take_quoted(s, into.referer)) return "the referer's closing quote";
  if (!s.skip(std::string_view{" \""})) return "a space and the user agent in quotes";
  if (!take_quoted(s, into.agent)) return "the user agent's closing quote";
  into.referer = absent(into.referer);
  into.agent = absent(into.agent);
  return ends(s) ? nullptr : "a space or the end behind the user agent";
}

// `Access` is access or access_view; the view is made in place, not handed on.
template <class Access>
result<Access> read_line(std::string_view line, bool with_agent) {
  scanner s{detail::without_newline(line)};
  access_view found;
  if (const char* missing = read(s, with_agent, found); missing != nullptr) [[unlikely]] {
    return detail::not_a_line(with_agent ? "the combined access log" : "the common access log",
                              missing, s.position(), detail::without_newline(line));
  }
  return static_cast<Access>(found);
}

int hex(char c) {
  if (is_digit(c)) return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case 'v':
      return '\v';
    case '"':
    case '\\':
      return c;
    default:
      return 0;
  }
}

}  // namespace

access_view::operator access() const {
  return {std::string{client},
          std::string{ident},
          std::string{user},
          time,
          std::string{method},
          std::string{path},
          std::string{protocol},
          status,
          bytes,
          std::string{referer},
          std::string{agent}};
}

result<access_view> read_combined(std::string_view line) {
  return read_line<access_view>(line, true);
}
result<access_view> read_common(std::string_view line) {
  return read_line<access_view>(line, false);
}

namespace detail {
result<access> combined_parser::operator()(std::string_view line) const {
  return read_line<access>(line, true);
}
result<access> common_parser::operator()(std::string_view line) const {
  return read_line<access>(line, false);
}
}  // namespace detail

std::string unescape(std::string_view quoted) {
  std::string plain;
  plain.reserve(quoted.size());
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const char c = quoted[i];
    if (c == '\\' && i + 1 < quoted.size()) {
      const char next = quoted[i + 1];
      if (next == 'x' && i + 3 < quoted.size() && hex(quoted[i + 2]) >= 0 &&
          hex(quoted[i + 3]) >= 0) {
        plain += static_cast<char>(hex(quoted[i + 2]) * 16 + hex(quoted[i + 3]));
        i += 3;
        continue;
      }
      if (const char meant = simple_escape(next); meant != 0) {
        plain += meant;
        ++i;
        continue;
      }
    }
    plain += c;
  }
  return plain;
}

}  // namespace penstock::logs
