#include "streams/topic/name.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace penstock;
using penstock::test::contains;

TEST_CASE("topic names follow Kafka's rules", "[topic]") {
  for (std::string good : {"a", "log-lines", "__consumer_offsets", "A.b_c-9", "..."})
    CHECK(check_topic_name(good).has_value());
  CHECK(check_topic_name(std::string(249, 'x')).has_value());
  for (std::string bad : {"", ".", "..", "a/b", "a b", "caf\xc3\xa9", "a\n"}) {
    INFO(bad);
    auto checked = check_topic_name(bad);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error() == errc::invalid_topic);
  }
  CHECK_FALSE(check_topic_name(std::string(250, 'x')).has_value());
}

TEST_CASE("a refused topic name is shown with what is wrong and a name that would do", "[topic]") {
  auto text = check_topic_name("orders/eu").error().message();
  CHECK_THAT(text, contains("\"orders/eu\""));
  CHECK_THAT(text, contains("'/' at position 6"));
  CHECK_THAT(text, contains("\"orders-eu\" would do"));
  CHECK_THAT(check_topic_name("a\x01z").error().message(), contains("a\\x01z"));
}

TEST_CASE("names with two underscores in front are internal", "[topic]") {
  CHECK(is_internal_topic("__consumer_offsets"));
  CHECK_FALSE(is_internal_topic("_mine"));
}
