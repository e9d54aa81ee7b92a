#include "streams/logs/syslog.hpp"

#include <algorithm>
#include <array>

#include "streams/logs/scan.hpp"
#include "streams/logs/time_scan.hpp"

namespace penstock::logs {
namespace {

using detail::scanner;

constexpr std::size_t parameters_most = 1024;
constexpr std::uint64_t priority_most = 191;
constexpr std::size_t tag_most = 128;

constexpr std::array<std::string_view, 24> facilities{
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<std::string_view, 8> severities{"emerg",   "alert",  "crit", "err",
                                                     "warning", "notice", "info", "debug"};

std::string_view absent(std::string_view text) {
  return text == "-" ? std::string_view{} : text;
}

// A word of RFC 5424's header and the space behind it.
bool take_header(scanner& s, std::string& into) {
  std::string_view word;
  if (!s.until(' ', word) || word.empty()) return false;
  into = absent(word);
  return true;
}

// The value of a parameter behind its opening quote, and the closing one.
bool take_value(scanner& s, std::string& into) {
  into.clear();
  while (!s.done()) {
    const char c = *s.at++;
    if (c == '"') return true;
    if (c == '\\' && !s.done() && (*s.at == '"' || *s.at == '\\' || *s.at == ']')) {
      into += *s.at++;
    } else {
      into += c;
    }
  }
  return false;
}

// A name in structured data: printable, without space, '=', ']' and '"'.
bool take_name(scanner& s, std::string_view& into) {
  const char* const start = s.at;
  while (!s.done() && *s.at > ' ' && *s.at < 0x7f && *s.at != '=' && *s.at != ']' && *s.at != '"') {
    ++s.at;
  }
  into = {start, static_cast<std::size_t>(s.at - start)};
  return !into.empty();
}

// `[id name="value" …][…]` or `-`. The name of what is missing, or null.
const char* take_data(scanner& s, fields& into) {
  if (s.skip('-')) return nullptr;
  if (s.peek() != '[') return "structured data in brackets (or '-')";
  std::string value;
  std::size_t count = 0;
  while (s.skip('[')) {
    std::string_view id, name;
    if (!take_name(s, id)) return "the name of structured data";
    bool any = false;
    while (s.skip(' ')) {
      s.spaces();
      if (s.peek() == ']') break;
      if (!take_name(s, name) || !s.skip(std::string_view{"=\""})) {
        return "a parameter like name=\"value\"";
      }
      if (!take_value(s, value)) return "the closing quote of a parameter";
      if (++count > parameters_most) return "at most 1024 parameters";
      std::string full;
      full.reserve(id.size() + 1 + name.size());
      full.append(id).append(".").append(name);
      into.join(full, value);
      any = true;
    }
    if (!s.skip(']')) return "the closing bracket of structured data";
    if (!any) {
      if (++count > parameters_most) return "at most 1024 parameters";
      into.join(id, "");
    }
  }
  return nullptr;
}

const char* read_5424(scanner& s, timestamp received, syslog_message& m) {
  if (s.skip(std::string_view{"- "})) {
    m.time = received;
  } else {
    const auto time = detail::take_iso_time(s, {});
    if (!time || !s.skip(' ')) return "a time of RFC 3339 (or '-') and a space";
    m.time = *time;
  }
  if (!take_header(s, m.host)) return "the host (or '-') and a space";
  if (!take_header(s, m.app)) return "the program (or '-') and a space";
  if (!take_header(s, m.proc)) return "the process (or '-') and a space";
  if (!take_header(s, m.id)) return "the message id (or '-') and a space";
  if (const char* missing = take_data(s, m.data)) return missing;
  if (s.done()) return nullptr;
  if (!s.skip(' ')) return "a space or the end behind the structured data";
  s.skip(std::string_view{"\xef\xbb\xbf"});
  m.message = s.rest();
  return nullptr;
}

// "sshd[1291]: " or "kernel: "; nothing is taken when it is something else.
void take_tag(scanner& s, syslog_message& m) {
  const char* const start = s.at;
  const std::string_view head = s.rest().substr(0, tag_most);
  const std::size_t end = head.find_first_of(" :[");
  if (end == std::string_view::npos || end == 0 || head[end] == ' ') return;
  s.at += end;
  // A colon inside the name, such as "org.kde:x", belongs to it.
  while (s.peek() == ':' && s.left() > 1 && s.at[1] != ' ' && s.at[1] != '[') {
    const std::size_t more = s.rest().substr(1, tag_most).find_first_of(" :[");
    if (more == std::string_view::npos || s.at[1 + more] == ' ') {
      s.at = start;
      return;
    }
    s.at += 1 + more;
  }
  const std::string_view app{start, static_cast<std::size_t>(s.at - start)};
  std::string_view proc;
  if (s.skip('[')) {
    if (!s.until(']', proc) || proc.size() > tag_most || proc.find(' ') != std::string_view::npos) {
      s.at = start;
      return;
    }
    s.skip(':');
  } else {
    s.skip(':');
  }
  if (!s.done() && *s.at != ' ') {
    s.at = start;
    return;
  }
  m.app = app;
  m.proc = proc;
  s.skip(' ');
}

// The word behind the time, unless it is the program's.
void take_host(scanner& s, syslog_message& m) {
  const std::string_view rest = s.rest();
  const std::size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  if (end == std::string_view::npos || word.empty() || word.back() == ':' ||
      word.find('[') != std::string_view::npos || word.size() > 255) {
    return;
  }
  m.host = word;
  s.at += end + 1;
}

/// A name or an address as in a file: letters, digits, and what stands between them.
bool is_host(std::string_view word) {
  const auto fits = [](char c) {
    return detail::is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
  };
  return !word.empty() && std::all_of(word.begin(), word.end(), fits);
}

std::optional<timestamp> take_time(scanner& s, timestamp received, zone_offset zone) {
  const char* const before = s.at;
  auto found = detail::is_digit(s.peek()) ? detail::take_iso_time(s, zone)
                                          : detail::take_syslog_time(s, received, zone);
  if (found) s.skip(':');  // Cisco has one behind the time
  if (found && (s.done() || s.skip(' '))) return found;
  s.at = before;
  return std::nullopt;
}

void read_3164(scanner& s, syslog_message& m) {
  s.spaces();
  take_host(s, m);
  s.spaces();
  take_tag(s, m);
  m.message = s.rest();
}

std::string_view without_end(std::string_view text) {
  // Some senders end datagrams with a newline, others with a NUL.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '\0')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

std::string_view facility_name(std::int32_t facility) {
  const auto index = static_cast<std::size_t>(facility);
  return index < facilities.size() ? facilities[index] : "unknown";
}

std::string_view severity_name(syslog_severity severity) {
  const auto index = static_cast<std::size_t>(severity);
  return index < severities.size() ? severities[index] : "unknown";
}

namespace {

result<syslog_message> read_strictly(std::string_view text, timestamp received, zone_offset zone) {
  scanner s{text};
  syslog_message m;
  const auto wrong = [&](std::string_view wanted) {
    return detail::not_a_line("syslog", wanted, s.position(), text);
  };
  bool priority = false;
  if (s.skip('<')) {
    std::uint64_t number = 0;
    if (!s.number(3, number) || number > priority_most || !s.skip('>')) {
      return wrong("a priority from <0> to <191>");
    }
    m.facility = static_cast<std::int32_t>(number / 8);
    m.severity = static_cast<syslog_severity>(number % 8);
    priority = true;
    if (s.skip(std::string_view{"1 "})) {
      if (const char* missing = read_5424(s, received, m)) return wrong(missing);
      return m;
    }
  }
  const auto time = take_time(s, received, zone);
  if (!time && !priority) return wrong("a priority like <34> or a time like May 17 10:05:03");
  const auto behind_time = s.position();
  m.time = time.value_or(received);
  if (time) {
    read_3164(s, m);
  } else {
    take_tag(s, m);
    m.message = s.rest();
  }
  if (!priority && !is_host(m.host))
    return detail::not_a_line("syslog", "a host behind the time, or a priority in front of it",
                              behind_time, text);
  return m;
}

}  // namespace

result<syslog_message> read_syslog(std::string_view text, timestamp received, zone_offset zone,
                                   bool lenient) {
  text = without_end(text);
  auto read = read_strictly(text, received, zone);
  if (read || !lenient) return read;
  syslog_message m;
  m.time = received;
  m.message = text;
  return m;
}

}  // namespace penstock::logs
