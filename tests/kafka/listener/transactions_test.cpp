// Transactions as Kafka's clients see them, request by request.
#include "streams/topic/transactions.hpp"
#include "tests/kafka/listener/transactional_client.hpp"

using namespace penstock;
using namespace penstock::kafka;
using penstock::test::code;
using penstock::test::committed_reader;
using penstock::test::transactional_client;
using penstock::test::virtual_node;

namespace {

using strings = std::vector<std::string>;

void crash(virtual_node& node, std::uint64_t seed = 3) {
  node.disk.freeze();
  caf::anon_send_exit(node.node, caf::exit_reason::kill);
  node.clock.run_for(std::chrono::milliseconds{10});
  penstock::random chance{seed};
  node.disk.crash(chance);
  node.start();
}

}  // namespace

TEST_CASE("committed records are seen when the transaction commits", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  committed_reader reader{node};
  REQUIRE(writer.init() == 0);
  CHECK(writer.epoch == 0);
  REQUIRE(writer.add("t") == 0);
  REQUIRE(writer.produce("t", "one") == 0);
  REQUIRE(writer.produce("t", "two") == 0);
  CHECK(reader.read("t").empty());
  CHECK(reader.end_of("t", false) == 2);
  CHECK(reader.end_of("t", true) == 0);
  CHECK(reader.fetch("t", 0).last_stable_offset == 0);
  CHECK(reader.fetch("t", 0, 0, false).records->size() > 0);
  CHECK(writer.end(true) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.read("t") == strings{"one", "two"});
  CHECK(reader.end_of("t", true) == 3);  // the marker has an offset
  CHECK(writer.end(true) == 0);          // asked again
  CHECK(writer.end(false) == code(error_code::invalid_txn_state));
}

TEST_CASE("aborted records are listed for readers to leave out", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client one{node, "one"};
  transactional_client two{node, "two"};
  committed_reader reader{node};
  REQUIRE(one.init() == 0);
  REQUIRE(two.init() == 0);
  REQUIRE(one.add("t") == 0);
  REQUIRE(two.add("t") == 0);
  REQUIRE(one.produce("t", "aborted") == 0);
  REQUIRE(two.produce("t", "committed") == 0);
  REQUIRE(one.produce("t", "aborted too") == 0);
  CHECK(two.end(true) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.read("t").empty());  // the first is open still
  CHECK(one.end(false) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.read("t") == strings{"committed"});
  const auto got = reader.fetch("t", 0);
  REQUIRE(got.aborted_transactions->size() == 1);
  CHECK(got.aborted_transactions->front().producer_id == one.producer);
  CHECK(got.aborted_transactions->front().first_offset == 0);
  CHECK_FALSE(reader.fetch("t", 0, 0, false).aborted_transactions.has_value());

  // Our own readers get none of it.
  auto filtered = node.ask<penstock::fetch_reply>(penstock::fetch_request::make([&](auto out) {
    out.setTopic("t");
    out.setMaxBytes(1u << 20);
    out.setIsolation(wire::Isolation::FILTERED);
  }));
  CHECK(filtered.open()->getNextOffset() == 5);
  strings values;
  auto in = filtered.open();
  for (bytes_view left = view(in->getBatches()); !left.empty();) {
    const auto batch = batch_view::parse(left).value();
    left.remove_prefix(batch.size());
    batch_cursor cursor;
    record_view record;
    cursor.open(batch).value();
    while (!batch.is_control() && cursor.next(record).value())
      values.emplace_back(record.value.value());
  }
  CHECK(values == strings{"committed"});
}

TEST_CASE("a waiting reader of committed records wakes at the marker", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  test::kafka_client reader{node};
  REQUIRE(writer.init() == 0);
  REQUIRE(writer.add("t") == 0);
  kafka::fetch_request request;
  request.max_wait_ms = 20'000;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  request.isolation_level = 1;
  auto& from = request.topics.emplace_back();
  from.topic = "t";
  auto& part = from.partitions.emplace_back();
  part.fetch_offset = 0;
  part.partition_max_bytes = 1 << 20;
  reader.send(request, 11);
  REQUIRE(writer.produce("t", "late") == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.output->answered == 0);
  CHECK(writer.end(true) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.output->answered == 1);
}

