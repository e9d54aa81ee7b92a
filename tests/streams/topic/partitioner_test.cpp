#include "streams/topic/partitioner.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

using namespace penstock;

TEST_CASE("murmur2 gives what Kafka's client gives", "[topic][partitioner]") {
  // The first six are from Kafka's UtilsTest, the others were computed with kafka-clients 4.3.1.
  const std::vector<std::pair<std::string, std::int32_t>> known{
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
      {"", 275646681},
      {"a", -1563381124},
      {"k1", 1684045097},
      {"\xc3\xa9t\xc3\xa9", -2101193575}};
  for (const auto& [key, hash] : known) {
    INFO(key);
    CHECK(static_cast<std::int32_t>(murmur2(key)) == hash);
  }
}

TEST_CASE("a key has the partition that Kafka's producer gives it", "[topic][partitioner]") {
  CHECK(partition_of_key("21", 12) == 0);
  CHECK(partition_of_key("foobar", 12) == 6);
  CHECK(partition_of_key("user-42", 12) == 4);
  CHECK(partition_of_key("", 12) == 9);
  CHECK(partition_of_key("anything", 1) == 0);
}

TEST_CASE("records without a key stay together until the batch is full", "[topic][partitioner]") {
  sticky_partitioner chooser{penstock::random{7}};
  CHECK(chooser.partition("foobar", 12) == 6);
  auto first = chooser.partition(std::nullopt, 12);
  for (int i = 0; i < 10; ++i) CHECK(chooser.partition(std::nullopt, 12) == first);
  std::set<std::int32_t> seen;
  auto last = first;
  for (int i = 0; i < 500; ++i) {
    chooser.next_batch(12);
    auto next = chooser.partition(std::nullopt, 12);
    CHECK(next != last);
    CHECK((next >= 0 && next < 12));
    seen.insert(next);
    last = next;
  }
  CHECK(seen.size() == 12);
  chooser.next_batch(1);
  CHECK(chooser.partition(std::nullopt, 1) == 0);
  CHECK(chooser.partition(std::nullopt, 40) == 0);
}
