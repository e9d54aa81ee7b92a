// describe() in its four forms, against files that a reader can look at.
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/dsl/support.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {
namespace {

struct access {
  std::string path;
  std::int32_t status = 0;
  timestamp time;
};
PENSTOCK_FIELDS(access, path, status, time);

const topic<no_key, std::string> log{"access-log", format::text};
const topic<no_key, std::string> slow{"slow-lines", format::text};
const topic<std::string, std::string> owners{"owners"};
const topic<std::string, std::string> owners_copy{"owners-copy"};
const topic<std::string, windowed<std::uint64_t>> alerts{"alerts", format::json};
const topic<std::string, access> late_hits{"late-hits"};
const topic<std::string, std::uint64_t> paths{"paths"};

result<access> parse(const std::string&) {
  return access{};
}

/// One of everything that describe shows in a way of its own.
topology everything() {
  topology t{"error-rate"};
  t.on_bad_record(dead_letter{"bad-lines"});
  const auto hits = t.from(log)
                        .merge("both", t.from(slow))
                        .try_map("parse", parse)
                        .event_time("time", &access::time, out_of_order{60s});
  auto [errors, fine] = hits.branch(
      "by-status", when("errors", [](const access& a) { return a.status >= 500; }), rest("fine"));
  errors.key_by("by-path", &access::path)
      .window(tumbling{1min, grace{10s}})
      .late(late_hits)
      .count("tally")
      .on_close(idle_after{30s})
      .to(alerts);
  fine.key_by("fine-by-path", &access::path)
      .throttle("calm", at_most{10, 1min})
      .count("paths-seen")
      .to(paths);
  fine.key_by("by-status-code", &access::status).print("codes");
  t.table("owner-by-path", owners).to(owners_copy);
  return t;
}

/// Compares with tests/golden/NAME; with PENSTOCK_WRITE_GOLDEN set, writes it instead.
void check_golden(const std::string& name, const std::string& text) {
  const std::string path = source_dir() + "/tests/golden/" + name;
  if (std::getenv("PENSTOCK_WRITE_GOLDEN") != nullptr) std::ofstream{path} << text;
  std::ostringstream expected;
  expected << std::ifstream{path}.rdbuf();
  INFO("to accept what it is now, run with PENSTOCK_WRITE_GOLDEN=1 and look at the difference");
  CHECK(text == expected.str());
}

TEST_CASE("describe shows every step and every hop as text", "[dsl]") {
  check_golden("describe.txt", everything().describe());
}

TEST_CASE("describe gives diagrams for Mermaid and Graphviz", "[dsl]") {
  check_golden("describe.mmd", everything().describe(describe_format::mermaid));
  check_golden("describe.dot", everything().describe(describe_format::dot));
}

TEST_CASE("describe gives JSON that parses", "[dsl]") {
  const std::string text = everything().describe(describe_format::json);
  check_golden("describe.json", text);
  const auto parsed = nlohmann::json::parse(text);
  CHECK(parsed["topology"] == "error-rate");
  CHECK(parsed["sub_topologies"].size() == everything().plan().sub_topologies().size());
}

TEST_CASE("equal topologies have equal fingerprints, and a changed window another", "[dsl]") {
  const auto with_size = [](duration size) {
    topology t{"t"};
    const topic<std::string, int> in{"in"};
    t.from(in).window(tumbling{size, no_grace}).count("n").on_close(never_idle).print("p");
    return t.plan().fingerprint();
  };
  CHECK(with_size(1min) == with_size(1min));
  CHECK(with_size(1min) != with_size(2min));
}

}  // namespace
}  // namespace penstock::test
