#include "streams/logs/multiline.hpp"

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "streams/logs/all_traces.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

using namespace penstock;
using logs::event_assembler;
using logs::multiline;
using test::contains;

namespace {

using events = std::vector<std::string>;

event_assembler make(const multiline& how) {
  auto made = event_assembler::make(how);
  REQUIRE(made.has_value());
  return *std::move(made);
}

auto into(events& out) {
  return [&out](std::string_view event) { out.emplace_back(event); };
}

events lines_of(const std::string& text) {
  events lines;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find('\n', from)) != std::string::npos; from = at + 1) {
    lines.push_back(text.substr(from, at - from));
  }
  if (from < text.size()) lines.push_back(text.substr(from));
  return lines;
}

events assemble(const multiline& how, const std::string& text) {
  events out;
  event_assembler assembler = make(how);
  for (const std::string& line : lines_of(text)) assembler.add(line, 0ns, into(out));
  assembler.finish(into(out));
  CHECK(assembler.pending_lines() == 0);
  return out;
}

std::string why_not(const multiline& how) {
  auto made = event_assembler::make(how);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error() == errc::invalid_argument);
  return made.error().message();
}

const std::string java_event =
    "2024-05-01 10:00:00 ERROR could not save (app.Store)\n"
    "org.acme.StoreException: no space\n"
    "\tat org.acme.Store.save(Store.java:10)\n"
    "\tSuppressed: java.io.IOException: close\n"
    "\t\tat org.acme.File.close(File.java:1)\n"
    "Caused by: java.io.IOException: disk full\n"
    "\tat org.acme.File.write(File.java:7)\n"
    "\t... 12 more";

}  // namespace

TEST_CASE("without patterns every line is an event", "[logs][multiline]") {
  CHECK(assemble({}, "a\n\n b\n") == events{"a", "", " b"});
}

