#include "tools/penstock/server_properties.hpp"

#include "tests/support/catch.hpp"

using namespace penstock;
using penstock::test::contains;
using penstock::tool::parse_server_properties;

TEST_CASE("members that start together find each other even without a delay", "[tools][node]") {
  const auto delay = [](const std::string& text) {
    auto read = parse_server_properties(text, "server.properties", {});
    REQUIRE(read.has_value());
    return read->node.defaults.groups.initial_rebalance_delay;
  };
  CHECK(delay("") == 3s);
  CHECK(delay("group.initial.rebalance.delay.ms=100\n") == 100ms);
  const auto least = delay("group.initial.rebalance.delay.ms=0\n");
  CHECK(least > 0ms);
  CHECK(least < 100ms);
}

TEST_CASE("what all clients may have in memory is bounded without being told", "[tools][node]") {
  const auto most = [](const std::string& text) {
    auto read = parse_server_properties(text, "server.properties", {});
    REQUIRE(read.has_value());
    return read->edge.traffic_bytes_max;
  };
  CHECK(most("queued.max.request.bytes=-1\n") == 256u << 20);
  CHECK(most("queued.max.request.bytes=1000000\n") == 1'000'000);
  CHECK_FALSE(
      parse_server_properties("queued.max.request.bytes=x\n", "server.properties", {}).has_value());
}

TEST_CASE("compaction runs as often as Kafka's", "[tools][node]") {
  const auto pause = [](const std::string& text) {
    auto read = parse_server_properties(text, "server.properties", {});
    REQUIRE(read.has_value());
    return read->node.housekeeping;
  };
  CHECK(pause("") == 15s);
  CHECK(pause("log.cleaner.backoff.ms=200\n") == 200ms);
  CHECK(pause("log.retention.check.interval.ms=300\n") == 300ms);
}

TEST_CASE("properties are read as Java reads them", "[tools][node]") {
  const auto port = [](const std::string& text) {
    auto read = parse_server_properties(text, "server.properties", {});
    REQUIRE(read.has_value());
    CHECK(read->warnings.empty());
    return read->listen_port;
  };
  CHECK(port("\xef\xbb\xbflisteners=PLAINTEXT://:9101\n") == 9101);
  CHECK(port("listeners=\\\r\n    PLAINTEXT://:9102\r\n") == 9102);
  CHECK(port("listeners = PLAIN\\\n\tTEXT://:9103") == 9103);
  CHECK(port("# a comment does not go on \\\nlisteners=PLAINTEXT://:9104\n") == 9104);
  CHECK(port("!nor this \\\nlisteners:PLAINTEXT://:9105\n") == 9105);
}

TEST_CASE("a value that cannot be is refused with its property, its place and a remedy",
          "[tools][node]") {
  const auto refusal = [](const std::string& text, const std::vector<std::string>& overrides = {}) {
    const auto read = parse_server_properties(text, "s.properties", overrides);
    REQUIRE_FALSE(read.has_value());
    return read.error();
  };
  CHECK(refusal("\nlog.segment.bytes=1\n").to_string() ==
        "invalid_setting: s.properties line 2: log.segment.bytes cannot be \"1\": give it 1024 to "
        "2147483647");
  CHECK_THAT(refusal("listeners=PLAINTEXT://:65536\n").message(),
             contains("listeners cannot be \"PLAINTEXT://:65536\"") && contains("0 to 65535"));
  CHECK_THAT(refusal("listeners=\n").message(), contains("PLAINTEXT://:9092"));
  CHECK_THAT(refusal("penstock.flush=never\n").message(),
             contains("penstock.flush cannot be \"never\": give it"));
  CHECK_THAT(refusal("group.max.session.timeout.ms=10\n").message(),
             contains("group.min.session.timeout.ms is 6000"));
  for (const auto* each : {"listeners=SSL://:1", "num.partitions=0", "log.cleanup.policy=x", "x"}) {
    INFO(each);
    const auto why = refusal("num.partitions=1\n", {each});
    CHECK(why == errc::invalid_argument);
    CHECK_THAT(why.message(), contains("--override"));
  }
}

