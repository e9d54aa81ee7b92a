// The two ends of in-memory repartition, each against a test that plays the other one.
#include <algorithm>
#include <caf/send.hpp>
#include <deque>
#include <sstream>

#include "actors/processor/task.hpp"
#include "dsl/topology.hpp"
#include "streams/record/task_marks.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock {
namespace {

using test::virtual_node;
using strings = std::vector<std::string>;

const topic<no_key, std::string> lines{"lines", format::text};
const topic<std::string, std::uint64_t> counts{"counts", format::text};

std::shared_ptr<const plan> word_count() {
  topology t{"wc"};
  t.from(lines)
      .flat_map("split",
                [](const std::string& line) {
                  std::istringstream in{line};
                  return strings{std::istream_iterator<std::string>{in}, {}};
                })
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return std::make_shared<const plan>(t.plan());
}

/// A node with the topics of the job, and one task of it.
struct task_bench : virtual_node {
  task_bench() {
    REQUIRE(!create("lines"));
    REQUIRE(!create("counts"));
    REQUIRE(!create("wc-counts-changelog", 1, {{"cleanup.policy", "compact"}}));
    listener = clock.system.spawn(
        []() -> task_listener::behavior_type { return {[](const task_changed&) {}}; });
  }

  void spawn(std::int32_t part, std::vector<std::vector<task_inlet>> downstream) {
    task_config config;
    config.topology = word_count();
    config.part = part;
    config.upstream_tasks = {part};
    config.sink_partitions = {1};
    config.downstream = std::move(downstream);
    config.node = node;
    config.job = listener;
    config.time = &clock.time;
    config.settings.in_memory_repartition = true;
    task = spawn_task(clock.system, std::move(config));
  }

  ~task_bench() { kill(); }

  void kill() {
    if (!task) return;
    caf::anon_send_exit(task, caf::exit_reason::kill);
    task = nullptr;
    clock.run_for(1s);
  }

  task_listener listener;
  task_actor task;
};

// --- the reader

struct reader_bench : task_bench {
  reader_bench() { start_reader(); }

  void start_reader() { spawn(1, {{}}); }

  /// Hands over words as upstream task 0 would; none ask what is committed.
  deliver_reply hand_over(std::int64_t sequence, const strings& words) {
    batch_builder builder;
    const bytes mark = encode(source_mark{"wc/0/0", epoch, sequence});
    const header_view header{source_mark_header, bytes_view{mark}};
    for (const auto& each : words) {
      if (builder.empty()) {
        builder.add(clock.time.now(), each, each, {&header, 1});
      } else {
        builder.add(clock.time.now(), each, each);
      }
    }
    const bytes batch = words.empty() ? bytes{} : bytes{builder.finish()};
    auto request = deliver_request::make(batch.size(), [&](auto out) {
      out.setPart(1);
      out.setTask("wc/0/0");
      out.setBatches(data_of(batch));
    });
    auto pending = self->request(task, caf::infinite, request);
    REQUIRE(clock.run_until([&] { return !self->mailbox().empty(); }, 10s));
    deliver_reply answer;
    pending.receive([&](const deliver_reply& reply) { answer = reply; },
                    [&](const caf::error& why) { FAIL(from_caf(why).to_string()); });
    return answer;
  }

  std::int64_t flushed() { return hand_over(0, {}).open()->getFlushed(); }

  strings results() {
    auto all = read("counts");
    std::sort(all.begin(), all.end());
    return all;
  }

  std::int32_t epoch = 1;
};

TEST_CASE("a reader takes every sequence once and says what is durable when it is",
          "[actors][processor]") {
  reader_bench n;
  CHECK(n.flushed() == -1);
  auto taken = n.hand_over(9, {"a", "b", "a"});
  CHECK(taken.open()->getCredit() > 0);
  CHECK(taken.open()->getFlushed() == -1);  // in memory only
  CHECK(n.read("wc-counts-changelog").empty());
  CHECK(n.flushed() == 9);
  CHECK(n.results() == strings{"1", "2"});

  n.hand_over(9, {"a", "b", "a"});
  n.hand_over(5, {"a"});
  n.hand_over(12, {"b"});
  CHECK(n.flushed() == 12);
  CHECK(n.results() == strings{"1", "2", "2"});
}

TEST_CASE("what a reader has said to be durable is dropped after a power loss, nothing else",
          "[actors][processor]") {
  reader_bench n;
  n.hand_over(9, {"a", "b", "a"});
  REQUIRE(n.flushed() == 9);
  n.hand_over(12, {"a"});  // not committed when the power goes
  n.disk.freeze();
  caf::anon_send_exit(n.task, caf::exit_reason::kill);
  caf::anon_send_exit(n.node, caf::exit_reason::kill);
  n.clock.run_for(1s);
  random chance{7};
  n.disk.crash(chance);
  n.start();

  n.epoch = 2;
  n.start_reader();
  CHECK(n.flushed() == 9);
  n.hand_over(9, {"a", "b", "a"});
  n.hand_over(12, {"a"});
  CHECK(n.flushed() == 12);
  CHECK(n.results() == strings{"1", "2", "3"});
}

// --- the writer

/// Answers, when it is told to, what has been handed over first.
using fake_reader = task_inlet::extend<caf::reacts_to<tick>>;

/// Stands for a reader: keeps what is handed over until the test answers.
struct writer_bench : task_bench {
  struct delivery {
    deliver_request what;
    caf::typed_response_promise<deliver_reply> whom;
  };

