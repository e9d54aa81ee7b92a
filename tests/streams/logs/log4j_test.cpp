#include "streams/logs/log4j.hpp"

#include "streams/logs/multiline.hpp"
#include "tests/streams/logs/support.hpp"

namespace penstock::logs {
namespace {

using test::contains;

log4j_event got(std::string_view text) {
  auto found = log4j(text);
  INFO(text);
  if (!found) FAIL(found.error().message());
  CHECK(found->time == iso_time("2016-12-19T16:00:00.123"));
  return *found;
}
std::string why(std::string_view text) {
  const auto found = log4j(text);
  return found ? "read" : found.error().message();
}

void check(std::string_view line, std::string_view level, std::string_view thread,
           std::string_view logger, std::string_view message) {
  const log4j_event e = got(line);
  INFO(line);
  CHECK(e.level == level);
  CHECK(e.thread == thread);
  CHECK(e.logger == logger);
  CHECK(e.message == message);
}

TEST_CASE("Kafka's own layout", "[logs]") {
  check("[2016-12-19 16:00:00,123] TRACE Controller 0 for [a,19] (b) (state.change.logger)",
        "TRACE", "", "state.change.logger", "Controller 0 for [a,19] (b)");
  check("[2016-12-19 16:00:00,123] INFO [Kafka Server 0], started (kafka.server.KafkaServer)",
        "INFO", "", "kafka.server.KafkaServer", "[Kafka Server 0], started");
  check("[2016-12-19 16:00:00,123] WARN no logger (two words)", "WARN", "", "",
        "no logger (two words)");
}

TEST_CASE("the layouts of log4j, logback and Spring Boot", "[logs]") {
  check("2016-12-19 16:00:00,123 INFO [main] o.a.Foo - It works - well", "INFO", "main", "o.a.Foo",
        "It works - well");
  check("2016-12-19 16:00:00,123 INFO  [pool-[1]] o.a.h.Foo: Created", "INFO", "pool-[1]",
        "o.a.h.Foo", "Created");
  check("2016-12-19 16:00:00.123 [http-1 x] WARN  c.e.Foo:12 - Slow", "WARN", "http-1 x",
        "c.e.Foo:12", "Slow");
  check(
      "2016-12-19T16:00:00.123Z  INFO 4711 --- [           main] o.s.Boot$A       : Started in 2 s",
      "INFO", "main", "o.s.Boot$A", "Started in 2 s");
  check("2016-12-19 16:00:00,123 ERROR Foo - x", "ERROR", "", "Foo", "x");
  check("2016-12-19 16:00:00,123 error: it broke", "error", "", "", "it broke");
  check("2016-12-19 16:00:00,123 [ERROR] [main] Foo - x", "ERROR", "main", "Foo", "x");
  check("2016-12-19 16:00:00,123 FATAL", "FATAL", "", "", "");
  check("2016/12/19 16:00:00.123 DEBUG just words", "DEBUG", "", "", "just words");
}

TEST_CASE("the lines behind the first are the event's trace", "[logs]") {
  const auto e = got(
      "[2016-12-19 16:00:00,123] ERROR broke (a.B)\r\njava.lang.X: y\r\n\tat a.B.c(B.java:1)\n");
  CHECK(e.message == "broke");
  CHECK(e.trace == "java.lang.X: y\r\n\tat a.B.c(B.java:1)");
}

TEST_CASE("an event without time or level is refused with the place", "[logs]") {
  CHECK_THAT(why("\tat a.B.c(B.java:1)"), contains("a time like 2016-12-19 16:00:00,123"));
  CHECK_THAT(why(""), contains("a time like"));
  CHECK_THAT(why("[2016-12-19 16:00:00,123 INFO x"), contains("a time like"));
  CHECK_THAT(why("2016-12-19 16:00:00,123 hello world"),
             contains("a level such as INFO at byte 24"));
  CHECK_THAT(why("2016-12-19 16:00:00,123 [main] hello"), contains("a level such as INFO"));
}

TEST_CASE("damaged events of log4j are refused or read, never run past", "[logs]") {
  for (const char* text : {"[2016-12-19 16:00:00,123] INFO [a] b (c.d)\n\tat x",
                           "2016-12-19 16:00:00.123  INFO 4711 --- [  main] o.s.B  : x"}) {
    test::abuse(text, [](std::string_view t) { (void)log4j(t); });
  }
}

TEST_CASE("a real log of Kafka has 3,405 events, 114 of them errors", "[logs][data]") {
  const auto lines = test::data_lines("kafka-state-change.log");
  if (!lines) return;
  int events = 0, errors = 0, traces = 0;
  const auto event = [&](std::string_view text) {
    const auto e = log4j(text);
    INFO(text);
    REQUIRE(e);
    CHECK(e->logger == "state.change.logger");
    ++events;
    if (e->level == "ERROR") ++errors;
    if (!e->trace.empty()) ++traces;
  };
  multiline rule;
  rule.start_pattern = "^\\[\\d{4}-";
  auto assembler = event_assembler::make(rule);
  REQUIRE(assembler);
  for (const std::string& line : *lines) assembler->add(line, {}, event);
  assembler->finish(event);
  CHECK(lines->size() == 5'307);
  CHECK(events == 3'405);
  CHECK(errors == 114);
  CHECK(traces > 0);
}

}  // namespace
}  // namespace penstock::logs
