// What do messages and the broker's actors cost? Envelopes and local messages beside a copy of the
// bytes; produce and fetch through node and partition on a real directory; how soon an empty node
// answers and what it occupies; 10,000 idle partitions.
//   bench_actors [ROUNDS [PART]]     PART: envelopes, messages, produce, fetch, start or partitions
#include <fmt/format.h>

#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "actors/errors.hpp"
#include "actors/messages/messages.hpp"
#include "bench/support/report.hpp"
#include "bench/support/workload.hpp"
#include "launch/embedded_node.hpp"

namespace penstock::bench {
namespace {

constexpr std::size_t kib = 1024;

/// Keeps the optimiser from dropping what nobody reads.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

template <class F>
double ns_each(std::size_t times, F&& f) {
  const double before = thread_cpu_seconds();
  for (std::size_t i = 0; i < times; ++i) f();
  return (thread_cpu_seconds() - before) * 1e9 / static_cast<double>(times);
}

append_request request_of(const std::string& topic, bytes_view batches,
                          std::int32_t partition = 0) {
  return append_request::make(batches.size(), [&](auto out) {
    out.setTopic(text_of(topic));
    out.setPartition(partition);
    out.setBatches(data_of(batches));
  });
}

// ---- envelopes and messages --------------------------------------------------------------------

void bench_envelopes(int rounds) {
  const std::string topic = "orders";
  for (const std::size_t size : {kib, 64 * kib}) {
    const std::string payload(size, 'x');
    const std::size_t times = size == kib ? 200'000 : 10'000;
    const auto built = request_of(topic, payload);
    const auto ns = take_turns(
        rounds, {[&] {
                   return ns_each(times, [&] {
                     char* const copy = static_cast<char*>(std::malloc(size));
                     std::memcpy(copy, payload.data(), size);
                     keep(*copy);
                     std::free(copy);
                   });
                 },
                 [&] { return ns_each(times, [&] { keep(request_of(topic, payload)); }); },
                 [&] {
                   return ns_each(times, [&] {
                     const auto in = built.open();
                     keep(view(in->getTopic()).size() + view(in->getBatches()).size());
                   });
                 }});
    report(fmt::format("build an envelope of {} KiB beside malloc and copy, ns", size / kib), ns[1],
           ns[0], std::nullopt);
    report(fmt::format("read an envelope of {} KiB, ns", size / kib), ns[2]);
  }
}

/// Takes messages and gives credit for as many more: what every conversation does.
using receiver_actor = caf::typed_actor<caf::replies_to<append_request>::with<append_reply>>;

receiver_actor::behavior_type receiver(receiver_actor::pointer) {
  return {[](const append_request& what) {
    const auto in = what.open();
    return append_reply::make([&](auto out) {
      out.setNextOffset(static_cast<std::int64_t>(view(in->getBatches()).size()));
      out.setCredit(1u << 20);
    });
  }};
}

using sender_actor = caf::typed_actor<caf::replies_to<tick>::with<tick>>;

struct sender_state {
  sender_state() = default;  // no aggregate: CAF would construct `to` from the actor itself
  receiver_actor to;
  std::size_t left = 0, unanswered = 0;
  caf::typed_response_promise<tick> whom;
};
using sender_self = sender_actor::stateful_pointer<sender_state>;

void send_one(sender_self self, const std::string& payload) {
  auto& state = self->state;
  --state.left;
  ++state.unanswered;
  self->request(state.to, caf::infinite, request_of("orders", payload))
      .then([self, &payload](const append_reply& reply) {
        auto& now = self->state;
        keep(reply.open()->getCredit());
        --now.unanswered;
        if (now.left > 0) return send_one(self, payload);
        if (now.unanswered == 0) now.whom.deliver(tick{});
      });
}

/// Sends as many messages as a tick's id says, 100 unanswered at a time.
sender_actor::behavior_type sender(sender_self self, receiver_actor to) {
  self->state.to = std::move(to);
  return {[self](const tick& order) -> caf::typed_response_promise<tick> {
    static const std::string payload(kib, 'x');
    auto& state = self->state;
    state.whom = self->make_response_promise<tick>();
    state.left = order.open()->getId();
    for (int i = 0; i < 100 && state.left > 0; ++i) send_one(self, payload);
    return state.whom;
  }};
}

void bench_messages(embedded_node& node, int rounds) {
  constexpr std::size_t times = 200'000;
  caf::scoped_actor self{node.system()};
  const auto to = node.system().spawn(receiver);
  const auto from = node.system().spawn(sender, to);
  const auto order = tick::make([](auto out) { out.setId(times); });
  samples cpu, wall;
  for (int round = 0; round <= rounds; ++round) {
    const double cpu_before = process_cpu_seconds(), wall_before = wall_seconds();
    self->request(from, caf::infinite, order)
        .receive([](const tick&) {}, [](const caf::error&) { die("the sender has ended"); });
    if (round == 0) continue;
    // A request and its reply: two messages.
    cpu.values.push_back((process_cpu_seconds() - cpu_before) * 1e6 / (2.0 * times));
    wall.values.push_back((wall_seconds() - wall_before) * 1e6 / (2.0 * times));
  }
  report("local message: 1 KiB request and reply with credit, CPU-us each", cpu, std::nullopt,
         at_most(1));
  report("the same by the clock, us each", wall, std::nullopt, at_most(1));
  self->send_exit(to, caf::exit_reason::user_shutdown);
  self->send_exit(from, caf::exit_reason::user_shutdown);
}

// ---- produce and fetch through node and partition
// ------------------------------------------------

template <class Reply, class Request>
Reply ask(caf::scoped_actor& self, const embedded_node& node, const Request& what) {
  Reply got;
  self->request(node.node(), 300s, what)
      .receive([&](const Reply& reply) { got = reply; },
               [](const caf::error& why) { die(from_caf(why).to_string()); });
  if (const auto why = error_of(got.open()->getFailure())) die(why.to_string());
  return got;
}

void create_topic(caf::scoped_actor& self, const embedded_node& node, const std::string& name,
                  std::int32_t partitions,
                  const std::vector<std::pair<std::string, std::string>>& settings) {
  ask<admin_reply>(self, node, create_topic_request::make([&](auto out) {
                     out.setName(text_of(name));
                     out.setPartitions(partitions);
                     auto list = out.initSettings(static_cast<unsigned>(settings.size()));
                     for (unsigned i = 0; i < settings.size(); ++i) {
                       list[i].setName(text_of(settings[i].first));
                       list[i].setValue(text_of(settings[i].second));
                     }
                   }));
}

void delete_topic(caf::scoped_actor& self, const embedded_node& node, const std::string& name) {
  ask<admin_reply>(self, node,
                   delete_topic_request::make([&](auto out) { out.setName(text_of(name)); }));
}

/// One batch of 100-byte records, as large as a producer makes them.
input one_batch() {
  input_writer writer;
  random chance{5};
  std::string value(100, ' ');
  for (std::size_t size = 0; size < batch_bytes - 200; size += 108) {
    for (char& c : value) c = static_cast<char>('a' + static_cast<char>(chance.below(26)));
    writer.add(from_millis(1'700'000'000'000), std::nullopt, value);
  }
  return writer.finish();
}

/// Sends a request again and again, a few in flight; gives process CPU seconds.
template <class Reply, class Request>
double pump(caf::scoped_actor& self, const embedded_node& node, const Request& what,
            std::size_t times) {
  constexpr std::size_t in_flight_max = 16;  // as many clients with one request each
  using handle = decltype(self->request(node.node(), caf::infinite, what));
  std::deque<handle> in_flight;
  const double before = process_cpu_seconds();
  for (std::size_t sent = 0, answered = 0; answered < times; ++answered) {
    while (sent < times && in_flight.size() < in_flight_max) {
      in_flight.push_back(self->request(node.node(), caf::infinite, what));
      ++sent;
    }
    in_flight.front().receive(
        [](const Reply& reply) {
          if (const auto why = error_of(reply.open()->getFailure())) die(why.to_string());
        },
        [](const caf::error& why) { die(from_caf(why).to_string()); });
    in_flight.pop_front();
  }
  return process_cpu_seconds() - before;
}

/// The bytes of a produce run, checked and written without any actor.
double write_raw(const std::string& path, bytes_view batch, std::size_t times) {
  auto file = must(machine_disk().open(path, open_mode::create));
  const double before = process_cpu_seconds();
  for (std::size_t i = 0; i < times; ++i) {
    must(batch_view::parse(batch)).check_crc().value();
    file->write_at(i * batch.size(), batch).value();
  }
  const double took = process_cpu_seconds() - before;
  machine_disk().remove(path).value();
  return took;
}

void bench_produce(embedded_node& node, const std::string& folder, int rounds) {
  caf::scoped_actor self{node.system()};
  const input in = one_batch();
  const bytes& batch = in.batches.front();
  const std::size_t times = 1'000'000 / in.records;
  const double millions = static_cast<double>(times * in.records) / 1e6;
  const auto produce = [&](const std::string& policy) {
    const std::string topic = "produce-" + policy;
    create_topic(self, node, topic, 1, {{"penstock.flush", policy}});
    const double took = pump<append_reply>(self, node, request_of(topic, batch), times);
    delete_topic(self, node, topic);
    return took / millions;
  };
  const auto cpu =
      take_turns(rounds, {[&] { return write_raw(folder + "/raw", batch, times) / millions; },
                          [&] { return produce("none"); }, [&] { return produce("batch"); }});
  report("produce through node and partition, CPU-s/M records", cpu[1], cpu[0], at_most(0.08));
  report("the same with a sync before every ack, CPU-s/M records", cpu[2], cpu[0], at_most(0.08));
}

void bench_fetch(embedded_node& node, int rounds) {
  caf::scoped_actor self{node.system()};
  const input in = one_batch();
  constexpr std::size_t held = 12;  // batches: below the tail cache's default of 1 MiB
  create_topic(self, node, "fetch", 1, {{"penstock.flush", "none"}});
  pump<append_reply>(self, node, request_of("fetch", in.batches.front()), held);
  const auto fetch = fetch_request::make([](auto out) {
    out.setTopic("fetch");
    out.setMaxBytes(1u << 20);
  });
  const std::size_t times = 2'000'000 / (held * in.records);
  const double millions = static_cast<double>(times * held * in.records) / 1e6;
  const auto cpu =
      take_turns(rounds, {[&] { return pump<fetch_reply>(self, node, fetch, times) / millions; }});
  report("fetch at the tail through node and partition, CPU-s/M records", cpu[0], std::nullopt,
         at_most(0.04));
}

// ---- an empty node, and one with many partitions: each in a process of its own
// -------------------

topics_request with_numbers() {
  return topics_request::make([](auto out) { out.setWithPartitions(true); });
}

/// Child: starts a node, waits for its first answer, prints seconds and resident MiB.
int start_node(const std::string& directory) {
  embedded_options options;
  options.directory = directory;
  const double before = wall_seconds();
  const auto node = must(embedded_node::open(options));
  caf::scoped_actor self{node->system()};
  ask<topics_reply>(self, *node, with_numbers());
  fmt::print("{} {}\n", wall_seconds() - before, resident_mib());
  return 0;
}

/// Child: makes idle partitions, prints seconds and resident MiB.
int make_partitions(const std::string& directory, int topics, int partitions) {
  embedded_options options;
  options.directory = directory;
  const auto node = must(embedded_node::open(options));
  caf::scoped_actor self{node->system()};
  const double before = wall_seconds();
  for (int i = 0; i < topics; ++i)
    create_topic(self, *node, fmt::format("idle-{}", i), partitions, {});
  ask<topics_reply>(self, *node, with_numbers());
  fmt::print("{} {}\n", wall_seconds() - before, resident_mib());
  return 0;
}

struct child_figures {
  double seconds = 0, mib = 0;
};
child_figures figures_of(const std::vector<std::string>& arguments) {
  const std::string said = run_child(arguments).output;
  child_figures got;
  if (std::sscanf(said.c_str(), "%lf %lf", &got.seconds, &got.mib) != 2)
    die("a child said: " + said);
  return got;
}

void bench_start(int rounds) {
  samples ms, mib;
  for (int round = 0; round < rounds; ++round) {
    const temp_folder folder;
    const auto got = figures_of({this_program(), "start", folder.path() + "/data"});
    ms.values.push_back(got.seconds * 1e3);
    mib.values.push_back(got.mib);
  }
  report("start on an empty directory to the first answer, ms", ms, std::nullopt, at_most(100));
  report("resident memory then, MiB", mib, std::nullopt, at_most(32));
}

void bench_partitions() {
  // Once: making them is thousands of syncs, and the memory does not vary.
  const temp_folder folder;
  const std::string data = folder.path() + "/data";
  const auto made = figures_of({this_program(), "make", data, "10", "1000"});
  report("10,000 idle partitions: made in, s", samples{{made.seconds}});
  report("10,000 idle partitions: resident memory, MiB", samples{{made.mib}}, std::nullopt,
         at_most(200));
  const auto opened = figures_of({this_program(), "start", data});
  report("10,000 idle partitions: opened after a clean end, s", samples{{opened.seconds}});
  report("10,000 idle partitions: resident memory then, MiB", samples{{opened.mib}}, std::nullopt,
         at_most(200));
}

void bench_broker(int rounds, const std::string& only) {
  const temp_folder folder;
  embedded_options options;
  options.directory = folder.path() + "/data";
  const auto node = must(embedded_node::open(options));
  if (only.empty() || only == "messages") bench_messages(*node, rounds);
  if (only.empty() || only == "produce") bench_produce(*node, folder.path(), rounds);
  if (only.empty() || only == "fetch") bench_fetch(*node, rounds);
  if (auto closed = node->close(); !closed) die(closed.error().to_string());
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  const std::vector<std::string> args{argv + 1, argv + argc};
  if (args.size() == 2 && args[0] == "start") return start_node(args[1]);
  if (args.size() == 4 && args[0] == "make")
    return make_partitions(args[1], std::stoi(args[2]), std::stoi(args[3]));
  const int rounds = rounds_from(argc, argv);
  const std::string only = args.size() > 1 ? args[1] : "";
  if (only.empty() || only == "envelopes") bench_envelopes(rounds);
  bench_broker(rounds, only);
  if (only.empty() || only == "start") bench_start(rounds);
  if (only.empty() || only == "partitions") bench_partitions();
}
