// A consumer as the member of a group: joining, assigning when it leads, heartbeats.
#include <algorithm>
#include <set>

#include "actors/client/consumer_parts.hpp"
#include "actors/errors.hpp"
#include "actors/messages/partitions.hpp"

namespace penstock::consuming {

namespace {

constexpr auto leave_patience = 5s;

// Those who commit while the group forms hear what the coordinator says to it now.
void serve_commits(consumer_state& state) {
  for (const auto& each : std::exchange(state.commits_waiting, {})) each();
}

}  // namespace

void rejoin_later(consumer_self self) {
  self->state.now = phase::idle;
  next_round(self->state);
  serve_commits(self->state);
  self->delayed_send(self, retry_pause, tick_of(timer::again));
}

void membership_lost(consumer_self self, const error& why) {
  auto& state = self->state;
  if (why == errc::unknown_member || why == errc::illegal_generation) {
    state.member.clear();
    // Others have them by now.
    if (state.cooperative) forget_partitions(state);
    serve_commits(state);
  }
  if (why == errc::rebalance_in_progress || why == errc::unknown_member ||
      why == errc::illegal_generation || why == errc::overloaded || why == errc::timed_out ||
      why == errc::not_coordinator) {
    state.now = phase::idle;
    return rejoin_later(self);
  }
  state.now = phase::idle;
  ++state.round;
  fail(self, why);
}

namespace {

// `then` gets the committed offset of each, -1 for none.
void with_offsets(consumer_self self, const std::vector<topic_partition>& of,
                  const std::function<void(const starts&)>& then) {
  auto& state = self->state;
  if (of.empty()) return then({});
  auto request = fetch_offsets_request::make([&](wire::FetchOffsetsRequest::Builder out) {
    out.setGroup(text_of(state.config.group));
    auto sorted = by_topic(of);
    write_partitions(out.initPartitions(static_cast<unsigned>(sorted.size())), sorted);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const fetch_offsets_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) return membership_lost(self, why);
            std::map<topic_partition, offset_t> known;
            for (auto each : in->getOffsets())
              known[{std::string{view(each.getTopic())}, each.getPartition()}] = each.getOffset();
            starts from;
            for (const auto& tp : of) from.emplace_back(tp, known.contains(tp) ? known[tp] : -1);
            then(from);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) membership_lost(self, from_caf(why));
          });
}

// Stops reading what went to nobody yet because this member had it.
bool give_up_others(consumer_state& state, const std::vector<topic_partition>& mine) {
  const std::set<topic_partition> kept{mine.begin(), mine.end()};
  bool any = false;
  for (auto at = state.cursors.begin(); at != state.cursors.end();) {
    if (kept.contains(at->first)) {
      ++at;
      continue;
    }
    any = true;
    state.buffered -= at->second.ready_bytes;
    state.committed.erase(at->first);
    at = state.cursors.erase(at);
  }
  return any;
}

void use_assignment(consumer_self self, const std::vector<topic_partition>& mine) {
  auto& state = self->state;
  if (!state.cooperative)
    return with_offsets(self, mine, [self](const starts& from) { begin(self, from); });
  // The last that is committed of what is given up, ahead of the next owner's question for it.
  if (state.config.auto_commit) commit_now(self, commit_request{}, [](const error&) {});
  serve_commits(state);
  const bool gave_up = give_up_others(state, mine);
  std::vector<topic_partition> fresh;
  for (const auto& each : mine)
    if (!state.cursors.contains(each)) fresh.push_back(each);
  with_offsets(self, fresh, [self, gave_up](const starts& from) {
    begin_more(self, from);
    if (!gave_up) return;
    self->state.now = phase::idle;
    start(self);
  });
}

sync_group_request sync_of(const consumer_state& state, const group_assignment& all) {
  return sync_group_request::make(all.size() * 256, [&](wire::SyncGroupRequest::Builder out) {
    out.setGroup(text_of(state.config.group));
    out.setMember(text_of(state.member));
    out.setGeneration(state.generation);
    auto list = out.initAssignments(static_cast<unsigned>(all.size()));
    unsigned i = 0;
    for (const auto& [member, mine] : all) {
      list[i].setMember(text_of(member));
      auto sorted = by_topic(mine);
      write_partitions(list[i].initPartitions(static_cast<unsigned>(sorted.size())), sorted);
      ++i;
    }
  });
}

void sync(consumer_self self, const group_assignment& all) {
  auto& state = self->state;
  const auto round = state.round;
  self->request(state.node, caf::infinite, sync_of(state, all))
      .then(
          [=](const sync_group_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) return membership_lost(self, why);
            use_assignment(self, read_partitions(in->getPartitions()));
          },
          [=](const caf::error& why) {
            if (self->state.round == round) membership_lost(self, from_caf(why));
          });
}

