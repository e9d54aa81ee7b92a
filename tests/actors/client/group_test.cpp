#include <map>
#include <memory>
#include <set>

#include "actors/client/consumer.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock {
namespace {

using test::virtual_node;

// A member that is polled by hand on virtual time.
struct member {
  member(virtual_node& on, const std::string& group, std::vector<std::string> topics,
         start_at start = start_at::beginning, std::string assignor = "range")
      : n(on), self(on.clock.system) {
    consumer_config config;
    config.assignors = {std::move(assignor)};
    config.group = group;
    config.topics = std::move(topics);
    config.start = start;
    config.time = &on.clock.time;
    config.session_timeout = 10s;
    handle = spawn_consumer(on.clock.system, on.node, config);
  }
  ~member() { caf::anon_send_exit(handle, caf::exit_reason::kill); }

  void begin_poll(std::uint32_t wait_ms = 1000) {
    pending.emplace(self->request(handle, caf::infinite, poll_request::make([&](auto out) {
                                    out.setMaxBytes(1u << 20);
                                    out.setMaxWaitMs(wait_ms);
                                  })));
  }
  bool answered() { return !self->mailbox().empty(); }
  void end_poll() {
    pending->receive(
        [&](const poll_reply& reply) {
          auto in = reply.open();
          last_failure = error_of(in->getFailure());
          at_end = in->getAtEnd();
          for (auto slice : in->getSlices()) {
            auto batches = view(slice.getBatches());
            while (!batches.empty()) {
              auto batch = batch_view::parse(batches).value();
              batches.remove_prefix(batch.size());
              batch_cursor cursor;
              cursor.open(batch).value();
              record_view each;
              while (cursor.next(each).value())
                if (each.offset >= slice.getFromOffset())
                  seen.emplace_back(each.value.value_or(""));
            }
          }
        },
        [&](const caf::error& why) { last_failure = from_caf(why); });
    pending.reset();
  }
  error commit() {
    auto asked = self->request(handle, caf::infinite, commit_request{});
    REQUIRE(n.clock.run_until([&] { return answered(); }));
    error why;
    asked.receive([&](const consumer_reply& r) { why = error_of(r.open()->getFailure()); },
                  [&](const caf::error& e) { why = from_caf(e); });
    return why;
  }

