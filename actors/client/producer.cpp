#include "actors/client/producer.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "actors/client/produce_queue.hpp"
#include "actors/errors.hpp"
#include "actors/messages/settings.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {

// Bytes that a record costs beside key, value and headers, at most.
constexpr std::size_t record_overhead_bytes = 32;

using pump_actor = caf::typed_actor<caf::reacts_to<tick>>;

// Shared by the handle's threads and the actor behind it; everything but the constants under
// `lock`.
struct producer::state {
  struct open_batch {
    batch_builder builder;
    std::chrono::nanoseconds since{0};
    std::uint64_t first = 0;  // the number of its first message
  };
  struct topic_info {
    std::int32_t partitions = 0;
    std::size_t batch_bytes_max = 0;
    std::int32_t sticky = 0;  // where records without key go until the next batch
    std::vector<std::pair<const topic_partition, open_batch>*>
        open;  // by partition; null: none yet
  };

  caf::actor_system* system = nullptr;
  node_actor node;
  producer_config config;
  const penstock::clock* time = nullptr;
  pump_actor pump;

  std::mutex lock;
  std::condition_variable changed;
  produce_queue queue;
  std::map<topic_partition, open_batch> open;
  std::uint64_t open_bytes = 0;
  std::uint64_t sent = 0;  // messages
  std::map<std::string, topic_info> topics;
  std::map<topic_partition, std::chrono::nanoseconds> unanswered;  // since when
  bool woken = false;
  bool flushing = false;

  std::pair<const topic_partition, open_batch>& open_of(const std::string& topic, topic_info& in,
                                                        std::int32_t partition) {
    const auto index = static_cast<std::size_t>(partition);
    if (in.open.size() <= index) in.open.resize(index + 1);
    if (in.open[index] == nullptr) {
      batch_options options;
      options.compression = config.compression;
      in.open[index] = &*open.emplace(topic_partition{topic, partition},
                                      open_batch{batch_builder{options}, {}, 0})
                             .first;
    }
    return *in.open[index];
  }
  void seal(const topic_partition& tp, open_batch& batch) {
    open_bytes -= batch.builder.size();
    queue.push(tp, batch.builder, batch.first);
    if (auto at = topics.find(tp.topic); at != topics.end() && at->second.partitions > 0)
      at->second.sticky = (tp.partition + 1) % at->second.partitions;
  }
  bool idle() const { return queue.idle() && open_bytes == 0; }
  void wake() {
    if (std::exchange(woken, true)) return;
    caf::anon_send(pump, tick{});
  }
};

namespace {

template <class Reply, class Request>
result<Reply> ask(caf::actor_system& system, const node_actor& node, const Request& what,
                  duration deadline) {
  caf::scoped_actor self{system};
  result<Reply> answer{errc::timed_out, "no answer"};
  self->request(node, deadline, what)
      .receive([&](const Reply& reply) { answer = reply; },
               [&](const caf::error& why) { answer = from_caf(why); });
  return answer;
}

result<std::pair<std::int64_t, std::int16_t>> fresh_producer_id(caf::actor_system& system,
                                                                const node_actor& node) {
  PENSTOCK_ASSIGN(auto reply, ask<init_producer_reply>(system, node, init_producer_request{}, 30s));
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) return why;
  return std::pair{in->getProducerId(), in->getEpoch()};
}

struct pump_state {
  static inline const char* name = "penstock.producer";
};

}  // namespace

// The actor behind the handle. It alone talks to the node, so replies never meet a blocked thread.
struct producer_pump {
  using self_pointer = pump_actor::stateful_pointer<pump_state>;
  using shared = std::weak_ptr<producer::state>;

