// Jobs on a real directory, started as `run` starts them.
#include <penstock/penstock.hpp>

#include <map>
#include <sstream>

#include "actors/client/consumer.hpp"
#include "actors/client/producer.hpp"
#include "launch/command_line.hpp"
#include "launch/embedded_node.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

const topic<no_key, std::string> lines{"log-lines", format::text};
const topic<std::string, std::uint64_t> counts{"word-counts"};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  return {std::istream_iterator<std::string>{in}, {}};
}

topology word_count() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", words_of)
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

/// Another kind of state under the same name.
topology longest_word() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", words_of)
      .key_by("by-word", [](const std::string& word) { return word; })
      .max("counts")
      .to(topic<std::string, std::string>{"longest"});
  return t;
}

int run_with(const topology& t, const std::string& dir, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"test", "--quiet", "--on", dir});
  std::vector<char*> args;
  for (auto& each : flags) args.push_back(each.data());
  args.push_back(nullptr);
  return run(t, static_cast<int>(flags.size()), args.data());
}

std::unique_ptr<embedded_node> open_node(const std::string& dir) {
  embedded_options options;
  options.directory = dir;
  auto node = embedded_node::open(options);
  REQUIRE(node.has_value());
  return std::move(*node);
}

error make_topic(embedded_node& node, const std::string& name, const std::string& value_format) {
  error why;
  caf::scoped_actor self{node.system()};
  self->request(node.node(), 10s, create_topic_request::make([&](auto out) {
                  out.setName(text_of(name));
                  out.setPartitions(3);
                  auto settings = out.initSettings(1);
                  settings[0].setName("penstock.value.format");
                  settings[0].setValue(text_of(value_format));
                }))
      .receive([&](const admin_reply& r) { why = error_of(r.open()->getFailure()); },
               [&](const caf::error&) {
                 why = error{errc::internal, "no answer"};
               });
  return why;
}

void write_lines(const std::string& dir, const std::vector<std::string>& all) {
  auto node = open_node(dir);
  if (auto why = make_topic(*node, lines.name(), "text")) REQUIRE(why.code() == errc::topic_exists);
  auto out = producer::open(node->system(), node->node());
  REQUIRE(out.has_value());
  std::int32_t n = 0;
  for (const auto& each : all) {
    producer::message m;
    m.value = each;
    m.partition = n++ % 3;
    REQUIRE(out->send(lines.name(), m).has_value());
  }
  REQUIRE(out->flush().has_value());
}

using pairs = std::map<std::string, std::uint64_t>;

pairs read_counts(const std::string& dir) {
  auto node = open_node(dir);
  consumer_config config;
  config.topics = {counts.name()};
  config.start = start_at::beginning;
  consumer in{node->system(), node->node(), config};
  pairs newest;
  do {
    auto some = in.poll(1s);
    REQUIRE(some.has_value());
    for (const auto& each : *some) {
      std::uint64_t n = 0;
      REQUIRE(counts.value_formatting().decode(each.what.value, n));
      newest[each.what.key.value_or("")] = n;
    }
  } while (!in.at_end());
  return newest;
}

const pairs once{{"to", 2}, {"be", 2}, {"or", 1}, {"not", 1}, {"that", 1}};
const pairs twice{{"to", 4}, {"be", 4}, {"or", 2}, {"not", 2}, {"that", 2}};
const std::vector<std::string> text{"to be", "or not to be", "that"};

}  // namespace

TEST_CASE("a job counts what is there and ends, and goes on from there the next time", "[launch]") {
  test::scratch_dir dir;
  const auto how = GENERATE("durable", "memory");
  write_lines(dir.path(), text);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end", "--repartition", how}) == exit_ok);
  CHECK(read_counts(dir.path()) == once);
  write_lines(dir.path(), text);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end", "--repartition", how}) == exit_ok);
  CHECK(read_counts(dir.path()) == twice);
}