  virtual_node& n;
  caf::scoped_actor self;
  consumer_actor handle;
  using pending_poll =
      decltype(self->request(handle, caf::infinite, std::declval<const poll_request&>()));
  std::optional<pending_poll> pending;
  std::vector<std::string> seen;
  error last_failure;
  bool at_end = false;
};

// Polls everybody side by side, `rounds` times.
void poll_all(virtual_node& n, std::vector<member*> all, int rounds = 8) {
  for (int i = 0; i < rounds; ++i) {
    for (auto* each : all) each->begin_poll(200);
    REQUIRE(n.clock.run_until([&] {
      for (auto* each : all)
        if (!each->answered()) return false;
      return true;
    }));
    for (auto* each : all) {
      each->end_poll();
      REQUIRE(each->last_failure.to_string() == "none");
    }
  }
}

void produce(virtual_node& n, int from, int to, int partitions) {
  for (int i = from; i < to; ++i)
    REQUIRE(!error_of(
        n.append("jobs", {"job-" + std::to_string(i)}, i % partitions).open()->getFailure()));
}

TEST_CASE("point to point: in one group each record goes to one member", "[actors][group]") {
  const auto seed = GENERATE(range(1, 6));
  virtual_node n{static_cast<std::uint64_t>(seed)};
  REQUIRE(!n.create("jobs", 4));
  member a{n, "workers", {"jobs"}};
  member b{n, "workers", {"jobs"}};
  poll_all(n, {&a, &b}, 20);  // both have joined
  produce(n, 0, 40, 4);
  poll_all(n, {&a, &b}, 20);
  std::multiset<std::string> both(a.seen.begin(), a.seen.end());
  both.insert(b.seen.begin(), b.seen.end());
  CHECK(both.size() == 40);
  CHECK(std::set<std::string>(both.begin(), both.end()).size() == 40);
  CHECK(a.seen.size() == 20);
}

TEST_CASE("members that cooperate read on while the group forms anew", "[actors][group]") {
  const auto seed = GENERATE(range(1, 6));
  virtual_node n{static_cast<std::uint64_t>(seed)};
  REQUIRE(!n.create("jobs", 4));
  const auto join = [&] {
    return std::make_unique<member>(n, "workers", std::vector<std::string>{"jobs"},
                                    start_at::beginning, "cooperative-sticky");
  };
  auto a = join();
  poll_all(n, {a.get()}, 20);
  produce(n, 0, 40, 4);
  poll_all(n, {a.get()}, 20);
  CHECK(a->seen.size() == 40);
  // Nothing of this has been committed: a member that had to give everything up would read it
  // again.
  auto b = join();
  poll_all(n, {a.get(), b.get()}, 60);
  CHECK(a->seen.size() == 40);
  CHECK(b->seen.size() == 20);  // of the two partitions that it was given
  REQUIRE_FALSE(a->commit());
  REQUIRE_FALSE(b->commit());
  produce(n, 40, 80, 4);
  poll_all(n, {a.get(), b.get()}, 20);
  CHECK(a->seen.size() == 60);
  CHECK(b->seen.size() == 40);
  REQUIRE_FALSE(a->commit());
  REQUIRE_FALSE(b->commit());
  // Whoever goes leaves its partitions to the others, at what was committed.
  b.reset();
  poll_all(n, {a.get()}, 120);
  produce(n, 80, 120, 4);
  poll_all(n, {a.get()}, 20);
  CHECK(a->seen.size() == 100);
}

TEST_CASE("publish/subscribe: each group gets each record", "[actors][group]") {
  virtual_node n;
  REQUIRE(!n.create("jobs", 2));
  member mail{n, "mail", {"jobs"}};
  member sms{n, "sms", {"jobs"}};
  produce(n, 0, 20, 2);
  poll_all(n, {&mail, &sms});
  CHECK(mail.seen.size() == 20);
  CHECK(sms.seen.size() == 20);
}

TEST_CASE("a member that dies hands its partitions to the others after its session timeout",
          "[actors][group]") {
  virtual_node n;
  REQUIRE(!n.create("jobs", 2));
  member survivor{n, "workers", {"jobs"}};
  {
    member dying{n, "workers", {"jobs"}};
    poll_all(n, {&survivor, &dying}, 20);
  }
  poll_all(n, {&survivor}, 100);
  produce(n, 0, 10, 2);
  poll_all(n, {&survivor}, 10);
  CHECK(survivor.seen.size() == 10);
}

TEST_CASE("a member that is alive but never polls loses its partitions", "[actors][group]") {
  virtual_node n;
  REQUIRE(!n.create("jobs", 2));
  member silent{n, "workers", {"jobs"}};
  member busy{n, "workers", {"jobs"}};
  poll_all(n, {&silent, &busy}, 20);
  // Polls every minute or so: longer than `silent` may keep still (5 min by default).
  for (int minute = 0; minute < 8; ++minute) {
    n.clock.run_for(std::chrono::minutes{1});
    poll_all(n, {&busy}, 2);
  }
  poll_all(n, {&busy}, 20);
  produce(n, 0, 10, 2);
  poll_all(n, {&busy}, 10);
  CHECK(busy.seen.size() == 10);
}

TEST_CASE("partitions added to a topic are read by its groups", "[actors][group]") {
  virtual_node n;
  REQUIRE(!n.create("jobs", 1));
  member only{n, "workers", {"jobs"}};
  poll_all(n, {&only});
  REQUIRE(!error_of(n.ask<admin_reply>(alter_topic_request::make([](auto out) {
                       out.setName("jobs");
                       out.setPartitions(3);
                     }))
                        .open()
                        ->getFailure()));
  produce(n, 0, 9, 3);
  poll_all(n, {&only}, 100);
  // The rebalance takes back what was not committed, so records of before may come again.
  CHECK(std::set<std::string>(only.seen.begin(), only.seen.end()).size() == 9);
}

TEST_CASE("what was committed is not seen again, what was not is", "[actors][group]") {
  virtual_node n;
  REQUIRE(!n.create("jobs", 1));
  produce(n, 0, 5, 1);
  {
    member first{n, "workers", {"jobs"}};
    poll_all(n, {&first});
    REQUIRE(first.seen.size() == 5);
    REQUIRE(!first.commit());
    produce(n, 5, 8, 1);
    poll_all(n, {&first});
    REQUIRE(first.seen.size() == 8);
  }
  // A crash of the node in between changes nothing.
  n.disk.freeze();
  caf::anon_send_exit(n.node, caf::exit_reason::kill);
  n.clock.run_for(std::chrono::seconds{1});
  random chance{5};
  n.disk.crash(chance);
  n.start();
  member second{n, "workers", {"jobs"}};
  poll_all(n, {&second}, 400);
  CHECK(second.seen == std::vector<std::string>{"job-5", "job-6", "job-7"});
}

TEST_CASE("whoever reads to the end does not wait for more to hear that it is there",
          "[actors][consumer]") {
  const auto seed = GENERATE(range(1, 21));
  virtual_node n{static_cast<std::uint64_t>(seed)};
  REQUIRE(!n.create("jobs", 4));
  produce(n, 3, 4, 4);
  member reader{n, "", {"jobs"}};
  const auto before = n.clock.time.monotonic();
  do {
    reader.begin_poll(600'000);
    REQUIRE(n.clock.run_until([&] { return reader.answered(); }, std::chrono::seconds{1200}));
    reader.end_poll();
    REQUIRE(reader.last_failure.to_string() == "none");
  } while (!reader.at_end);
  CHECK(reader.seen == std::vector<std::string>{"job-3"});
  CHECK(n.clock.time.monotonic() - before < std::chrono::seconds{10});  // of virtual time
}

TEST_CASE("a topic that does not exist is an error without a group", "[actors][consumer]") {
  virtual_node n;
  member alone{n, "", {"nothing"}};
  alone.begin_poll();
  REQUIRE(n.clock.run_until([&] { return alone.answered(); }));
  alone.end_poll();
  CHECK(alone.last_failure == errc::unknown_topic);
}

}  // namespace
}  // namespace penstock
