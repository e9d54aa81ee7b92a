#include "streams/topic/consumer_protocol.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "streams/topic/kafka_coding.hpp"

namespace penstock {
namespace {

using namespace kafka_coding;

// Kafka's [TopicPartition => Topic [Partition]]: topics in order of first appearance.
void put_partitions(bytes& to, const std::vector<topic_partition>& partitions) {
  std::vector<std::pair<std::string_view, std::vector<std::int32_t>>> by_topic;
  std::map<std::string_view, std::size_t> place;
  for (const auto& one : partitions) {
    auto [at, is_new] = place.emplace(one.topic, by_topic.size());
    if (is_new) by_topic.push_back({one.topic, {}});
    by_topic[at->second].second.push_back(one.partition);
  }
  put_count(to, by_topic.size());
  for (const auto& [topic, numbers] : by_topic) {
    put_string(to, topic);
    put_count(to, numbers.size());
    for (auto number : numbers) put_be(to, number);
  }
}

std::vector<topic_partition> read_partitions(byte_reader& from) {
  std::vector<topic_partition> partitions;
  auto topics = read_count(from, 6);
  for (std::int32_t i = 0; i < topics && from.ok(); ++i) {
    auto topic = read_string(from);
    auto numbers = read_count(from, 4);
    for (std::int32_t k = 0; k < numbers && from.ok(); ++k)
      partitions.push_back({topic, from.be<std::int32_t>()});
  }
  return partitions;
}

error broken(std::string_view what, bytes_view from) {
  return error{errc::corrupt,
               fmt::format("{} of {} bytes ends too soon or has a length that is not true: the "
                           "client that sent it is broken",
                           what, from.size())};
}

}  // namespace

bytes encode(const consumer_subscription& subscription, std::int16_t version) {
  PENSTOCK_ASSERT(version >= 0 && version <= 3, version);
  bytes to;
  put_be(to, version);
  auto topics = subscription.topics;
  std::sort(topics.begin(), topics.end());
  put_count(to, topics.size());
  for (const auto& topic : topics) put_string(to, topic);
  put_nullable_bytes(to, subscription.user_data);
  if (version >= 1) {
    auto owned = subscription.owned;
    std::sort(owned.begin(), owned.end());
    put_partitions(to, owned);
  }
  if (version >= 2) put_be(to, subscription.generation);
  if (version >= 3) put_nullable_string(to, subscription.rack);
  return to;
}

bytes encode(const consumer_assignment& assignment, std::int16_t version) {
  PENSTOCK_ASSERT(version >= 0 && version <= 3, version);
  bytes to;
  put_be(to, version);
  put_partitions(to, assignment.partitions);
  put_nullable_bytes(to, assignment.user_data);
  return to;
}

result<consumer_subscription> decode_subscription(bytes_view from) {
  consumer_subscription subscription;
  if (from.empty()) return subscription;
  byte_reader reader{from};
  auto version = reader.be<std::int16_t>();
  auto topics = read_count(reader, 2);
  for (std::int32_t i = 0; i < topics && reader.ok(); ++i)
    subscription.topics.push_back(read_string(reader));
  subscription.user_data = read_nullable_bytes(reader);
  if (version >= 1) subscription.owned = read_partitions(reader);
  if (version >= 2) subscription.generation = reader.be<std::int32_t>();
  if (version >= 3) subscription.rack = read_nullable_string(reader);
  if (!reader.ok() || version < 0) return broken("a consumer subscription", from);
  return subscription;
}

result<consumer_assignment> decode_assignment(bytes_view from) {
  consumer_assignment assignment;
  if (from.empty()) return assignment;
  byte_reader reader{from};
  auto version = reader.be<std::int16_t>();
  assignment.partitions = read_partitions(reader);
  assignment.user_data = read_nullable_bytes(reader);
  if (!reader.ok() || version < 0) return broken("a consumer assignment", from);
  return assignment;
}

}  // namespace penstock