  static void on_answer(self_pointer self, const shared& weak, const topic_partition& tp,
                        const append_reply* reply) {
    auto held = weak.lock();
    if (!held) return;
    std::unique_lock guard{held->lock};
    const auto outcome =
        reply != nullptr ? held->queue.on_reply(tp, *reply) : held->queue.on_silence(tp);
    if (outcome != produce_queue::outcome::retry) {
      held->unanswered.erase(tp);
      held->changed.notify_all();
      guard.unlock();
      return work(self, weak);
    }
    self->delayed_send(self, held->config.retry_after, tick{});
  }

  static void work(self_pointer self, const shared& weak) {
    auto held = weak.lock();
    if (!held) return self->quit();
    std::unique_lock guard{held->lock};
    held->woken = false;
    const auto now = held->time->monotonic();
    bool waiting = false;
    for (auto& [tp, batch] : held->open) {
      if (batch.builder.empty()) continue;
      if (held->flushing || now - batch.since >= held->config.linger)
        held->seal(tp, batch);
      else
        waiting = true;
    }
    for (const auto& tp : held->queue.ready()) send(self, weak, *held, tp, now);
    if (waiting) self->delayed_send(self, held->config.linger, tick{});
  }

  static void send(self_pointer self, const shared& weak, producer::state& held,
                   const topic_partition& tp, std::chrono::nanoseconds now) {
    auto since = held.unanswered.try_emplace(tp, now).first->second;
    auto request = held.queue.next(tp);
    if (!request) return;
    if (now - since > held.config.delivery_timeout) {
      const auto late = failed<append_reply>(
          error{errc::closed, "no answer from partition " + tp.to_string() + " for " +
                                  std::to_string(held.config.delivery_timeout.count()) + " ms"});
      held.queue.on_reply(tp, late);
      held.changed.notify_all();
      return;
    }
    self->request(held.node, held.config.delivery_timeout, std::move(*request))
        .then([=](const append_reply& reply) { on_answer(self, weak, tp, &reply); },
              [=](const caf::error&) { on_answer(self, weak, tp, nullptr); });
  }

  static pump_actor::behavior_type run(self_pointer self, shared weak) {
    return {[=](const tick&) { work(self, weak); }};
  }
};

result<producer> producer::open(caf::actor_system& system, node_actor node,
                                producer_config config) {
  PENSTOCK_ASSIGN(auto id, fresh_producer_id(system, node));
  auto held = std::make_shared<state>();
  held->system = &system;
  held->node = std::move(node);
  held->config = config;
  held->time = config.time != nullptr ? config.time : &machine_clock();
  held->queue.set_producer(id.first, id.second);
  held->pump = system.spawn(producer_pump::run, std::weak_ptr<state>{held});
  return producer{std::move(held)};
}

producer::producer(std::shared_ptr<state> held) : state_(std::move(held)) {}
producer::producer(producer&&) noexcept = default;
producer& producer::operator=(producer&&) noexcept = default;

producer::~producer() {
  if (!state_) return;
  (void)flush(10s);
  caf::anon_send_exit(state_->pump, caf::exit_reason::user_shutdown);
}

namespace {

result<topics_reply> describe_topic(caf::actor_system& system, const node_actor& node,
                                    const std::string& topic, duration deadline) {
  return ask<topics_reply>(system, node,
                           topics_request::make([&](wire::TopicsRequest::Builder out) {
                             out.initNames(1).set(0, text_of(topic));
                           }),
                           deadline);
}

}  // namespace