TEST_CASE("a newer producer of the id fences the older one", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client older{node, "w"};
  committed_reader reader{node};
  REQUIRE(older.init() == 0);
  REQUIRE(older.add("t") == 0);
  REQUIRE(older.produce("t", "zombie") == 0);
  transactional_client newer{node, "w"};
  // The transaction before is aborted first.
  CHECK(newer.init() == code(error_code::concurrent_transactions));
  REQUIRE(newer.init_patiently() == 0);
  CHECK(newer.producer == older.producer);
  CHECK(newer.epoch > older.epoch);
  CHECK(older.produce("t", "late") == code(error_code::invalid_producer_epoch));
  CHECK(older.add("t") == code(error_code::producer_fenced));
  CHECK(older.add("t", 0, 1) == code(error_code::invalid_producer_epoch));
  CHECK(older.end(true) == code(error_code::producer_fenced));
  CHECK(older.add_group("g") == code(error_code::producer_fenced));
  CHECK(older.commit_offset("g", "t", 1) == code(error_code::invalid_producer_epoch));
  older.sequences.clear();
  CHECK(older.init(60'000, true) == code(error_code::producer_fenced));
  CHECK(older.init(60'000, true, 3) == code(error_code::invalid_producer_epoch));
  REQUIRE(newer.add("t") == 0);
  REQUIRE(newer.produce("t", "sound") == 0);
  REQUIRE(newer.end(true) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.read("t") == strings{"sound"});
}

TEST_CASE("a producer may raise its own epoch, and ask again", "[kafka][transactions]") {
  virtual_node node;
  transactional_client writer{node, "w"};
  REQUIRE(writer.init() == 0);
  transactional_client same{node, "w"};
  same.producer = writer.producer;
  same.epoch = writer.epoch;
  REQUIRE(writer.init(60'000, true) == 0);
  CHECK(writer.epoch == 1);
  REQUIRE(same.init(60'000, true) == 0);  // the answer had been lost
  CHECK(same.epoch == 1);
  CHECK(same.producer == writer.producer);
}

TEST_CASE("what does not belong to a transaction is refused", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t", 2));
  transactional_client writer{node, "w"};
  CHECK(writer.init(0) == code(error_code::invalid_transaction_timeout));
  CHECK(writer.init(900'001) == code(error_code::invalid_transaction_timeout));
  REQUIRE(writer.init() == 0);
  CHECK(writer.end(true) == code(error_code::invalid_txn_state));
  CHECK(writer.produce("t", "early") == code(error_code::invalid_txn_state));
  REQUIRE(writer.add("t", 0) == 0);
  CHECK(writer.produce("t", "elsewhere", 1) == code(error_code::invalid_txn_state));
  CHECK(writer.add("none") == code(error_code::unknown_topic_or_partition));
  CHECK(writer.add("t", 2) == code(error_code::unknown_topic_or_partition));
  CHECK(writer.produce("t", "sound") == 0);
  transactional_client nobody{node, "nobody"};
  nobody.producer = writer.producer;
  nobody.epoch = 0;
  CHECK(nobody.end(true) == code(error_code::invalid_producer_id_mapping));
  CHECK(nobody.add("t") == code(error_code::invalid_producer_id_mapping));
  transactional_client unnamed{node, ""};
  CHECK(unnamed.init() == code(error_code::invalid_request));
  CHECK(writer.end(true) == 0);
  // After the marker the partition must be added again.
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(writer.produce("t", "late") == code(error_code::invalid_txn_state));
}

TEST_CASE("offsets in a transaction count when it commits", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  committed_reader reader{node};
  REQUIRE(writer.init() == 0);
  REQUIRE(writer.add_group("g") == 0);
  REQUIRE(writer.commit_offset("g", "t", 5) == 0);
  CHECK(reader.committed_offset("g", "t").code == code(error_code::unstable_offset_commit));
  CHECK(reader.committed_offset("g", "t", false).code == 0);
  CHECK(reader.committed_offset("g", "t", false).offset == -1);
  CHECK(writer.end(true) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(reader.committed_offset("g", "t").offset == 5);

  REQUIRE(writer.add_group("g") == 0);
  REQUIRE(writer.commit_offset("g", "t", 9) == 0);
  bool again = false;
  SECTION("aborted") {}
  SECTION("aborted after the node was started again") {
    again = true;
    crash(node);
  }
  transactional_client later{node, "w"};
  committed_reader looking{node};
  CHECK(looking.committed_offset("g", "t").code == code(error_code::unstable_offset_commit));
  later.producer = writer.producer;
  later.epoch = writer.epoch;
  CHECK(later.end_patiently(false) == 0);
  node.clock.run_for(std::chrono::seconds{1});
  CHECK(looking.committed_offset("g", "t").offset == 5);
  if (again) CHECK(looking.committed_offset("g", "t").code == 0);
}

TEST_CASE("offsets of a group that is not in the transaction are refused",
          "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  REQUIRE(writer.init() == 0);
  CHECK(writer.commit_offset("g", "t", 5) == code(error_code::invalid_txn_state));
  REQUIRE(writer.add_group("g") == 0);
  CHECK(writer.commit_offset("g", "t", 5) == 0);
}

TEST_CASE("a transaction that is open for too long is aborted", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  committed_reader reader{node};
  REQUIRE(writer.init(5'000) == 0);
  REQUIRE(writer.add("t") == 0);
  REQUIRE(writer.produce("t", "slow") == 0);
  SECTION("in one life") {}
  SECTION("over a crash") {
    crash(node);
  }
  node.clock.run_for(std::chrono::seconds{8});
  committed_reader looking{node};
  CHECK(looking.end_of("t", true) == 2);
  CHECK(looking.read("t").empty());
  transactional_client late{node, "w"};
  late.producer = writer.producer;
  late.epoch = writer.epoch;
  late.sequences[{"t", 0}] = 1;
  CHECK(late.end(true) == code(error_code::producer_fenced));
  CHECK(late.produce("t", "later") == code(error_code::invalid_producer_epoch));
}

TEST_CASE("what was decided is carried out after a crash", "[kafka][transactions]") {
  for (const bool commit : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      CAPTURE(commit, seed);
      virtual_node node{seed};
      REQUIRE_FALSE(node.create("t", 3));
      {
        transactional_client writer{node, "w"};
        REQUIRE(writer.init() == 0);
        for (std::int32_t each = 0; each < 3; ++each) {
          REQUIRE(writer.add("t", each) == 0);
          REQUIRE(writer.produce("t", "v", each) == 0);
        }
        REQUIRE(writer.add_group("g") == 0);
        REQUIRE(writer.commit_offset("g", "t", 7) == 0);
        REQUIRE(writer.end(commit) == 0);
        // Some of the markers may be there.
        for (std::uint64_t i = 0; i < seed * 4; ++i) node.clock.step();
      }
      crash(node, seed);
      node.clock.run_for(std::chrono::seconds{2});
      committed_reader reader{node};
      for (std::int32_t each = 0; each < 3; ++each) {
        const auto got = reader.fetch("t", 0, each);
        CHECK(got.last_stable_offset >= 2);
        CHECK(reader.read("t", each) == (commit ? strings{"v"} : strings{}));
      }
      CHECK(reader.committed_offset("g", "t").offset == (commit ? 7 : -1));
      transactional_client next{node, "w"};
      CHECK(next.init_patiently() == 0);
    }
  }
}

TEST_CASE("transactions are described and listed", "[kafka][transactions]") {
  virtual_node node;
  REQUIRE_FALSE(node.create("t"));
  transactional_client writer{node, "w"};
  REQUIRE(writer.init() == 0);
  transactional_client idle{node, "idle"};
  REQUIRE(idle.init() == 0);
  REQUIRE(writer.add("t") == 0);
  REQUIRE(writer.produce("t", "v") == 0);
  kafka::describe_transactions_request which;
  which.transactional_ids = {"w", "none"};
  auto described = writer.call(which, 0).transaction_states;
  REQUIRE(described.size() == 2);
  CHECK(described[0].transaction_state == "Ongoing");
  CHECK(described[0].producer_id == writer.producer);
  CHECK(described[0].transaction_timeout_ms == 60'000);
  REQUIRE(described[0].topics.size() == 1);
  CHECK(described[0].topics[0].topic == "t");
  CHECK(described[1].error_code == code(error_code::transactional_id_not_found));

  kafka::list_transactions_request all;
  CHECK(writer.call(all, 1).transaction_states.size() == 2);
  all.state_filters = {"Ongoing", "Nonsense"};
  auto listed = writer.call(all, 1);
  REQUIRE(listed.transaction_states.size() == 1);
  CHECK(listed.transaction_states[0].transactional_id == "w");
  CHECK(listed.unknown_state_filters == strings{"Nonsense"});
  all.state_filters.clear();
  all.duration_filter = 10'000;
  CHECK(writer.call(all, 1).transaction_states.empty());
  node.clock.run_for(std::chrono::seconds{11});
  CHECK(writer.call(all, 1).transaction_states.size() == 1);
  all.duration_filter = -1;
  all.transactional_id_pattern = "i.*e";
  listed = writer.call(all, 2);
  REQUIRE(listed.transaction_states.size() == 1);
  CHECK(listed.transaction_states[0].transactional_id == "idle");
  all.transactional_id_pattern = "dl";
  CHECK(writer.call(all, 2).transaction_states.empty());
  all.transactional_id_pattern = "";
  CHECK(writer.call(all, 2).transaction_states.size() == 2);
  all.transactional_id_pattern = "(";
  CHECK(writer.call(all, 2).error_code == code(error_code::invalid_regular_expression));

  kafka::describe_producers_request producers;
  producers.topics.push_back({"t", {0, 9}});
  auto active = writer.call(producers, 0).topics[0].partitions;
  REQUIRE(active[0].active_producers.size() == 1);
  CHECK(active[0].active_producers[0].producer_id == writer.producer);
  CHECK(active[0].active_producers[0].current_txn_start_offset == 0);
  CHECK(active[1].error_code == code(error_code::unknown_topic_or_partition));

  // What `kafka-transactions abort` does to a transaction that hangs.
  kafka::write_txn_markers_request abort;
  auto& marker = abort.markers.emplace_back();
  marker.producer_id = writer.producer;
  marker.producer_epoch = writer.epoch;
  marker.topics.push_back({"t", {0}});
  CHECK(writer.call(abort, 1).markers[0].topics[0].partitions[0].error_code == 0);
  committed_reader reader{node};
  CHECK(reader.end_of("t", true) == 2);
}

TEST_CASE("an id that nobody uses is forgotten", "[kafka][transactions]") {
  virtual_node node;
  transactional_client writer{node, "w"};
  REQUIRE(writer.init() == 0);
  node.clock.run_for(std::chrono::hours{24 * 8});
  CHECK(writer.end(false) == code(error_code::invalid_producer_id_mapping));
  crash(node);
  transactional_client again{node, "w"};
  REQUIRE(again.init() == 0);
  CHECK(again.producer != writer.producer);
}

TEST_CASE("when an id's epochs are used up it gets another producer id", "[kafka][transactions]") {
  virtual_node node;
  // As an earlier run has left it.
  auto made = node.ask<admin_reply>(create_topic_request::make([](auto out) {
    out.setName(std::string{transactions_topic}.c_str());
    out.setPartitions(1);
    out.setInternal(true);
  }));
  REQUIRE_FALSE(error_of(made.open()->getFailure()));
  transaction_value value;
  value.producer_id = 77;
  value.epoch = 32'765;
  value.timeout = 60s;
  value.last_update = value.start = node.clock.time.now();
  batch_builder builder;
  const auto key = encode_transaction_key("w");
  const auto content = encode(value);
  builder.add(node.clock.time.now(), key, content);
  const bytes batch{builder.finish()};
  auto stored = node.ask<append_reply>(append_request::make(batch.size(), [&](auto out) {
    out.setTopic(std::string{transactions_topic}.c_str());
    out.setBatches(data_of(batch));
  }));
  REQUIRE_FALSE(error_of(stored.open()->getFailure()));

  transactional_client writer{node, "w"};
  REQUIRE(writer.init() == 0);
  CHECK(writer.producer == 77);
  CHECK(writer.epoch == 32'766);
  transactional_client same{node, "w"};
  same.producer = writer.producer;
  same.epoch = writer.epoch;
  REQUIRE(writer.init(60'000, true) == 0);
  CHECK(writer.producer != 77);
  CHECK(writer.epoch == 0);
  const auto given = writer.producer;
  REQUIRE(same.init(60'000, true) == 0);  // the answer had been lost
  CHECK(same.producer == given);
}