  writer_bench() {
    reader = clock.system.spawn([this](fake_reader::pointer me) -> fake_reader::behavior_type {
      return {[this, me](const deliver_request& what) {
                auto promise = me->make_response_promise<deliver_reply>();
                arrived.push_back({what, promise});
                return promise;
              },
              [this](const tick& flushed) {
                auto [what, whom] = std::move(arrived.front());
                arrived.pop_front();
                whom.deliver(deliver_reply::make([&](auto out) {
                  out.setCredit(1000);
                  out.setFlushed(static_cast<std::int64_t>(flushed.open()->getId()));
                }));
                answered = true;
              }};
    });
    start_writer();
  }
  ~writer_bench() { kill(); }  // before what it hands over to

  void start_writer() { spawn(0, {{caf::actor_cast<task_inlet>(reader)}}); }

  bool arrives() {
    return clock.run_until([&] { return !arrived.empty(); }, 10s);
  }
  bool asks() { return arrives() && view(arrived.front().what.open()->getBatches()).empty(); }

  void answer(std::int64_t flushed) {
    answered = false;
    caf::anon_send(reader,
                   tick::make([&](auto out) { out.setId(static_cast<std::uint64_t>(flushed)); }));
    REQUIRE(clock.run_until([&] { return answered; }, 1s));
  }

  /// The words of the first delivery that waits, and the sequence of its last batch.
  std::pair<strings, std::int64_t> words() {
    std::pair<strings, std::int64_t> found;
    auto request = arrived.front().what.open();
    for (auto data = view(request->getBatches()); !data.empty();) {
      auto batch = batch_view::parse(data).value();
      data.remove_prefix(batch.size());
      if (batch.is_control()) continue;
      found.second = source_mark_of(batch).value()->sequence;
      batch_cursor cursor;
      cursor.open(batch).value();
      record_view r;
      while (cursor.next(r).value()) found.first.emplace_back(*r.value);
    }
    return found;
  }

  offset_t committed() {
    auto reply = ask<fetch_offsets_reply>(fetch_offsets_request::make([](auto out) {
      out.setGroup("wc");
      auto list = out.initPartitions(1);
      list[0].setTopic("lines");
      list[0].initPartitions(1).set(0, 0);
    }));
    auto in = reply.open();
    return in->getOffsets().size() == 0 ? -1 : in->getOffsets()[0].getOffset();
  }

  std::deque<delivery> arrived;
  bool answered = false;
  fake_reader reader;
};

TEST_CASE("a writer waits for credit, and commits offsets when its reader has committed",
          "[actors][processor]") {
  writer_bench n;
  n.append("lines", {"to be", "or"});
  REQUIRE(n.asks());
  n.answer(-1);
  REQUIRE(n.arrives());
  CHECK(n.words() == std::pair{strings{"to", "be", "or"}, std::int64_t{1}});

  n.append("lines", {"not"});
  n.clock.run_for(2s);
  CHECK(n.arrived.size() == 1);  // one request at a time
  n.answer(-1);
  REQUIRE(n.arrives());
  CHECK(n.words() == std::pair{strings{"not"}, std::int64_t{2}});
  CHECK(n.committed() == -1);
  n.answer(-1);

  REQUIRE(n.asks());
  n.clock.run_for(2s);
  CHECK(n.committed() == -1);
  // Meanwhile it goes on.
  n.append("lines", {"to be"});
  REQUIRE(n.clock.run_until([&] { return n.arrived.size() == 2; }, 10s));
  n.answer(2);
  n.clock.run_for(2s);
  CHECK(n.committed() == 3);  // not what has come since
  CHECK(n.words() == std::pair{strings{"to", "be"}, std::int64_t{3}});
}

TEST_CASE("a writer that starts again leaves out what its reader has", "[actors][processor]") {
  writer_bench n;
  n.append("lines", {"to be"});
  n.append("lines", {"or", "not to be"});
  REQUIRE(n.asks());
  n.answer(-1);
  REQUIRE(n.arrives());
  n.kill();
  n.arrived.clear();

  // The reader committed the first two lines, then both died: no offset was committed.
  n.start_writer();
  REQUIRE(n.asks());
  CHECK(n.committed() == -1);
  n.asks();
  n.answer(1);
  REQUIRE(n.arrives());
  CHECK(n.words() == std::pair{strings{"not", "to", "be"}, std::int64_t{2}});
  n.answer(1);
  REQUIRE(n.asks());
  n.answer(2);
  n.clock.run_for(1s);
  CHECK(n.committed() == 3);
}

TEST_CASE("a run that stops before the end of a fetch does not mark what lies behind",
          "[actors][processor]") {
  writer_bench n;
  n.append("lines", {"one"});
  n.append("lines", {"two"});
  caf::anon_send(n.task, task_order::make([](auto out) {
                   out.setKind(wire::TaskOrder::Kind::FINISH_AT);
                   auto ends = out.initEnds(1);
                   ends[0].setTopic("lines");
                   ends[0].setPartition(0);
                   ends[0].setOffset(1);
                 }));
  REQUIRE(n.asks());
  n.answer(-1);
  REQUIRE(n.arrives());
  CHECK(n.words() == std::pair{strings{"one"}, std::int64_t{0}});
  n.answer(-1);
  REQUIRE(n.asks());
  n.answer(0);
  n.clock.run_for(1s);
  CHECK(n.committed() == 1);
}

}  // namespace
}  // namespace penstock
