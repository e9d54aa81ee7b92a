#include "tools/penstock/kafka_flags.hpp"

#include "tests/support/catch.hpp"

using namespace penstock;
using namespace penstock::tool;
using test::contains;

namespace {

using takes = kafka_flag::takes;
constexpr kafka_flag known[] = {
    {"list"},
    {"topic", takes::value, nullptr, 't'},
    {"topic-id", takes::value},
    {"partitions", takes::value},
    {"codec", takes::maybe},
    {"property", takes::value},
    {"consumer.config", takes::value, "leave it out"},
};

result<kafka_flags> parse(const std::vector<std::string>& words) {
  return kafka_flags::parse(known, words);
}

}  // namespace

TEST_CASE("flags of Kafka's scripts are read as Kafka reads them", "[tool]") {
  const auto flags = parse({"--topic", "a", "--part=3", "--list", "word", "-t", "b", "--codec"});
  REQUIRE(flags.has_value());
  CHECK(flags->value("topic") == "b");
  CHECK(flags->values("topic") == std::vector<std::string>{"a", "b"});
  CHECK(flags->number("partitions", 1, 1, 10).value_or(0) == 3);
  CHECK(flags->has("list"));
  CHECK(flags->has("codec"));
  CHECK(flags->value("codec", "gzip") == "gzip");
  CHECK(flags->words() == std::vector<std::string>{"word"});
  CHECK_FALSE(flags->number("partitions", 1, 4, 10).has_value());
}

TEST_CASE("a flag that is not carried out is refused by name", "[tool]") {
  for (const auto& [words, says] :
       {std::pair<std::vector<std::string>, const char*>{{"--nope"}, "--nope"},
        {{"-x"}, "-x"},
        {{"--consumer.config", "f"}, "leave it out"},
        {{"--topic"}, "needs a value"},
        {{"--list=yes"}, "takes no value"},
        {{"--to"}, "--topic"}}) {
    INFO(says);
    const auto flags = parse(words);
    REQUIRE_FALSE(flags.has_value());
    CHECK(flags.error().code() == errc::invalid_argument);
    CHECK_THAT(flags.error().message(), contains(says));
  }
}

TEST_CASE("properties are NAME=VALUE with names that are known", "[tool]") {
  constexpr std::string_view of[] = {"property"};
  constexpr std::string_view names[] = {"print.key"};
  const auto fine = parse({"--property", "print.key=true"});
  REQUIRE(fine.has_value());
  CHECK(fine->properties(of, names).value().at("print.key") == "true");
  const auto other = parse({"--property", "print.kye=true"});
  REQUIRE(other.has_value());
  CHECK_FALSE(other->properties(of, names).has_value());
}
