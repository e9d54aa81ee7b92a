// Logs of Java programs in the layouts that people leave as they are: log4j, logback, Spring Boot,
// Kafka. A step: `t.from(lines).try_map("parse", logs::log4j)`; put event assembly in front of it
// (streams/logs/multiline.hpp) and a stack trace comes with its event.
#pragma once

#include <string>
#include <string_view>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/logs/timestamp.hpp"
#include "streams/record/fields.hpp"

namespace penstock::logs {

struct log4j_event {
  timestamp time;
  std::string level;   // as written: "INFO"
  std::string thread;  // empty when the layout has none, as is the logger
  std::string logger;
  std::string message;
  std::string trace;  // the lines behind the first
};
PENSTOCK_FIELDS(log4j_event, time, level, thread, logger, message, trace);

/// Reads one event, the first line of which is one of
///   [2016-12-19 16:00:00,123] LEVEL message (logger)                 Kafka
///   2016-12-19 16:00:00,123 LEVEL [thread] logger - message          log4j, Hadoop with `logger: `
///   2016-12-19 16:00:00,123 [thread] LEVEL logger - message          logback
///   2016-12-19 16:00:00.123  LEVEL 4711 --- [thread] logger : message    Spring Boot
/// with any of thread and logger left out. The time is as in `iso_time` or `slash_time`, `zone`
/// ahead of UTC. Fails without a time and without a level.
result<log4j_event> read_log4j(std::string_view event, zone_offset zone = {});

/// The step: `logs::log4j`, or `logs::log4j_parser{.zone = 1h}`.
struct log4j_parser {
  zone_offset zone{};
  result<log4j_event> operator()(std::string_view event) const { return read_log4j(event, zone); }
};

inline constexpr log4j_parser log4j{};

}  // namespace penstock::logs
