#include "actors/processor/job_topics.hpp"

#include "tests/support/catch.hpp"

using namespace penstock;

namespace {

/// A plan as the DSL builds it for: from(lines).flat_map.key_by("by-word").count("counts").to(out).
plan word_count(const std::string& format_out = "binary:u64") {
  std::vector<step> steps(5);
  auto name = [&](std::size_t i, std::string n, step_kind kind, std::string verb) {
    steps[i].id = static_cast<step_id>(i);
    steps[i].name = std::move(n);
    steps[i].kind = kind;
    steps[i].verb = std::move(verb);
    if (i > 0) steps[i].inputs = {static_cast<step_id>(i - 1)};
  };
  name(0, "lines", step_kind::source, "from");
  steps[0].topic = "lines";
  steps[0].formats = {"", "text"};
  name(1, "split", step_kind::stateless, "flat_map");
  name(2, "by-word", step_kind::key_by, "key_by");
  steps[2].formats = {"text", "text"};
  name(3, "counts", step_kind::stateful, "count");
  steps[3].state_fingerprint = "count string -> u64";
  name(4, "out", step_kind::sink, "to");
  steps[4].topic = "out";
  steps[4].formats = {"text", format_out};
  return plan{"wc", std::move(steps), {}};
}

}  // namespace

TEST_CASE("missing ends of a topology are made with the formats of the plan", "[processor]") {
  const auto p = word_count();
  REQUIRE(p.problems().empty());
  auto work = external_topics(p, {});
  REQUIRE(work.has_value());
  REQUIRE(work->create.size() == 2);
  CHECK(work->create[0].name == "lines");
  CHECK(work->create[0].settings == setting_list{{"penstock.value.format", "text"}});
  CHECK(work->create[1].name == "out");
  CHECK(work->alter.empty());
}

TEST_CASE("a topic without formats takes those of the plan", "[processor]") {
  auto work = external_topics(word_count(), {{"lines", {3, {}}}, {"out", {3, {}}}});
  REQUIRE(work.has_value());
  CHECK(work->create.empty());
  REQUIRE(work->alter.size() == 2);
  CHECK(work->alter[1].settings ==
        setting_list{{"penstock.key.format", "text"}, {"penstock.value.format", "binary:u64"}});
}

TEST_CASE("a topic of structs takes a newer version of them from who writes it", "[processor]") {
  const std::string older = "binary:struct{word:string}";
  const std::string newer = "binary:struct{word:string,count:u64}";
  const auto formats_of_out = [&](const std::string& is, const std::string& wanted) {
    return external_topics(
        word_count(wanted),
        {{"lines", {3, {}}},
         {"out", {3, {{"penstock.key.format", "text"}, {"penstock.value.format", is}}}}});
  };
  for (const auto& [is, wanted] : {std::pair{older, newer}, std::pair{newer, older}}) {
    auto work = formats_of_out(is, wanted);
    REQUIRE(work.has_value());
    REQUIRE(work->alter.size() == 2);
    CHECK(work->alter[1].settings == setting_list{{"penstock.value.format", wanted}});
  }
  CHECK(formats_of_out(newer, newer)->alter.size() == 1);
  CHECK_FALSE(formats_of_out(older, "binary:struct{word:u64}"));
}

TEST_CASE("a topic with other formats is refused by name", "[processor]") {
  auto work = external_topics(
      word_count(), {{"lines", {3, {}}}, {"out", {3, {{"penstock.value.format", "json"}}}}});
  REQUIRE_FALSE(work.has_value());
  CHECK(work.error() == errc::type_mismatch);
  CHECK_THAT(work.error().message(), test::contains("\"out\" has values of format json"));
  CHECK_THAT(work.error().message(), test::contains("binary:u64"));
}

TEST_CASE("tasks and internal topics follow the partitions of the input", "[processor]") {
  const auto p = word_count();
  const known_topics known{{"lines", {5, {}}}, {"out", {2, {}}}};
  auto layout = lay_out(p, known);
  REQUIRE(layout.has_value());
  REQUIRE(layout->size() == 2);
  CHECK((*layout)[0].tasks == 5);
  CHECK((*layout)[1].tasks == 5);
  CHECK((*layout)[0].sink_partitions == std::vector<std::int32_t>{5});
  CHECK((*layout)[1].sink_partitions == std::vector<std::int32_t>{2});
  CHECK((*layout)[1].upstream_tasks == std::vector<std::int32_t>{5});

  auto internal = internal_topics(p, *layout, known, false);
  REQUIRE(internal.size() == 2);
  CHECK(internal[0].name == "wc-by-word-repartition");
  CHECK(internal[0].partitions == 5);
  CHECK(internal[1].name == "wc-counts-changelog");
}

TEST_CASE("an internal topic that is there decides how many tasks read it", "[processor]") {
  const known_topics known{{"lines", {8, {}}},
                           {"out", {2, {}}},
                           {"wc-by-word-repartition", {5, {}}},
                           {"wc-counts-changelog", {5, {}}}};
  auto layout = lay_out(word_count(), known);
  REQUIRE(layout.has_value());
  CHECK((*layout)[0].tasks == 8);
  CHECK((*layout)[1].tasks == 5);
}

TEST_CASE("state of another number of partitions is refused with the remedy", "[processor]") {
  const known_topics known{{"lines", {8, {}}}, {"out", {2, {}}}, {"wc-counts-changelog", {5, {}}}};
  auto layout = lay_out(word_count(), known);
  REQUIRE_FALSE(layout.has_value());
  CHECK(layout.error() == errc::state_changed);
  CHECK_THAT(layout.error().message(), test::contains("--reset"));
}

TEST_CASE("in memory there are changelogs but no repartition topics", "[processor]") {
  const auto p = word_count();
  known_topics known{{"lines", {5, {}}}, {"out", {2, {}}}};
  auto layout = lay_out(p, known);
  REQUIRE(layout.has_value());
  auto internal = internal_topics(p, *layout, known, true);
  REQUIRE(internal.size() == 1);
  CHECK(internal[0].name == "wc-counts-changelog");
  CHECK(check_in_memory(p, known).has_value());

  known["wc-by-word-repartition"] = {5, {}};
  auto refused = check_in_memory(p, known);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == errc::state_changed);
  CHECK_THAT(refused.error().message(), test::contains("--repartition durable"));
}