TEST_CASE("a name without effect is warned of with what may have been meant", "[tools][node]") {
  const auto warning = [](const std::string& text) {
    const auto read = parse_server_properties(text, "s.properties", {});
    REQUIRE(read.has_value());
    REQUIRE(read->warnings.size() == 1);
    return read->warnings[0];
  };
  CHECK(warning("num.partition=3\n") ==
        "s.properties line 1: num.partition is not known here and has no effect: did you mean "
        "num.partitions?");
  CHECK_THAT(warning("quota.window.num=7\n"), contains("has no effect"));
}

TEST_CASE("a node that cannot be protected as asked does not start", "[tools][node]") {
  for (const auto* each :
       {"authorizer.class.name=org.example.Authorizer", "super.users=User:ada",
        "ssl.keystore.location=/k", "sasl.enabled.mechanisms=PLAIN",
        "security.inter.broker.protocol=SSL", "listener.name.client.ssl.keystore.location=/k",
        "listener.name.client.plain.sasl.jaas.config=x"}) {
    INFO(each);
    const auto read = parse_server_properties(std::string{each} + "\n", "s.properties", {});
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == errc::invalid_setting);
    CHECK_THAT(read.error().message(), contains("s.properties line 1: ") &&
                                           contains("asks for protection") &&
                                           contains("take it out"));
  }
  CHECK(parse_server_properties("authorizer.class.name=\n", "s.properties", {}).has_value());
  const auto plain =
      parse_server_properties("security.inter.broker.protocol=PLAINTEXT\n", "s.properties", {});
  REQUIRE(plain.has_value());
  CHECK(plain->warnings.empty());
}

TEST_CASE("a larger message.max.bytes than there can be is taken as the largest", "[tools][node]") {
  const auto read = parse_server_properties("message.max.bytes=200000000\n", "s.properties", {});
  REQUIRE(read.has_value());
  REQUIRE(read->warnings.size() == 1);
  CHECK_THAT(read->warnings[0], contains("s.properties line 1: message.max.bytes is more than "
                                         "134217728"));
  CHECK(read->node.defaults.topics.at("max.message.bytes") == "134217728");
}

TEST_CASE("connections are limited by address", "[tools][node]") {
  const auto read = parse_server_properties(
      "max.connections.per.ip=0\nmax.connections.per.ip.overrides=127.0.0.1:3, 0:0::1:4\n",
      "s.properties", {});
  REQUIRE(read.has_value());
  CHECK(read->warnings.empty());
  CHECK(read->edge.connections_per_address_max == 0);
  CHECK(read->edge.connections_of_address ==
        std::map<std::string, std::uint32_t>{{"127.0.0.1", 3}, {"::1", 4}});
  for (const auto* each : {"max.connections.per.ip=0", "max.connections.per.ip.overrides=myhost:3",
                           "max.connections.per.ip.overrides=127.0.0.1",
                           "max.connections.per.ip.overrides=127.0.0.1:-1"}) {
    INFO(each);
    CHECK_FALSE(parse_server_properties(std::string{each} + "\n", "s.properties", {}).has_value());
  }
}

TEST_CASE("a file that is no text says so in text", "[tools][node]") {
  const auto read = parse_server_properties(std::string{"\x1b[2Jx\0y=1\n", 10}, "a.bin", {});
  REQUIRE(read.has_value());
  REQUIRE(read->warnings.size() == 1);
  CHECK(read->warnings[0] == "a.bin line 1: \\x1b[2Jx\\x00y is not known here and has no effect");
  const auto bad = parse_server_properties("num.partitions=\a\n", "a.bin", {});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().message().find('\a') == std::string::npos);
}
