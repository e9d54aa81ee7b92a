// Transactions under crashes, delays and zombies, from a seed. Workers consume a counter (the
// offset that their group has committed), produce what comes of it into two partitions, and commit
// both in one transaction. Whatever happens, a reader of committed records must find each number
// once, as far as the committed offset says: nothing lost, nothing twice, nothing of what was
// aborted, and nothing of a producer after a newer one has taken over its id.
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "streams/topic/offsets.hpp"
#include "tests/kafka/listener/transactional_client.hpp"
#include "tests/support/scale.hpp"

using namespace penstock;
using namespace penstock::kafka;
using penstock::test::code;
using penstock::test::committed_reader;
using penstock::test::kafka_client;
using penstock::test::virtual_node;

namespace {

constexpr int ids = 2;
constexpr std::int32_t partitions = 2;

enum class outcome : std::uint8_t { unknown, committed, aborted };

/// One transaction, by its number: what was asked and answered.
struct history {
  outcome how = outcome::unknown;
  std::set<std::string> values;  // acknowledged, or perhaps written
};

struct world {
  explicit world(std::uint64_t seed) : node(seed), chance(seed * 7919 + 1) {}

  virtual_node node;
  penstock::random chance;
  std::vector<history> transactions;
};

/// One life of a producer. It does one thing at a time, and ends when somebody else has its id.
class worker {
 public:
  worker(world& in, int number)
      : world_(in), number_(number), client_(std::make_unique<kafka_client>(in.node)) {
    init();
  }

  bool over() const { return over_; }
  int number() const { return number_; }

  /// Goes on if there is an answer, or a pause is over.
  bool turn() {
    if (over_) return false;
    if (resume_ && world_.node.clock.time.monotonic() >= resume_at_) {
      std::exchange(resume_, nullptr)();
      return true;
    }
    if (answer_ && client_->output->answered > seen_) {
      ++seen_;
      std::exchange(answer_, nullptr)();
      return true;
    }
    return false;
  }

 private:
  template <class Request>
  void ask(Request request, int version,
           std::function<void(const typename Request::response&)> then) {
    client_->send(request, version);
    answer_ = [this, version, then] { then(client_->receive<Request>(version)); };
  }
  void pause(std::function<void()> then) {
    resume_ = std::move(then);
    resume_at_ = world_.node.clock.time.monotonic() + std::chrono::milliseconds{20};
  }
  std::string id() const { return "worker-" + std::to_string(number_); }

  /// True: go on. Else it has been seen to: asked again, or at its end.
  bool fine(std::int16_t got, std::function<void()> again, std::function<void()> otherwise) {
    if (got == 0) return true;
    if (got == code(error_code::concurrent_transactions) ||
        got == code(error_code::coordinator_not_available) ||
        got == code(error_code::coordinator_load_in_progress)) {
      pause(std::move(again));
    } else if (got == code(error_code::producer_fenced) ||
               got == code(error_code::invalid_producer_epoch)) {
      over_ = true;
    } else {
      otherwise();
    }
    return false;
  }

  void init() {
    init_producer_id_request request;
    request.transactional_id = id();
    request.transaction_timeout_ms = 30'000;
    ask(request, 4, [this](const init_producer_id_response& got) {
      if (!fine(
              got.error_code, [this] { init(); }, [this] { over_ = true; }))
        return;
      producer_ = got.producer_id;
      epoch_ = got.producer_epoch;
      look();
    });
  }

  void look() {
    offset_fetch_request request;
    request.group_id = "group-" + std::to_string(number_);
    request.require_stable = true;
    request.topics.emplace();
    request.topics->push_back({"in", {0}});
    ask(request, 7, [this](const offset_fetch_response& got) {
      auto wrong = got.error_code;
      if (wrong == 0) wrong = got.topics.at(0).partitions.at(0).error_code;
      if (wrong != 0) return pause([this] { look(); });
      next_ = std::max<std::int64_t>(0, got.topics[0].partitions[0].committed_offset);
      begin();
    });
  }

  void begin() {
    transaction_ = world_.transactions.size();
    world_.transactions.emplace_back();
    count_ = 1 + static_cast<std::int64_t>(world_.chance.below(4));
    made_ = 0;
    add();
  }

