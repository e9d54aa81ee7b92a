#pragma once
/// A transactional producer and a reader of committed records, word by word of the protocol, on a
/// virtual node.

#include <map>
#include <string>
#include <vector>

#include "kafka/protocol/error_code.hpp"
#include "tests/kafka/listener/kafka_client.hpp"

namespace penstock::test {

inline std::int16_t code(kafka::error_code which) {
  return number(which);
}

struct transactional_client : kafka_client {
  transactional_client(virtual_node& on, std::string transactional_id)
      : kafka_client(on), node(on), id(std::move(transactional_id)) {}

  std::int16_t init(std::int32_t timeout_ms = 60'000, bool again = false, int version = 4) {
    kafka::init_producer_id_request request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    if (again) {
      request.producer_id = producer;
      request.producer_epoch = epoch;
    }
    const auto got = call(request, version);
    if (got.error_code != 0) return got.error_code;
    producer = got.producer_id;
    epoch = got.producer_epoch;
    sequences.clear();
    return 0;
  }
  /// Until it is not the transaction before that is in the way.
  std::int16_t init_patiently(std::int32_t timeout_ms = 60'000) {
    return patiently([&] { return init(timeout_ms); });
  }

  std::int16_t add(const std::string& topic, std::int32_t partition = 0, int version = 3) {
    kafka::add_partitions_to_txn_request request;
    request.v3_and_below_transactional_id = id;
    request.v3_and_below_producer_id = producer;
    request.v3_and_below_producer_epoch = epoch;
    request.v3_and_below_topics.push_back({topic, {partition}});
    return call(request, version)
        .results_by_topic_v3_and_below[0]
        .results_by_partition[0]
        .partition_error_code;
  }
  std::int16_t add_patiently(const std::string& topic, std::int32_t partition = 0) {
    return patiently([&] { return add(topic, partition); });
  }

  std::int16_t produce(const std::string& topic, const std::string& value,
                       std::int32_t partition = 0, bool transactional = true) {
    batch_options options;
    options.producer_id = producer;
    options.producer_epoch = epoch;
    options.transactional = transactional;
    auto& sequence = sequences[{topic, partition}];
    options.base_sequence = sequence;
    batch_builder builder{options};
    builder.add(node.clock.time.now(), std::nullopt, value);
    const bytes batch{builder.finish()};
    kafka::produce_request request;
    if (transactional) request.transactional_id = id;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    auto& part = data.partition_data.emplace_back();
    part.index = partition;
    part.records = batch;
    const auto got = call(request, 9).responses[0].partition_responses[0];
    if (got.error_code == 0) ++sequence;
    return got.error_code;
  }

  std::int16_t add_group(const std::string& group) {
    kafka::add_offsets_to_txn_request request;
    request.transactional_id = id;
    request.producer_id = producer;
    request.producer_epoch = epoch;
    request.group_id = group;
    return call(request, 3).error_code;
  }
  std::int16_t commit_offset(const std::string& group, const std::string& topic,
                             std::int64_t offset) {
    kafka::txn_offset_commit_request request;
    request.transactional_id = id;
    request.group_id = group;
    request.producer_id = producer;
    request.producer_epoch = epoch;
    auto& of = request.topics.emplace_back();
    of.name = topic;
    of.partitions.push_back({0, offset, -1, ""});
    return call(request, 3).topics[0].partitions[0].error_code;
  }

  std::int16_t end(bool commit, int version = 3) {
    kafka::end_txn_request request;
    request.transactional_id = id;
    request.producer_id = producer;
    request.producer_epoch = epoch;
    request.committed = commit;
    return call(request, version).error_code;
  }
  /// Until it is answered for good.
  std::int16_t end_patiently(bool commit) {
    return patiently([&] { return end(commit); });
  }

  template <class Ask>
  std::int16_t patiently(Ask ask) {
    for (int i = 0; i < 200; ++i) {
      const auto got = ask();
      if (got != code(kafka::error_code::concurrent_transactions)) return got;
      node.clock.run_for(std::chrono::milliseconds{20});
    }
    return code(kafka::error_code::concurrent_transactions);
  }

  virtual_node& node;
  std::string id;
  std::int64_t producer = -1;
  std::int16_t epoch = -1;
  std::map<topic_partition, std::int32_t> sequences;
};

struct committed_reader : kafka_client {
  using kafka_client::kafka_client;

  kafka::fetch_response::partition_data fetch(const std::string& topic, std::int64_t offset,
                                              std::int32_t partition = 0, bool committed = true) {
    kafka::fetch_request request;
    request.max_wait_ms = 0;
    request.max_bytes = 1 << 20;
    request.isolation_level = committed ? 1 : 0;
    auto& from = request.topics.emplace_back();
    from.topic = topic;
    auto& part = from.partitions.emplace_back();
    part.partition = partition;
    part.fetch_offset = offset;
    part.partition_max_bytes = 1 << 20;
    return call(request, 11).responses[0].partitions[0];
  }

  /// Values that Kafka's clients hand over: they leave out what the list says was aborted, and
  /// control batches.
  std::vector<std::string> read(const std::string& topic, std::int32_t partition = 0) {
    std::vector<std::string> values;
    std::int64_t offset = 0;
    while (true) {
      const auto got = fetch(topic, offset, partition);
      REQUIRE(got.error_code == 0);
      bytes_view left = got.records.value_or(bytes_view{});
      if (left.empty()) return values;
      auto aborted = got.aborted_transactions.value();
      std::map<std::int64_t, std::int64_t> from;  // of the transactions that the reader is in
      while (!left.empty()) {
        const auto batch = batch_view::parse(left).value();
        left.remove_prefix(batch.size());
        offset = batch.next_offset();
        for (const auto& each : aborted)
          if (each.first_offset <= batch.last_offset() && !from.contains(each.producer_id) &&
              each.first_offset >= 0)
            from[each.producer_id] = each.first_offset;
        if (batch.is_control()) {
          // Its transaction is over: the entry is used up.
          std::erase_if(aborted, [&](const auto& each) {
            return each.producer_id == batch.producer_id() &&
                   each.first_offset <= batch.last_offset();
          });
          from.erase(batch.producer_id());
          continue;
        }
        if (batch.is_transactional() && from.contains(batch.producer_id())) continue;
        batch_cursor cursor;
        record_view record;
        cursor.open(batch).value();
        while (cursor.next(record).value()) values.emplace_back(record.value.value_or("(none)"));
      }
    }
  }

  std::int64_t end_of(const std::string& topic, bool committed) {
    kafka::list_offsets_request request;
    request.isolation_level = committed ? 1 : 0;
    auto& of = request.topics.emplace_back();
    of.name = topic;
    of.partitions.push_back({0, -1, -1});
    return call(request, 5).topics[0].partitions[0].offset;
  }

  struct found_offset {
    std::int64_t offset;
    std::int16_t code;
  };
  found_offset committed_offset(const std::string& group, const std::string& topic,
                                bool stable = true) {
    kafka::offset_fetch_request request;
    request.group_id = group;
    request.topics.emplace();
    request.topics->push_back({topic, {0}});
    request.require_stable = stable;
    const auto got = call(request, 7);
    REQUIRE(got.error_code == 0);
    const auto& part = got.topics[0].partitions[0];
    return {part.committed_offset, part.error_code};
  }
};

}  // namespace penstock::test