result<void> producer::send(const std::string& topic, const message& what, duration deadline) {
  auto& held = *state_;
  std::unique_lock guard{held.lock};
  if (held.queue.reason()) return held.queue.reason();
  auto info = held.topics.find(topic);
  if (info == held.topics.end()) {
    guard.unlock();
    PENSTOCK_ASSIGN(auto reply, describe_topic(*held.system, held.node, topic, deadline));
    auto in = reply.open();
    if (auto why = error_of(in->getFailure())) return why;
    if (in->getTopics().size() == 0)
      return error{errc::unknown_topic, "topic \"" + topic + "\" does not exist"};
    PENSTOCK_ASSIGN(auto settings, parse_settings(in->getTopics()[0].getSettings()));
    const auto limit = settings.to_log_settings().message_bytes_max;
    guard.lock();
    info = held.topics.try_emplace(topic).first;
    info->second.partitions = static_cast<std::int32_t>(in->getTopics()[0].getPartitions().size());
    info->second.batch_bytes_max = limit;
  }
  auto& known = info->second;
  std::size_t size = record_overhead_bytes + (what.key ? what.key->size() : 0) +
                     (what.value ? what.value->size() : 0);
  for (const auto& each : what.headers)
    size += each.name.size() + (each.value ? each.value->size() : 0) + 10;
  if (batch_header_bytes + size > known.batch_bytes_max)
    return error{errc::record_too_large,
                 "a record of " + std::to_string(size - record_overhead_bytes) +
                     " bytes is larger than topic \"" + topic + "\" takes (max.message.bytes=" +
                     std::to_string(known.batch_bytes_max) + "): raise that setting or split it"};
  const auto room = [&] {
    return held.open_bytes + held.queue.pending_bytes() + size <= held.config.buffer_bytes_max ||
           held.idle() || held.queue.reason();
  };
  if (!room()) {
    for (auto& [tp, batch] : held.open)
      if (!batch.builder.empty()) held.seal(tp, batch);
    held.wake();
    if (!held.changed.wait_for(guard, deadline, room))
      return error{errc::timed_out, "the producer's buffer stayed full for " +
                                        std::to_string(deadline.count()) + " ms"};
    if (held.queue.reason()) return held.queue.reason();
  }
  auto partition = what.partition;
  if (partition < 0)
    partition = what.key ? partition_of_key(*what.key, known.partitions) : known.sticky;
  if (partition >= known.partitions)
    return error{errc::unknown_topic, "topic \"" + topic + "\" has " +
                                          std::to_string(known.partitions) +
                                          " partitions, numbered from 0; there is no partition " +
                                          std::to_string(partition)};
  auto& [tp, batch] = held.open_of(topic, known, partition);
  const auto limit = std::min(held.config.batch_bytes, known.batch_bytes_max);
  if (!batch.builder.empty() && batch.builder.size() + size > limit) {
    held.seal(tp, batch);
    held.wake();
  }
  if (batch.builder.empty()) {
    batch.since = held.time->monotonic();
    batch.first = held.sent;
    held.wake();
  }
  const auto before = batch.builder.empty() ? 0 : batch.builder.size();
  batch.builder.add(what.time == no_timestamp ? held.time->now() : what.time, what.key, what.value,
                    what.headers);
  held.open_bytes += batch.builder.size() - before;
  ++held.sent;
  return {};
}

result<void> producer::flush(duration deadline) {
  auto& held = *state_;
  std::unique_lock guard{held.lock};
  held.flushing = true;
  held.wake();
  const bool done = held.changed.wait_for(guard, deadline, [&] { return held.idle(); });
  held.flushing = false;
  if (held.queue.reason()) return held.queue.reason();
  if (!done)
    return error{errc::timed_out, "not everything was acknowledged within " +
                                      std::to_string(deadline.count()) + " ms"};
  return {};
}

std::uint64_t producer::acknowledged() const {
  auto& held = *state_;
  std::lock_guard guard{held.lock};
  auto first = held.queue.unacknowledged().value_or(held.sent);
  for (const auto& [tp, batch] : held.open)
    if (!batch.builder.empty()) first = std::min(first, batch.first);
  return first;
}

offset_t producer::acknowledged(const topic_partition& tp) const {
  std::lock_guard guard{state_->lock};
  return state_->queue.acknowledged(tp);
}

result<void> producer::clear_error() {
  auto& held = *state_;
  PENSTOCK_ASSIGN(auto id, fresh_producer_id(*held.system, held.node));
  std::lock_guard guard{held.lock};
  held.queue.clear_error();
  held.queue.set_producer(id.first, id.second);
  return {};
}

}  // namespace penstock