TEST_CASE("a job without input makes its topics and ends", "[launch]") {
  test::scratch_dir dir;
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_ok);
  CHECK(read_counts(dir.path()).empty());
}

TEST_CASE("after --reset a job counts everything again, once", "[launch]") {
  test::scratch_dir dir;
  write_lines(dir.path(), text);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end"}) == exit_ok);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end", "--reset"}) == exit_ok);
  CHECK(read_counts(dir.path()) == once);
}

TEST_CASE("state of another kind is refused until it is given up", "[launch]") {
  test::scratch_dir dir;
  write_lines(dir.path(), text);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end"}) == exit_ok);
  CHECK(run_with(longest_word(), dir.path(), {"--until-end"}) == exit_refused);
  CHECK(run_with(longest_word(), dir.path(), {"--until-end", "--drop-state", "other"}) ==
        exit_refused);
  CHECK(run_with(longest_word(), dir.path(), {"--until-end", "--drop-state", "counts"}) == exit_ok);
  CHECK(run_with(longest_word(), dir.path(), {"--until-end", "--drop-state", "other"}) ==
        exit_not_found);
  // From here on the new kind is the known one.
  CHECK(run_with(longest_word(), dir.path(), {"--until-end"}) == exit_ok);
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_refused);
}

TEST_CASE("state made with one way of repartition is refused with the other", "[launch]") {
  test::scratch_dir dir;
  write_lines(dir.path(), text);
  REQUIRE(run_with(word_count(), dir.path(), {"--until-end", "--repartition", "memory"}) ==
          exit_ok);
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_refused);
  CHECK(run_with(word_count(), dir.path(), {"--until-end", "--reset"}) == exit_ok);
  CHECK(read_counts(dir.path()) == once);
  CHECK(run_with(word_count(), dir.path(), {"--until-end", "--repartition", "memory"}) ==
        exit_refused);
}

TEST_CASE("a topic with other types is refused", "[launch]") {
  test::scratch_dir dir;
  REQUIRE_FALSE(make_topic(*open_node(dir.path()), counts.name(), "json"));
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_refused);
}

TEST_CASE("a directory in use is refused", "[launch]") {
  test::scratch_dir dir;
  auto node = open_node(dir.path());
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_unavailable);
}

TEST_CASE("a function that throws ends the job with a status, and nothing is committed",
          "[launch]") {
  test::scratch_dir dir;
  write_lines(dir.path(), text);
  topology bad{"word-count"};
  bad.from(lines)
      .flat_map("split",
                [](const std::string& line) {
                  if (line == "that") throw std::runtime_error("no such word");
                  return words_of(line);
                })
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  CHECK(run_with(bad, dir.path(), {"--until-end"}) == exit_refused);
  CHECK(run_with(word_count(), dir.path(), {"--until-end"}) == exit_ok);
  CHECK(read_counts(dir.path()) == once);
}

TEST_CASE("a topology with problems runs nothing", "[launch]") {
  test::scratch_dir dir;
  topology t{"twice"};
  auto all = t.from(lines).filter("same", [](const std::string&) { return true; });
  all.filter("same", [](const std::string&) { return true; }).to(lines);
  CHECK(run_with(t, dir.path(), {}) == exit_refused);
}

TEST_CASE("a wrong command line says so before anything runs", "[launch]") {
  test::scratch_dir dir;
  CHECK(run_with(word_count(), dir.path(), {"--no-such-flag"}) == exit_usage);
  CHECK(run_with(word_count(), dir.path(), {"--close-windows"}) == exit_usage);
  CHECK(run_with(word_count(), dir.path(), {"--commit-interval", "0"}) == exit_usage);
  CHECK(run_with(word_count(), "penstock://host", {}) == exit_usage);
  CHECK(run_with(word_count(), "kafka://host:9092", {}) == exit_usage);
}

TEST_CASE("a job without its node is worth another try", "[launch]") {
  CHECK(run_with(word_count(), "penstock://127.0.0.1:1", {}) == exit_unavailable);
}

}  // namespace penstock