  void add() {
    add_partitions_to_txn_request request;
    request.v3_and_below_transactional_id = id();
    request.v3_and_below_producer_id = producer_;
    request.v3_and_below_producer_epoch = epoch_;
    auto& topic = request.v3_and_below_topics.emplace_back();
    topic.name = "out";
    for (std::int32_t each = 0; each < partitions; ++each) topic.partitions.push_back(each);
    ask(request, 3, [this](const add_partitions_to_txn_response& got) {
      const auto wrong =
          got.results_by_topic_v3_and_below.at(0).results_by_partition.at(0).partition_error_code;
      if (fine(
              wrong, [this] { add(); }, [this] { over_ = true; }))
        produce();
    });
  }

  void produce() {
    if (made_ == count_) return add_group();
    const auto partition = static_cast<std::int32_t>(world_.chance.below(partitions));
    auto& sequence = sequences_[partition];
    batch_options options;
    options.producer_id = producer_;
    options.producer_epoch = epoch_;
    options.base_sequence = sequence++;
    options.transactional = true;
    batch_builder builder{options};
    const auto value = std::to_string(number_) + ":" + std::to_string(next_ + made_) + ":" +
                       std::to_string(transaction_);
    builder.add(world_.node.clock.time.now(), std::nullopt, value);
    batch_ = bytes{builder.finish()};
    world_.transactions[transaction_].values.insert(value);
    send_batch(partition, 3);
  }

  // The same bytes again where the answer says that this may help.
  void send_batch(std::int32_t partition, int left) {
    produce_request request;
    request.transactional_id = id();
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = "out";
    auto& part = data.partition_data.emplace_back();
    part.index = partition;
    part.records = batch_;
    ask(request, 9, [this, partition, left](const produce_response& got) {
      const auto wrong = got.responses.at(0).partition_responses.at(0).error_code;
      if (wrong == code(error_code::not_leader_or_follower) && left > 0)
        return pause([this, partition, left] { send_batch(partition, left - 1); });
      if (!fine(
              wrong, [this] { end(false); }, [this] { end(false); }))
        return;
      ++made_;
      produce();
    });
  }

  void add_group() {
    add_offsets_to_txn_request request;
    request.transactional_id = id();
    request.producer_id = producer_;
    request.producer_epoch = epoch_;
    request.group_id = "group-" + std::to_string(number_);
    ask(request, 3, [this](const add_offsets_to_txn_response& got) {
      if (fine(
              got.error_code, [this] { add_group(); }, [this] { end(false); }))
        commit_offset();
    });
  }

  void commit_offset() {
    txn_offset_commit_request request;
    request.transactional_id = id();
    request.group_id = "group-" + std::to_string(number_);
    request.producer_id = producer_;
    request.producer_epoch = epoch_;
    auto& of = request.topics.emplace_back();
    of.name = "in";
    of.partitions.push_back({0, next_ + count_, -1, ""});
    ask(request, 3, [this](const txn_offset_commit_response& got) {
      const auto wrong = got.topics.at(0).partitions.at(0).error_code;
      if (fine(
              wrong, [this] { commit_offset(); }, [this] { end(false); }))
        end(world_.chance.below(4) != 0);
    });
  }

  void end(bool commit) {
    end_txn_request request;
    request.transactional_id = id();
    request.producer_id = producer_;
    request.producer_epoch = epoch_;
    request.committed = commit;
    ask(request, 3, [this, commit](const end_txn_response& got) {
      if (!fine(
              got.error_code, [this, commit] { end(commit); }, [this] { over_ = true; }))
        return;
      world_.transactions[transaction_].how = commit ? outcome::committed : outcome::aborted;
      // Sequence numbers of what was refused are taken up again by a raised epoch alone.
      if (commit) return look();
      over_ = true;
    });
  }

  world& world_;
  int number_;
  std::unique_ptr<kafka_client> client_;
  std::size_t seen_ = 0;
  std::function<void()> answer_;
  std::function<void()> resume_;
  std::chrono::nanoseconds resume_at_{0};
  bool over_ = false;

