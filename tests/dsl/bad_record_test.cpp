// What happens to records that a step cannot process.
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

const topic<no_key, std::string> lines{"lines", format::text};
const topic<no_key, std::uint64_t> numbers{"numbers"};
const topic<no_key, std::uint64_t> out{"out"};

result<std::uint64_t> parse(const std::string& text) {
  std::uint64_t n = 0;
  if (!decode_text(text, n)) return {errc::bad_record, "\"" + text + "\" is not a number"};
  return n;
}

topology parsing() {
  topology t{"parsing"};
  t.from(lines).try_map("parse", parse).to(out);
  return t;
}

std::string header(const record& r, const std::string& name) {
  for (const record_header& h : r.headers) {
    if (h.name == name) return h.value.value_or("");
  }
  return "none";
}

TEST_CASE("a bad record stops the job by default and says where it is", "[dsl]") {
  test_driver d{parsing(), {.partitions = 1}};
  d.feed(lines, "1");
  CHECK_THROWS_WITH(d.feed(lines, "two"),
                    contains("job parsing, step \"parse\", topic lines, partition 0, offset 1") &&
                        contains("\"two\" is not a number") && contains("on_bad_record"));
}

TEST_CASE("skip counts bad records and goes on", "[dsl]") {
  auto t = parsing();
  t.on_bad_record(skip);
  test_driver d{t};
  for (const char* text : {"1", "two", "3"}) d.feed(lines, text);
  CHECK(sorted(d.drain(out)) == std::vector<std::uint64_t>{1, 3});
  CHECK(d.counters().bad == 1);
  REQUIRE(d.bad_records().size() == 1);
  CHECK(d.bad_records()[0].topic == "lines");
}

TEST_CASE("dead letters carry the record as it came and why it is there", "[dsl]") {
  auto t = parsing();
  t.on_bad_record(dead_letter{"bad-lines"});
  test_driver d{t, {.partitions = 1}};
  d.feed(lines, "1");
  d.feed_bytes("lines", "some key", "two");
  const auto dead = d.drain_records("bad-lines");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].key == "some key");
  CHECK(dead[0].value == "two");
  CHECK(header(dead[0], "penstock.reason") == "\"two\" is not a number");
  CHECK(header(dead[0], "penstock.step") == "parse");
  CHECK(header(dead[0], "penstock.topic") == "lines");
  CHECK(header(dead[0], "penstock.partition") == "0");
  CHECK(header(dead[0], "penstock.offset") == "1");
  CHECK(header(dead[0], "penstock.origin") == "none");
}

TEST_CASE("a dead letter from behind a key_by or a connector says where it began", "[dsl]") {
  topology t{"behind"};
  t.on_bad_record(dead_letter{"dead"});
  t.lines("in", lines_from{"/var/log/in"})
      .key_by("by-line", [](const std::string& line) { return line; })
      .try_map("parse", parse)
      .count("n");
  test_driver d{t};
  d.feed_line("in", "two");
  const auto dead = d.drain_records("dead");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].value == "two");
  CHECK(header(dead[0], "penstock.topic") == "behind-by-line-repartition");
  CHECK(header(dead[0], "penstock.origin") == "/var/log/in");
}

TEST_CASE("bytes that do not decode are a bad record of the source", "[dsl]") {
  topology t{"decoding"};
  t.on_bad_record(skip);
  t.from(numbers).to(out);
  test_driver d{t};
  d.feed_bytes("numbers", std::nullopt, "abc");
  d.feed_bytes("numbers", std::nullopt, std::nullopt);
  d.feed(numbers, 4);
  CHECK(d.drain(out) == std::vector<std::uint64_t>{4});
  REQUIRE(d.bad_records().size() == 2);
  CHECK_THAT(d.bad_records()[0].reason, contains("its value (3 bytes) is not binary:u64"));
  CHECK_THAT(d.bad_records()[1].reason, contains("it has no value"));
}

TEST_CASE("a null is a value of an optional", "[dsl]") {
  const topic<std::string, std::optional<std::uint64_t>> in{"in"};
  const topic<std::string, bool> seen{"seen"};
  topology t{"nulls"};
  t.from(in)
      .map("has", [](const std::optional<std::uint64_t>& v) { return v.has_value(); })
      .to(seen);
  test_driver d{t};
  d.feed(in, "a", 5);
  d.feed(in, "a", std::nullopt);
  CHECK(d.drain(seen) == std::vector<std::pair<std::string, bool>>{{"a", true}, {"a", false}});
}

TEST_CASE("a function that throws makes a bad record of what it was given, and no more", "[dsl]") {
  topology t{"throwing"};
  t.on_bad_record(skip);
  t.from(lines)
      .flat_map("split", [](const std::string& line) { return words{line}; })
      .map("number",
           [](std::string_view word) -> std::uint64_t {
             if (word == "bang") throw std::runtime_error("bang it went");
             return word.size();
           })
      .to(out);
  test_driver d{t};
  d.feed(lines, "a bang bc");
  CHECK(d.drain(out) == std::vector<std::uint64_t>{1, 2});
  REQUIRE(d.bad_records().size() == 1);
  CHECK(d.bad_records()[0].step == "number");
  CHECK_THAT(d.bad_records()[0].reason, contains("the function threw: bang it went"));
}

TEST_CASE("a function that throws behind a table is a bad record too", "[dsl]") {
  const topic<std::string, std::uint64_t> in{"in"};
  topology t{"behind"};
  t.on_bad_record(dead_letter{"dead"});
  t.from(in)
      .count("n")
      .changes()
      .map("bang",
           [](std::uint64_t n) -> std::uint64_t {
             if (n == 2) throw 5;
             return n;
           })
      .for_each("end", [](std::uint64_t) {});
  test_driver d{t};
  d.feed(in, "k", 1);
  d.commit();
  d.feed(in, "k", 1);
  const auto dead = d.drain_records("dead");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].key == "k");
  CHECK(header(dead[0], "penstock.step") == "bang");
  CHECK(header(dead[0], "penstock.offset") == "-1");
  CHECK(header(dead[0], "penstock.origin") == "in");
}

TEST_CASE("a state that a throwing function touched is as it was", "[dsl]") {
  const topic<std::string, std::int32_t> in{"in"};
  topology t{"half"};
  t.on_bad_record(skip);
  t.from(in).aggregate("sum", std::int64_t{0}, [](std::int64_t& sum, std::int32_t n) {
    sum += n;
    if (n < 0) throw std::domain_error("negative");
  });
  test_driver d{t};
  d.feed(in, "new", -1);
  d.feed(in, "k", 2);
  d.feed(in, "k", -7);
  d.feed(in, "k", 3);
  CHECK(d.state("sum").all<std::string, std::int64_t>() ==
        std::map<std::string, std::int64_t>{{"k", 5}});
}

}  // namespace
}  // namespace penstock::test
