// The program that tests start and kill where a source is to be seen from outside: it writes what
// comes into a file.
//
//   soak_follow tail GLOB OUT [FLAGS OF A JOB…]
//   soak_follow lines PATH OUT …        an empty path: standard input
//   soak_follow syslog ADDRESS OUT …
//   soak_follow http ADDRESS OUT …
//   soak_follow syslog-events ADDRESS OUT …   lines without a priority belong to the one before
//   soak_follow http-events ADDRESS OUT …     stack traces are one record
#include <penstock/penstock.hpp>

#include <cstdio>

using namespace penstock;

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs(
        "usage: soak_follow tail|lines|syslog|http|syslog-events|http-events WHERE OUT [FLAGS…]\n",
        stderr);
    return 2;
  }
  const std::string how{argv[1]}, where{argv[2]}, out{argv[3]};
  topology t{"follow"};
  if (how == "tail") t.tail("logs", where).to_file("out", out);
  if (how == "lines") t.lines("stream", lines_from{where}).to_file("out", out);
  if (how == "syslog") t.syslog("messages", where).to_file("out", out);
  if (how == "http") t.http_in("posts", where, {.body_bytes_max = 100'000}).to_file("out", out);
  if (how == "syslog-events")
    t.syslog("messages", where,
             {.multiline = logs::multiline{.start_pattern = R"(^<\d+>)", .flush_after = 2s}})
        .to_file("out", out);
  if (how == "http-events")
    t.http_in("posts", where, {.multiline = logs::java_traces()}).to_file("out", out);
  return run(t, argc - 3, argv + 3);
}