  std::int64_t producer_ = -1;
  std::int16_t epoch_ = -1;
  std::map<std::int32_t, std::int32_t> sequences_;
  std::size_t transaction_ = 0;
  std::int64_t next_ = 0;
  std::int64_t count_ = 0;
  std::int64_t made_ = 0;
  bytes batch_;
};

// In the middle of whatever is under way.
void crash(world& in, std::vector<std::unique_ptr<worker>>& workers) {
  in.node.disk.freeze();
  caf::anon_send_exit(in.node.node, caf::exit_reason::kill);
  in.node.clock.run_for(std::chrono::milliseconds{1});
  workers.clear();
  in.node.disk.crash(in.chance);
  in.node.start();
}

struct sums {
  std::size_t committed = 0, aborted = 0, crashes = 0, takeovers = 0, slept = 0;
};

void check_partition(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  REQUIRE(before.size() <= now.size());
  REQUIRE(std::equal(before.begin(), before.end(), now.begin()));
}

void run(std::uint64_t seed, sums& total) {
  world in{seed};
  REQUIRE_FALSE(in.node.create("in"));
  REQUIRE_FALSE(in.node.create("out", partitions));
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<std::vector<std::string>> seen(partitions);
  const auto look = [&] {
    committed_reader reader{in.node};
    for (std::int32_t each = 0; each < partitions; ++each) {
      auto now = reader.read("out", each);
      check_partition(seen[static_cast<std::size_t>(each)], now);
      seen[static_cast<std::size_t>(each)] = std::move(now);
    }
  };
  for (int event = 0; event < 400; ++event) {
    const auto dice = in.chance.below(400);
    if (dice < 3) {
      crash(in, workers);
      ++total.crashes;
    } else if (dice < 6) {
      look();
    } else if (dice < 8) {
      in.node.clock.run_for(std::chrono::seconds{35});
      ++total.slept;
    } else if (dice < 14) {
      // Takes over from whoever has the id, who does not know.
      workers.push_back(std::make_unique<worker>(in, static_cast<int>(in.chance.below(ids))));
      ++total.takeovers;
    }
    std::erase_if(workers, [](const auto& each) { return each->over(); });
    for (int number = 0; number < ids; ++number)
      if (std::none_of(workers.begin(), workers.end(),
                       [&](const auto& each) { return each->number() == number; }))
        workers.push_back(std::make_unique<worker>(in, number));
    bool moved = false;
    for (std::size_t i = in.chance.below(30); i > 0; --i) moved = in.node.clock.step() || moved;
    const auto chosen = in.chance.below(workers.size());
    moved = workers[chosen]->turn() || moved;
    if (!moved) in.node.clock.run_for(std::chrono::milliseconds{5});
  }
  workers.clear();
  in.node.clock.run_for(std::chrono::seconds{60});  // what is open is late by now
  look();

  std::map<std::size_t, std::set<std::string>> visible;  // by transaction
  std::map<int, std::multiset<std::int64_t>> numbers;
  for (const auto& partition : seen) {
    for (const auto& value : partition) {
      const auto first = value.find(':'), second = value.rfind(':');
      const auto transaction = std::stoul(value.substr(second + 1));
      REQUIRE(visible[transaction].insert(value).second);
      numbers[std::stoi(value.substr(0, first))].insert(
          std::stoll(value.substr(first + 1, second - first - 1)));
    }
  }
  for (std::size_t i = 0; i < in.transactions.size(); ++i) {
    CAPTURE(i);
    const auto& each = in.transactions[i];
    if (each.how == outcome::committed) {
      REQUIRE(visible[i] == each.values);
      ++total.committed;
    } else if (each.how == outcome::aborted) {
      REQUIRE(visible[i].empty());
      ++total.aborted;
    } else {
      REQUIRE((visible[i].empty() || visible[i] == each.values));
    }
  }
  committed_reader reader{in.node};
  for (int number = 0; number < ids; ++number) {
    const auto found = reader.committed_offset("group-" + std::to_string(number), "in");
    REQUIRE(found.code == 0);
    const auto end = std::max<std::int64_t>(0, found.offset);
    REQUIRE(static_cast<std::int64_t>(numbers[number].size()) == end);
    std::int64_t expected = 0;
    for (const auto each : numbers[number]) REQUIRE(each == expected++);
  }
  for (std::int32_t each = 0; each < partitions; ++each) {
    const auto end = reader.fetch("out", 0, each);
    REQUIRE(end.last_stable_offset == end.high_watermark);
  }
}

}  // namespace

TEST_CASE("transactions stay whole under crashes, delays and zombies",
          "[kafka][transactions][simulation]") {
  sums total;
  const auto seeds = test::scaled(1000);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    run(seed, total);
  }
  if (test::scaled_down()) return;
  CHECK(total.committed > seeds);
  CHECK(total.aborted > seeds / 4);
  CHECK(total.crashes > seeds);
}