void lead(consumer_self self, const join_group_reply& reply) {
  auto in = reply.open();
  std::vector<assignor_member> members;
  std::map<std::string, bool> topics;
  for (auto each : in->getMembers()) {
    auto& member = members.emplace_back();
    member.id = std::string{view(each.getId())};
    for (auto topic : each.getSubscription().getTopics()) {
      member.topics.emplace_back(view(topic));
      topics[member.topics.back()] = true;
    }
    member.owned = read_partitions(each.getSubscription().getOwned());
  }
  auto kind = assignor_named(view(in->getAssignor()));
  if (!kind) return membership_lost(self, kind.error());
  std::vector<std::string> names;
  for (const auto& each : topics) names.push_back(each.first);
  count_partitions(self, names, [=, kind = *kind](const partition_counts& counts) {
    self->state.counts = counts;
    sync(self, assign(kind, members, counts));
  });
}

void join(consumer_self self) {
  auto& state = self->state;
  const auto& config = state.config;
  if (state.cooperative && state.member.empty()) forget_partitions(state);
  std::vector<topic_partition> owned;
  for (const auto& each : state.cursors) owned.push_back(each.first);
  auto request = join_group_request::make(owned.size() * 64, [&](auto out) {
    out.setGroup(text_of(config.group));
    out.setMember(text_of(state.member));
    out.setInstance(text_of(config.instance));
    out.setClient(text_of(config.client));
    out.setSessionTimeoutMs(static_cast<std::uint32_t>(config.session_timeout.count()));
    out.setRebalanceTimeoutMs(static_cast<std::uint32_t>(config.rebalance_timeout.count()));
    auto assignors = out.initAssignors(static_cast<unsigned>(config.assignors.size()));
    for (unsigned i = 0; i < config.assignors.size(); ++i)
      assignors.set(i, text_of(config.assignors[i]));
    auto subscription = out.initSubscription();
    auto topics = subscription.initTopics(static_cast<unsigned>(config.topics.size()));
    for (unsigned i = 0; i < config.topics.size(); ++i) topics.set(i, text_of(config.topics[i]));
    auto sorted = by_topic(owned);
    write_partitions(subscription.initOwned(static_cast<unsigned>(sorted.size())), sorted);
  });
  // Unless members cooperate, nothing of the last assignment is handed over or committed any more.
  next_round(state);
  if (!state.cooperative) forget_partitions(state);
  fetch_all(self);
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const join_group_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            auto& joined = self->state;
            if (in->getMember().size() > 0) joined.member = std::string{view(in->getMember())};
            if (auto why = error_of(in->getFailure())) return membership_lost(self, why);
            joined.generation = in->getGeneration();
            const bool cooperative =
                view(in->getAssignor()) == name_of(assignor::cooperative_sticky);
            if (!cooperative) forget_partitions(joined);
            joined.cooperative = cooperative;
            joined.leader = view(in->getLeader()) == joined.member;
            if (!std::exchange(joined.heartbeat_running, true))
              self->delayed_send(self, joined.config.heartbeat_interval, tick_of(timer::heartbeat));
            if (joined.leader) {
              lead(self, reply);
            } else {
              sync(self, {});
            }
          },
          [=](const caf::error& why) {
            if (self->state.round == round) membership_lost(self, from_caf(why));
          });
}

}  // namespace

void start(consumer_self self) {
  auto& state = self->state;
  if (state.now != phase::idle) return;
  state.now = phase::starting;
  if (state.config.group.empty()) {
    start_alone(self);
  } else {
    join(self);
  }
}

void leave(consumer_self self, const std::function<void()>& then) {
  auto& state = self->state;
  if (state.config.group.empty() || state.member.empty()) return then();
  auto request = leave_group_request::make([&](wire::LeaveGroupRequest::Builder out) {
    out.setGroup(text_of(state.config.group));
    out.setMember(text_of(state.member));
  });
  self->request(state.node, leave_patience, std::move(request))
      .then([=](const group_reply&) { then(); }, [=](const caf::error&) { then(); });
  state.member.clear();
  state.generation = -1;
}

void beat(consumer_self self) {
  auto& state = self->state;
  state.heartbeat_running = false;
  if (state.member.empty()) return;
  if (state.time->monotonic() - state.polled_at > state.config.poll_interval_max && !state.poll) {
    // The program has stopped asking: its partitions go to somebody who does.
    leave(self, [] {});
    ++state.round;
    state.now = phase::idle;
    state.cursors.clear();
    state.buffered = 0;
    return;
  }
  state.heartbeat_running = true;
  self->delayed_send(self, state.config.heartbeat_interval, tick_of(timer::heartbeat));
  if (state.now != phase::running) return;
  auto request = heartbeat_request::make([&](wire::HeartbeatRequest::Builder out) {
    out.setGroup(text_of(state.config.group));
    out.setMember(text_of(state.member));
    out.setGeneration(state.generation);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const group_reply& reply) {
            if (self->state.round != round) return;
            if (auto why = error_of(reply.open()->getFailure())) membership_lost(self, why);
          },
          [](const caf::error&) {});
}

void look_for_partitions(consumer_self self) {
  auto& state = self->state;
  self->delayed_send(self, state.config.metadata_interval, tick_of(timer::metadata));
  if (state.now != phase::running || !state.leader) return;
  std::vector<std::string> names = state.config.topics;
  for (const auto& each : state.counts) names.push_back(each.first);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  count_partitions(self, names, [self](const partition_counts& counts) {
    if (counts != self->state.counts) rejoin_later(self);
  });
}

}  // namespace penstock::consuming