TEST_CASE("a start pattern alone takes every other line into the event", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^\\[";
  CHECK(assemble(how, "[1] a\n b\n\nc\n[2] d\n[3]\n") == events{"[1] a\n b\n\nc", "[2] d", "[3]"});
  CHECK(assemble(how, "tail of an event\nof before\n[1] a") ==
        events{"tail of an event\nof before", "[1] a"});
}

TEST_CASE("a continue pattern alone joins the lines that have it", "[logs][multiline]") {
  multiline how;
  how.continue_pattern = "^\\s";
  CHECK(assemble(how, "a\n b\n\tc\nx\ne\n f\n") == events{"a\n b\n\tc", "x", "e\n f"});
  CHECK(assemble(how, " a\n b\nc") == events{" a\n b", "c"});
}

TEST_CASE("with both patterns a line that has neither begins an event", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^ERROR|^ !";
  how.continue_pattern = "^ ";
  CHECK(assemble(how, "ERROR a\n b\nplain\n c\n ! d\n e\n") ==
        events{"ERROR a\n b", "plain\n c", " ! d\n e"});
}

TEST_CASE("a carriage return at the end of a line is part of the newline", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^x$";
  CHECK(assemble(how, "x\r\na\rb\r\n\r\nx\r\n") == events{"x\na\rb\n", "x"});
  CHECK(assemble({}, "x\r\ny") == events{"x", "y"});
}

TEST_CASE("bytes that are not UTF-8 and NUL bytes go through unchanged", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^\\xff\\d";
  const std::string bad{
      "\xff"
      "1 \xc3\x28\x00 \xf0\x9f",
      8};
  const std::string more{"\x00\x80\xfe", 3};
  CHECK(assemble(how, bad + "\n" + more + "\n" + bad) == events{bad + "\n" + more, bad});
}

TEST_CASE("a limit cuts an event and loses nothing", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^S";
  SECTION("of lines") {
    how.max_lines = 2;
    CHECK(assemble(how, "S1\na\nb\nc\nx\nS2\n") == events{"S1\na", "b\nc", "x", "S2"});
    how.max_lines = 1;
    CHECK(assemble(how, "S1\na\nS2") == events{"S1", "a", "S2"});
  }
  SECTION("of bytes, the newlines included") {
    how.max_bytes = 4;
    CHECK(assemble(how, "S1\na\nb\nS2\nab\nS3") == events{"S1\na", "b", "S2", "ab", "S3"});
  }
  SECTION("a line over the limit is an event alone") {
    how.max_bytes = 4;
    CHECK(assemble(how, "S1\n12345\na\nS6789\nb\nc\n") ==
          events{"S1", "12345", "a", "S6789", "b\nc"});
  }
}

TEST_CASE("an event that no line was added to is flushed in time", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^S";
  how.flush_after = 100ms;
  events out;
  event_assembler assembler = make(how);
  assembler.tick(1s, into(out));
  assembler.add("S1", 1s, into(out));
  assembler.add("a", 1050ms, into(out));
  CHECK(assembler.pending_lines() == 2);
  CHECK(assembler.pending_bytes() == 4);
  assembler.tick(1149ms, into(out));
  CHECK(out.empty());
  assembler.tick(1150ms, into(out));
  CHECK(out == events{"S1\na"});
  CHECK(assembler.pending_lines() == 0);
  assembler.tick(9s, into(out));
  assembler.add("b", 9s, into(out));
  assembler.finish(into(out));
  CHECK(out == events{"S1\na", "b"});
}

TEST_CASE("a slow reader does not cut an event", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^S";
  events out;
  event_assembler assembler = make(how);
  assembler.add("S1", 1s, into(out));
  assembler.add("a", 1h, into(out));
  assembler.finish(into(out));
  CHECK(out == events{"S1\na"});
}

TEST_CASE("copies share patterns and not events", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^S";
  events out;
  const event_assembler fresh = make(how);
  event_assembler one = fresh;
  event_assembler two = fresh;
  one.add("S1", 0ns, into(out));
  two.add("x", 0ns, into(out));
  two.finish(into(out));
  one.finish(into(out));
  CHECK(out == events{"x", "S1"});
}

TEST_CASE("a pattern that does not compile is named with its place", "[logs][multiline]") {
  multiline how;
  how.start_pattern = "^(a|(b";
  CHECK(why_not(how) ==
        "the start pattern of multi-line events \"^(a|(b\" does not compile: missing ): ^(a|(b at "
        "character 5");
  how.start_pattern = "ab**";
  CHECK_THAT(why_not(how), contains("bad repetition operator: **") && contains("at character 3"));
  how.start_pattern = "[\\](]x)";
  CHECK_THAT(why_not(how), contains("at character 7"));
  how.start_pattern = "a\\";
  CHECK_THAT(why_not(how), contains("at character 2"));
  how.start_pattern = "a(?=b)";
  CHECK_THAT(why_not(how), contains("at character 2"));
  how.start_pattern = "((a{100}){100}){100}";
  CHECK_THAT(why_not(how), contains("does not compile"));
  how.start_pattern = std::string(100'000, 'a');
  CHECK_THAT(why_not(how), contains("100000 bytes"));
  how.start_pattern = "a";
  how.continue_pattern = "x[b";
  CHECK_THAT(why_not(how), contains("the continue pattern") && contains("missing ]: [b") &&
                               contains("at character 2"));
}

TEST_CASE("limits of zero and rules without states are refused", "[logs][multiline]") {
  multiline how;
  how.max_lines = 0;
  CHECK_THAT(why_not(how), contains("max_lines 0"));
  how = {};
  how.max_bytes = 0;
  CHECK_THAT(why_not(how), contains("max_bytes 0"));
  how = {};
  how.flush_after = -1ms;
  CHECK_THAT(why_not(how), contains("flush_after -1 ms"));
  how = {};
  how.rules = {{{}, "a", "b"}};
  CHECK_THAT(why_not(how), contains("rule \"a\""));
  how.rules = {{{"line"}, "a", "begin"}};
  CHECK_THAT(why_not(how), contains("other than \"begin\""));
  how.rules = {{{"line"}, "(", "x"}};
  CHECK_THAT(why_not(how), contains("does not compile"));
}

TEST_CASE("java traces belong to the line before them", "[logs][multiline]") {
  const std::string next = "2024-05-01 10:00:01 INFO Error: not a trace";
  CHECK(assemble(logs::java_traces(), next + "\n" + java_event + "\n" + next + "\n" + next) ==
        events{next, java_event, next, next});
  const std::string bare = "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)";
  const std::string main = "Exception in thread \"main\" java.lang.Error\n\tat a.B.main(B.java:2)";
  CHECK(assemble(logs::java_traces(), bare + "\n" + bare + "\n" + main + "\nError: full\n") ==
        events{bare, bare, main, "Error: full"});
}

TEST_CASE("python traces are whole, chained and grouped ones too", "[logs][multiline]") {
  const std::string plain =
      "Traceback (most recent call last):\n"
      "  File \"/a.py\", line 3, in f\n"
      "    g()\n"
      "    ~^^\n"
      "app.errors.Broken: no";
  const std::string chained = "ERROR:root:failed\n" + plain +
                              "\n\nDuring handling of the above exception, another exception "
                              "occurred:\n\n" +
                              plain +
                              "\n\nThe above exception was the direct cause of the following "
                              "exception:\n\n" +
                              plain;
  const std::string group =
      "  + Exception Group Traceback (most recent call last):\n"
      "  |   File \"/a.py\", line 1, in <module>\n"
      "  | ExceptionGroup: two (2 sub-exceptions)\n"
      "  +-+---------------- 1 ----------------\n"
      "    | ValueError: 1\n"
      "    +------------------------------------";
  CHECK(assemble(logs::python_traces(), "INFO: a\nINFO: b\n" + chained + "\nINFO: c\n" + plain +
                                            "\nINFO: d\n" + group + "\ndone\nINFO: e\n") ==
        events{"INFO: a", "INFO: b", chained, "INFO: c\n" + plain, "INFO: d\n" + group, "done",
               "INFO: e"});
  CHECK(assemble(logs::python_traces(), plain + "\n" + plain) == events{plain, plain});
}

TEST_CASE("go panics have all their goroutines", "[logs][multiline]") {
  const std::string panic =
      "panic: boom [recovered]\n"
      "\tpanic: again\n"
      "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45]\n"
      "\n"
      "goroutine 1 [running]:\n"
      "main.(*server[...]).handle(0xc000010, {0x1, 0x2})\n"
      "\t/src/main.go:12 +0x1d\n"
      "created by main.main in goroutine 1\n"
      "\t/src/main.go:5 +0x20\n"
      "\n"
      "goroutine 6 [chan receive, 5 minutes]:\n"
      "main.wait(...)\n"
      "\t/src/main.go:9\n"
      "exit status 2";
  const std::string served =
      "2024/05/01 10:00:00 http: panic serving 127.0.0.1:5: x\n"
      "goroutine 5 [running]:\n"
      "net/http.(*conn).serve.func1()\n"
      "\t/go/server.go:1 +0x1";
  CHECK(
      assemble(logs::go_traces(), "start\n" + panic + "\nnext\n" + served + "\n2024/05/01 ok\n") ==
      events{"start", panic, "next", served, "2024/05/01 ok"});
}

TEST_CASE("traces of C++ programs are whole", "[logs][multiline]") {
  const std::string gdb =
      "Thread 2 (Thread 0x7f01 (LWP 12)):\n"
      "#0  0x00007f in raise () from /lib/libc.so.6\n"
      "#1  0x00005 in work (job=...,\n"
      "    name=...) at work.cpp:3\n"
      "#2  main () at main.cpp:1";
  const std::string asan =
      "=================================================================\n"
      "==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x6 at pc 0x5\n"
      "READ of size 4 at 0x6 thread T0\n"
      "    #0 0x5 in main /src/a.cpp:3\n"
      "\n"
      "0x602 is located 0 bytes inside of 4-byte region [0x602,0x606)\n"
      "freed by thread T0 here:\n"
      "    #0 0x7 in free\n"
      "\n"
      "SUMMARY: AddressSanitizer: heap-use-after-free /src/a.cpp:3 in main\n"
      "Shadow bytes around the buggy address:\n"
      "=>0x0c04: fa fa[fd]fa\n"
      "==12==ABORTING";
  const std::string terminate =
      "terminate called after throwing an instance of 'std::runtime_error'\n"
      "  what():  no\n"
      "Aborted (core dumped)";
  const std::string ubsan =
      "a.cpp:3:5: runtime error: signed integer overflow\n"
      "    #0 0x5 in main /src/a.cpp:3\n"
      "    #1 0x6 in _start";
  const std::string boost = "[error] failed\n 0# work() at a.cpp:1\n 1# main at a.cpp:2";
  CHECK(assemble(logs::cpp_traces(), "one\n" + gdb + "\n" + gdb + "\ntwo\n" + asan + "\nthree\n" +
                                         terminate + "\nfour\n" + ubsan + "\n" + boost +
                                         "\n==========\nfive\n") ==
        events{"one", gdb, gdb, "two", asan, "three", terminate, "four", ubsan, boost,
               "==========", "five"});
}

TEST_CASE("the rules for all languages keep the traces of each apart", "[logs][multiline]") {
  const std::string python =
      "2024-05-01 10:00:00 ERROR cart failed\n"
      "Traceback (most recent call last):\n"
      "  File \"/a.py\", line 3, in f\n"
      "    g()\n"
      "KeyError: 'at'\n"
      "\n"
      "During handling of the above exception, another exception occurred:\n"
      "\n"
      "Traceback (most recent call last):\n"
      "  File \"/a.py\", line 5, in f\n"
      "app.Broken";
  const std::string go =
      "panic: boom\n"
      "\n"
      "goroutine 1 [running]:\n"
      "main.main()\n"
      "\t/src/main.go:12 +0x1d\n"
      "exit status 2";
  const std::string cpp =
      "terminate called after throwing an instance of 'std::runtime_error'\n"
      "  what():  no\n"
      "Aborted (core dumped)";
  const std::string frames = "[error] failed\n 0# work() at a.cpp:1\n 1# main at a.cpp:2";
  const std::string next = "2024-05-01 10:00:01 INFO it goes on";
  const events all{java_event, python, next,   go, java_event, next,
                   cpp,        frames, python, go, next,       next};
  std::string text;
  for (const std::string& each : all) text += each + '\n';
  CHECK(assemble(logs::all_traces(), text) == all);
  const std::string plain = "start\nError: disk full\n2024-05-01 ok\nat last\n\ndone\n";
  CHECK(assemble(logs::all_traces(), plain) == lines_of(plain));
}

TEST_CASE("whatever the lines and the limits, joined events are the lines", "[logs][multiline]") {
  std::mt19937 random{5};
  const events pieces{"S",
                      " a",
                      "\tat x",
                      "",
                      "Caused by: y",
                      "goroutine 1 [x]:",
                      "\x80\xff",
                      "Traceback (most recent call last):",
                      "java.lang.Error: x",
                      "#0 0x1",
                      "zzzz"};
  multiline both;
  both.start_pattern = "^S";
  both.continue_pattern = "^\\s";
  for (const multiline& base : {multiline{}, both, logs::java_traces(), logs::python_traces(),
                                logs::go_traces(), logs::cpp_traces()}) {
    for (int round = 0; round < 100; ++round) {
      multiline how = base;
      how.max_bytes = 1 + random() % 40;
      how.max_lines = 1 + random() % 5;
      std::string text;
      for (int n = 0; n < 30; ++n) text += pieces[random() % pieces.size()] + "\n";
      std::string joined;
      for (const std::string& event : assemble(how, text)) {
        const events lines = lines_of(event + "\n");
        CHECK((event.size() <= how.max_bytes || lines.size() == 1));
        CHECK(lines.size() <= how.max_lines);
        joined += event + "\n";
      }
      CHECK(joined == text);
    }
  }
}

TEST_CASE("a Kafka log of 5,307 lines has 3,405 events", "[logs][multiline]") {
  const auto data = test::data_dir();
  if (!data) {
    WARN("skipped: PENSTOCK_TEST_DATA is not set");
    return;
  }
  std::ifstream in(*data + "/kafka-state-change.log", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  CHECK(lines_of(text).size() == 5307);
  multiline by_time;
  by_time.start_pattern = "^\\[\\d{4}-\\d{2}-\\d{2} ";
  const events found = assemble(by_time, text);
  CHECK(found.size() == 3405);
  CHECK(assemble(logs::java_traces(), text) == found);
}
