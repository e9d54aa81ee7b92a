#include "actors/client/producer.hpp"

#include <map>
#include <thread>

#include "actors/client/consumer.hpp"
#include "tests/support/real_node.hpp"

namespace penstock {
namespace {

using test::contains;
using test::real_node;

producer open(real_node& n, producer_config config = {}) {
  return producer::open(n.system, n.node, config).value();
}

// Everything in a topic, per partition, in the order of the partition.
std::map<std::int32_t, std::vector<std::string>> read_all(real_node& n, const std::string& topic) {
  consumer_config config;
  config.topics = {topic};
  config.start = start_at::beginning;
  consumer reader{n.system, n.node, config};
  std::map<std::int32_t, std::vector<std::string>> found;
  while (true) {
    auto got = reader.poll(2s);
    REQUIRE(got.has_value());
    for (auto& each : *got) found[each.from.partition].push_back(*each.what.value);
    if (reader.at_end()) return found;
  }
}

TEST_CASE("what a producer has flushed is there, once and in order", "[actors][producer]") {
  real_node n;
  n.create("orders", 1);
  auto p = open(n);
  for (int i = 0; i < 5000; ++i)
    REQUIRE(p.send("orders", {.value = "order-" + std::to_string(i)}).has_value());
  REQUIRE(p.flush().has_value());
  CHECK(p.acknowledged({"orders", 0}) == 5000);
  auto found = read_all(n, "orders");
  REQUIRE(found[0].size() == 5000);
  for (std::size_t i = 0; i < 5000; ++i) CHECK(found[0][i] == "order-" + std::to_string(i));
}

TEST_CASE("a record is sent after its linger time, without a flush", "[actors][producer]") {
  real_node n;
  n.create("orders", 1);
  auto p = open(n);
  REQUIRE(p.send("orders", {.value = "alone"}).has_value());
  consumer_config config;
  config.topics = {"orders"};
  config.start = start_at::beginning;
  consumer reader{n.system, n.node, config};
  auto got = reader.poll(10s);
  REQUIRE(got.has_value());
  REQUIRE(got->size() == 1);
  CHECK(got->front().what.value == "alone");
}

TEST_CASE("equal keys go to one partition, and threads may share a producer",
          "[actors][producer]") {
  real_node n;
  n.create("orders", 4);
  auto p = open(n);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&p, t] {
      for (int i = 0; i < 500; ++i) {
        const auto key = "key-" + std::to_string(i % 20);
        (void)p.send("orders", {.key = key, .value = key + "/" + std::to_string(t)});
      }
    });
  for (auto& each : threads) each.join();
  REQUIRE(p.flush().has_value());
  std::map<std::string, std::int32_t> home;
  std::size_t total = 0;
  for (const auto& [partition, values] : read_all(n, "orders")) {
    total += values.size();
    for (const auto& value : values) {
      const auto key = value.substr(0, value.find('/'));
      CHECK(home.try_emplace(key, partition).first->second == partition);
    }
  }
  CHECK(total == 1500);
}

TEST_CASE("a record that no batch of the topic can hold is refused by name", "[actors][producer]") {
  real_node n;
  n.create("orders", 1);
  auto p = open(n);
  auto refused = p.send("orders", {.value = std::string(2u << 20, 'x')});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == errc::record_too_large);
  CHECK_THAT(refused.error().message(), contains("max.message.bytes=1048588"));
  // And nothing else suffers from it.
  REQUIRE(p.send("orders", {.value = "small"}).has_value());
  CHECK(p.flush().has_value());
}

TEST_CASE("a full buffer makes send wait, and then say so", "[actors][producer]") {
  real_node n;
  n.create("orders", 1);
  producer_config config;
  config.buffer_bytes_max = 64u << 10;
  auto p = open(n, config);
  for (int i = 0; i < 2000; ++i)
    REQUIRE(p.send("orders", {.value = std::string(500, 'x')}).has_value());
  REQUIRE(p.flush().has_value());
  CHECK(p.acknowledged({"orders", 0}) == 2000);
}

TEST_CASE("what is acknowledged counts from the first message without a gap",
          "[actors][producer]") {
  real_node n;
  n.create("kept", 1);
  n.create("gone", 1);
  auto p = open(n);
  CHECK(p.acknowledged() == 0);
  for (int i = 0; i < 10; ++i) REQUIRE(p.send("kept", {.value = "x"}).has_value());
  REQUIRE(p.flush().has_value());
  CHECK(p.acknowledged() == 10);
  REQUIRE(p.send("gone", {.value = "x"}).has_value());
  REQUIRE(p.flush().has_value());
  n.remove("gone");
  REQUIRE(p.send("kept", {.value = "x"}).has_value());
  REQUIRE(p.send("gone", {.value = "x"}).has_value());
  (void)p.send("kept", {.value = "x"});
  CHECK_FALSE(p.flush().has_value());
  CHECK(p.acknowledged() == 12);
}

TEST_CASE("an unknown topic or partition is an error of send", "[actors][producer]") {
  real_node n;
  auto p = open(n);
  CHECK(p.send("nothing", {.value = "x"}).error() == errc::unknown_topic);
  n.create("orders", 2);
  CHECK(p.send("orders", {.value = "x", .partition = 7}).error() == errc::unknown_topic);
}

}  // namespace
}  // namespace penstock
