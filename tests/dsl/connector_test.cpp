// Sources and sinks that are connectors: as steps of a topology, and fed and read in tests.
#include <algorithm>

#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

struct hit {
  std::string path;
  int status = 0;
};
PENSTOCK_FIELDS(hit, path, status);

topology shouting() {
  topology t{"shouting"};
  t.lines("in", standard_input)
      .map("shout", [](const std::string& line) { return line + "!"; })
      .to_file("out", "/tmp/shouts");
  return t;
}

bool says(const topology& t, const std::string& what) {
  const auto problems = t.plan().problems();
  for (const std::string& one : problems) {
    if (one.find(what) != std::string::npos) return true;
    UNSCOPED_INFO(one);
  }
  return false;
}

TEST_CASE("a source is fed by its step's name and a sink read by its own", "[dsl]") {
  test_driver d{shouting()};
  d.feed_line("in", "one");
  d.feed_line("in", "two");
  CHECK(d.drain_lines("out") == std::vector<std::string>{"one!", "two!"});
  CHECK(d.drain_lines("out").empty());
  CHECK_THROWS_WITH(d.feed_line("inn", "x"), contains("no source \"inn\" (it has in)"));
  CHECK_THROWS_WITH(d.drain_lines("in"), contains("no sink \"in\" (it has out)"));
}

TEST_CASE("lines of a source that belong together are put together in tests too", "[dsl]") {
  topology t{"t"};
  tail_options how;
  how.multiline = logs::java_traces();
  t.tail("logs", "/var/log/app*.log", how).to_file("out", "/tmp/events");
  test_driver d{t};
  d.feed_line("logs", "/var/log/app.log", "ERROR it broke");
  d.feed_line("logs", "/var/log/app2.log", "fine");
  d.feed_line("logs", "/var/log/app.log", "java.lang.IllegalStateException: no");
  d.feed_line("logs", "/var/log/app.log", "\tat Main.main(Main.java:3)");
  d.feed_line("logs", "/var/log/app.log", "INFO on it goes");
  CHECK(d.drain_lines("out") ==
        std::vector<std::string>{"ERROR it broke\njava.lang.IllegalStateException: no\n\tat "
                                 "Main.main(Main.java:3)"});
  d.advance_by(5s);
  auto rest = d.drain_lines("out");
  std::sort(rest.begin(), rest.end());
  CHECK(rest == std::vector<std::string>{"INFO on it goes", "fine"});
}

TEST_CASE("values that are no text go to files as JSON", "[dsl]") {
  topology t{"t"};
  t.lines("in", standard_input)
      .map("parse",
           [](const std::string& path) {
             return hit{path, 200};
           })
      .to_file("out", "/tmp/hits");
  test_driver d{t};
  d.feed_line("in", "/a");
  CHECK(d.drain_lines("out") == std::vector<std::string>{R"({"path":"/a","status":200})"});
}

TEST_CASE("connectors stand at topics of their own, named by topology and step", "[dsl]") {
  const plan p = shouting().plan();
  REQUIRE(p.problems().empty());
  REQUIRE(p.connectors().size() == 2);
  CHECK(p.connectors()[0].topic == "shouting-in-source");
  CHECK(p.connectors()[0].source);
  CHECK(p.connectors()[1].topic == "shouting-out-sink");
  CHECK(p.endless_sources().empty());
}

TEST_CASE("describe shows where connectors read and write", "[dsl]") {
  CHECK_THAT(shouting().describe(),
             contains("lines    in     from standard input, topic shouting-in-source, text") &&
                 contains("into /tmp/shouts, topic shouting-out-sink, text"));
  CHECK_THAT(shouting().describe(describe_format::mermaid),
             contains("x0[/\"standard input\"/]\n  x0 --> s0") && contains("s2 --> x2"));
  CHECK_THAT(shouting().describe(describe_format::dot),
             contains("x2 [label=\"/tmp/shouts\", shape=note];\n  s2 -> x2;"));
  CHECK_THAT(shouting().describe(describe_format::json),
             contains(R"("reads":"standard input","topic":"shouting-in-source")") &&
                 contains(R"("writes":"/tmp/shouts")"));
}

TEST_CASE("where connectors read and write is not in the fingerprint", "[dsl]") {
  const auto reading = [](const std::string& path) {
    topology t{"t"};
    t.lines("in", lines_from{path}).print("out");
    return t.plan().fingerprint();
  };
  CHECK(reading("/a") == reading("/b"));
}

TEST_CASE("connectors that cannot be are problems of the topology", "[dsl]") {
  topology t{"t"};
  t.lines("a", standard_input).to_file("file", "");
  t.lines("b", standard_input).to_file("same", "/x");
  t.lines("c", lines_from{"/in", 0, 5}).to_file("same-again", "/x");
  t.lines("a", lines_from{"/other"}).print("p");
  t.tail("folder", "/var/log/").print("q");
  tail_options wrong;
  wrong.multiline = logs::multiline{};
  wrong.multiline->start_pattern = "(";
  wrong.poll = 0ms;
  t.tail("pattern", "/var/log/*", wrong).print("r");
  CHECK(says(t, "step \"folder\": the pattern \"/var/log/\" matches no file"));
  CHECK(says(t, "step \"pattern\": it must look every"));
  CHECK(says(t, "missing )"));
  t.syslog("no-port", "udp://127.0.0.1").print("s");
  t.syslog("no-scheme", "127.0.0.1:514").print("u");
  t.http_in("scheme", "http://[::1]:8080").print("v");
  t.http_in("port", "127.0.0.1:99999").print("w");
  CHECK(says(t, "\"udp://127.0.0.1\" is no address"));
  CHECK(says(t, "the address \"127.0.0.1:514\" must be udp://HOST:PORT or tcp://HOST:PORT"));
  CHECK(says(t, "the address \"http://[::1]:8080\" must be HOST:PORT"));
  CHECK(says(t, "\"127.0.0.1:99999\" is no address"));
  CHECK(t.plan().endless_sources().size() == 4);
  CHECK(says(t, "steps \"a\" and \"b\" both read standard input"));
  CHECK(says(t, "step \"file\": \"\" is no path"));
  CHECK(says(t, "steps \"same\" and \"same-again\" both write /x"));
  CHECK(says(t, "step \"c\": 0 partitions"));
  CHECK(says(t, "step \"c\": lines of up to 5 bytes"));
  CHECK(says(t, "two steps are called \"a\""));
}

}  // namespace
}  // namespace penstock::test
