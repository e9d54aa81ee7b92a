// Messages of syslog, in the form of RFC 5424 and in that of RFC 3164, as loosely as that is
// written in the wild: from the network (one message as `syslog_framer` gives it) and from files
// such as /var/log/auth.log. A step: `t.from(lines).try_map("parse", logs::syslog)`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/clock.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/logs/fields.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/fields.hpp"

namespace penstock::logs {

/// Smaller is worse: `m.severity <= syslog_severity::error`.
enum class syslog_severity : std::int32_t {
  emergency,
  alert,
  critical,
  error,
  warning,
  notice,
  informational,
  debug,
};

/// "kern", "user", "mail" … "local7"; "unknown" outside 0 to 23.
std::string_view facility_name(std::int32_t facility);

/// "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug".
std::string_view severity_name(syslog_severity severity);

/// One message. Texts that are not there, or `-` in RFC 5424, are empty.
struct syslog_message {
  std::int32_t facility = 1;  // of a message without a priority: user.notice, as RFC 3164 says
  syslog_severity severity = syslog_severity::notice;
  timestamp time;
  std::string host;
  std::string app;   // "sshd"
  std::string proc;  // mostly the process id
  std::string id;    // RFC 5424's MSGID
  fields data;       // RFC 5424's structured data: "exampleSDID@32473.iut" -> "3"
  std::string message;
};
PENSTOCK_FIELDS(syslog_message, facility, severity, time, host, app, proc, id, data, message);

/// Reads one message. `received` chooses the year where none is written, and is the time of a
/// message that has none; `zone` is how far senders that write no zone are ahead of UTC.
///
/// Fails when the text has no priority, unless a time and a host stand at its front as in files
/// (`May 17 10:05:03 web …`); when the priority is not 0 to 191; and when what starts like RFC 5424
/// (`<34>1 `) breaks off or has more than 1,024 parameters. Behind a priority RFC 3164 is read as
/// far as it goes: a first word that ends with a colon or has a process id is the program and not
/// the host, and without a time or a program all is message. `lenient`: what would fail is a
/// user.notice, all of it its message, at the time it was received.
result<syslog_message> read_syslog(std::string_view text, timestamp received, zone_offset zone = {},
                                   bool lenient = false);

/// The step. With `received` unset the clock is asked for each message that does not say its year
/// or time; set it to read old files the same way every time: `logs::syslog_parser{.received =
/// from_millis(…), .zone = 2h}`.
struct syslog_parser {
  timestamp received = no_timestamp;
  zone_offset zone{};
  bool lenient = false;  // every line is a message
  const clock* time = &machine_clock();

  result<syslog_message> operator()(std::string_view text) const {
    return read_syslog(text, received == no_timestamp ? time->now() : received, zone, lenient);
  }
};

inline const syslog_parser syslog{};

}  // namespace penstock::logs
