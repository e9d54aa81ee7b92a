// The consumer actor: what it answers. Reading and membership are in files of their own.
#include "actors/broker/guard.hpp"
#include "actors/client/consumer_parts.hpp"
#include "actors/messages/partitions.hpp"

namespace penstock {

namespace consuming {

tick tick_of(timer kind, std::uint64_t id) {
  return tick::make([&](wire::Tick::Builder out) {
    out.setKind(kind);
    out.setId(id);
  });
}

namespace {

using poll_promise = caf::typed_response_promise<poll_reply>;
using reply_promise = caf::typed_response_promise<consumer_reply>;

}  // namespace

void commit(consumer_self self, const commit_request& what, const commit_then& then) {
  auto& state = self->state;
  if (keeps_reading(state)) {
    state.commits_waiting.push_back([=] { commit_now(self, what, then); });
    return;
  }
  commit_now(self, what, then);
}

void commit_now(consumer_self self, const commit_request& what, const commit_then& then) {
  auto& state = self->state;
  std::map<topic_partition, offset_t> wanted;
  for (auto each : what.open()->getOffsets())
    wanted[{std::string{view(each.getTopic())}, each.getPartition()}] = each.getOffset();
  if (wanted.empty()) {
    for (const auto& [tp, at] : state.cursors) {
      auto known = state.committed.find(tp);
      if (at.handed >= 0 && (known == state.committed.end() || known->second != at.handed))
        wanted[tp] = at.handed;
    }
  }
  if (state.config.group.empty())
    return then(error{errc::invalid_argument, "a reader without a group cannot commit"});
  if (wanted.empty()) return then({});
  auto request = commit_offsets_request::make(wanted.size() * 128, [&](auto out) {
    out.setGroup(text_of(state.config.group));
    out.setMember(text_of(state.member));
    out.setGeneration(state.generation);
    auto list = out.initOffsets(static_cast<unsigned>(wanted.size()));
    unsigned i = 0;
    for (const auto& [tp, offset] : wanted) {
      list[i].setTopic(text_of(tp.topic));
      list[i].setPartition(tp.partition);
      list[i].setOffset(offset);
      ++i;
    }
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const group_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            if (!why && self->state.round == round)
              for (const auto& [tp, offset] : wanted) self->state.committed[tp] = offset;
            if (why && self->state.round == round && self->state.now == phase::running)
              membership_lost(self, why);
            then(why);
          },
          [=](const caf::error& why) { then(from_caf(why)); });
}

namespace {

poll_promise on_poll(consumer_self self, const poll_request& what) {
  auto& state = self->state;
  auto promise = self->make_response_promise<poll_reply>();
  if (state.poll) {
    promise.deliver(failed<poll_reply>(
        error{errc::overloaded, "the consumer is being polled already: one poll at a time"}));
    return promise;
  }
  state.polled_at = state.time->monotonic();
  if (state.config.auto_commit && state.now == phase::running && !state.config.group.empty())
    commit(self, commit_request{}, [](const error&) {});  // a failure shows as a rebalance
  state.poll.emplace(what, promise);
  const auto id = ++state.poll_id;
  serve_poll(state);
  if (state.poll)
    self->delayed_send(self, std::chrono::milliseconds{what.open()->getMaxWaitMs()},
                       tick_of(timer::poll_deadline, id));
  start(self);
  fetch_all(self);
  return promise;
}

consumer_reply on_seek(consumer_self self, const seek_request& what) {
  auto& state = self->state;
  for (auto each : what.open()->getOffsets()) {
    const topic_partition tp{std::string{view(each.getTopic())}, each.getPartition()};
    auto at = state.cursors.find(tp);
    if (at == state.cursors.end())
      return failed<consumer_reply>(
          error{errc::invalid_argument,
                "partition " + tp.to_string() + " is not assigned to this consumer: poll first"});
    state.buffered -= at->second.ready_bytes;
    cursor fresh;
    fresh.fetch_from = fresh.handed = each.getOffset();
    at->second = fresh;
  }
  // Replies to fetches from the old offsets are on their way: a new round drops them all.
  ++state.round;
  for (auto& each : state.cursors) {
    auto& at = each.second;
    at.in_flight = false;
    if (at.fetch_from < 0) find_start(self, each.first, reset_time(state));
  }
  fetch_all(self);
  return {};
}

assignment_reply on_assignment(const consumer_state& state) {
  std::vector<topic_partition> mine;
  for (const auto& each : state.cursors) mine.push_back(each.first);
  return assignment_reply::make(mine.size() * 128, [&](wire::AssignmentReply::Builder out) {
    out.setGeneration(state.generation);
    auto sorted = by_topic(mine);
    write_partitions(out.initPartitions(static_cast<unsigned>(sorted.size())), sorted);
    auto list = out.initPositions(static_cast<unsigned>(mine.size()));
    for (unsigned i = 0; i < mine.size(); ++i) {
      list[i].setTopic(text_of(mine[i].topic));
      list[i].setPartition(mine[i].partition);
      list[i].setOffset(state.cursors.at(mine[i]).handed);
    }
  });
}

void on_tick(consumer_self self, wire::Tick::Reader in) {
  auto& state = self->state;
  switch (in.getKind()) {
    case timer::heartbeat:
      return beat(self);
    case timer::metadata:
      return look_for_partitions(self);
    case timer::poll_deadline:
      if (in.getId() == state.poll_id) serve_poll(state, true);
      return;
    case timer::again:
      if (state.poll) start(self);
      for (auto& [tp, at] : state.cursors)
        if (const auto time = std::exchange(at.find_again, std::nullopt))
          find_start(self, tp, *time);
      return fetch_all(self);
    default:
      return;
  }
}

consumer_actor::behavior_type consume(consumer_self self, node_actor node, consumer_config config) {
  auto& state = self->state;
  state.node = std::move(node);
  state.config = std::move(config);
  state.time = state.config.time != nullptr ? state.config.time : &machine_clock();
  guard(self);
  if (!state.config.group.empty()) look_for_partitions(self);
  return {
      [=](const poll_request& what) { return on_poll(self, what); },
      [=](const commit_request& what) -> reply_promise {
        auto promise = self->make_response_promise<consumer_reply>();
        commit(self, what, [promise](const error& why) mutable {
          promise.deliver(why ? failed<consumer_reply>(why) : consumer_reply{});
        });
        return promise;
      },
      [=](const seek_request& what) { return on_seek(self, what); },
      [=](const assignment_request&) { return on_assignment(self->state); },
      [=](const leave_request&) -> reply_promise {
        auto promise = self->make_response_promise<consumer_reply>();
        if (self->state.poll) {
          self->state.poll->second.deliver(
              failed<poll_reply>(error{errc::closed, "the consumer was closed"}));
          self->state.poll.reset();
        }
        // The group is told before who asks goes on, perhaps to close the node.
        leave(self, [=]() mutable {
          promise.deliver(consumer_reply{});
          self->quit();
        });
        return promise;
      },
      [=](const tick& what) { on_tick(self, *what.open()); },
  };
}

}  // namespace

}  // namespace consuming

consumer_actor spawn_consumer(caf::actor_system& system, node_actor node, consumer_config config) {
  return system.spawn(consuming::consume, std::move(node), std::move(config));
}

}  // namespace penstock
