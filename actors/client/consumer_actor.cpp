#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "actors/broker/guard.hpp"
#include "actors/client/consumer.hpp"
#include "actors/messages/partitions.hpp"
#include "streams/topic/assignor.hpp"

namespace penstock {
namespace {

enum timer : std::uint16_t { heartbeat = 1, poll_deadline = 2, again = 3, metadata = 4 };

constexpr auto long_poll = 500ms;  // how long a partition holds a fetch that finds nothing
constexpr auto retry_pause = 100ms;
constexpr auto leave_patience = 5s;

enum class phase : std::uint8_t { idle, starting, running };

// Where reading stands on one partition.
struct cursor {
  offset_t fetch_from = -1;      // next offset to ask for; -1: not known yet
  offset_t handed = -1;          // next offset to hand over
  offset_t high_watermark = -1;  // -1: not known yet
  bool in_flight = false;
  std::optional<std::int64_t> find_again;  // the time to ask for, when the answer did not come
  std::deque<fetch_reply> ready;           // fetched, not handed over
  std::deque<offset_t> ready_from;         // the offset that each of them was asked from
  std::size_t ready_bytes = 0;
};

struct consumer_state {
  static inline const char* name = "penstock.consumer";
  consumer_state() = default;  // not an aggregate: CAF would try to fill one from the actor

  node_actor node;
  consumer_config config;
  const penstock::clock* time = nullptr;
  phase now = phase::idle;
  std::uint64_t round = 0;  // changes with every assignment: late replies are dropped
  std::string member;
  std::int32_t generation = -1;
  bool leader = false;
  partition_counts counts;  // as the last assignment saw them
  std::map<topic_partition, cursor> cursors;
  std::map<topic_partition, offset_t> committed;  // what was handed over and committed
  error failure;                                  // for the next poll
  std::size_t buffered = 0;
  std::optional<std::pair<poll_request, caf::typed_response_promise<poll_reply>>> poll;
  std::uint64_t poll_id = 0;
  std::chrono::nanoseconds polled_at{0};
  bool heartbeat_running = false;
};

using consumer_self = consumer_actor::stateful_pointer<consumer_state>;

void start(consumer_self self);
void fetch_all(consumer_self self);

tick tick_of(timer kind, std::uint64_t id = 0) {
  return tick::make([&](wire::Tick::Builder out) {
    out.setKind(kind);
    out.setId(id);
  });
}

// --- handing over

bool caught_up(const consumer_state& state) {
  return state.now == phase::running &&
         std::all_of(state.cursors.begin(), state.cursors.end(), [](const auto& each) {
           return each.second.high_watermark >= 0 &&
                  each.second.handed >= each.second.high_watermark;
         });
}

struct slice {
  topic_partition tp;
  offset_t from;
  fetch_reply what;
};

std::vector<slice> take_slices(consumer_state& state, std::size_t bytes_max) {
  std::vector<slice> slices;
  std::size_t taken = 0;
  // In turn, one fetched reply each, so that a busy partition does not starve the others.
  for (bool more = true; more && (taken == 0 || taken < bytes_max);) {
    more = false;
    for (auto& [tp, at] : state.cursors) {
      if (at.ready.empty() || (taken > 0 && taken >= bytes_max)) continue;
      auto in = at.ready.front().open();
      const auto size = in->getBatches().size();
      slices.push_back({tp, at.ready_from.front(), at.ready.front()});
      at.handed = in->getNextOffset();
      at.ready.pop_front();
      at.ready_from.pop_front();
      at.ready_bytes -= size;
      state.buffered -= size;
      taken += size;
      more = true;
    }
  }
  return slices;
}

poll_reply make_reply(const consumer_state& state, const std::vector<slice>& slices) {
  std::size_t words = 0;
  std::size_t spare = envelope_spare_words;
  for (const auto& each : slices) {
    words += data_words(each.what.open()->getBatches().size());
    spare += 16 + data_words(each.tp.topic.size() + 1);
  }
  const auto fill = [&](wire::PollReply::Builder out) {
    out.setGeneration(state.generation);
    out.setAtEnd(caught_up(state));
    auto list = out.initSlices(static_cast<unsigned>(slices.size()));
    for (unsigned i = 0; i < slices.size(); ++i) {
      auto in = slices[i].what.open();
      list[i].setTopic(text_of(slices[i].tp.topic));
      list[i].setPartition(slices[i].tp.partition);
      list[i].setFromOffset(slices[i].from);
      list[i].setNextOffset(in->getNextOffset());
      list[i].setHighWatermark(in->getHighWatermark());
    }
    for (unsigned i = 0; i < slices.size(); ++i) {
      auto in = slices[i].what.open();
      const bytes_view data = view(in->getBatches());
      put_data(list[i].initBatches(static_cast<unsigned>(data.size())), data);
    }
  };
  return poll_reply::make_ending_in_data(words, fill, spare);
}

// Answers the poll that waits, if there is something to say, or if its time is over.
void serve_poll(consumer_state& state, bool time_is_over = false) {
  if (!state.poll) return;
  auto& [request, promise] = *state.poll;
  if (state.failure) {
    promise.deliver(failed<poll_reply>(std::exchange(state.failure, {})));
    state.poll.reset();
    return;
  }
  const bool end = caught_up(state);
  if (state.buffered == 0 && !end && !time_is_over) return;
  auto slices = take_slices(state, request.open()->getMaxBytes());
  // At the end without records the poll still waits its time: more may come.
  if (slices.empty() && !time_is_over) return;
  promise.deliver(make_reply(state, slices));
  state.poll.reset();
}

void fail(consumer_self self, const error& why) {
  self->state.failure = why;
  serve_poll(self->state);
}

// --- fetching

offset_t reset_time(const consumer_state& state) {
  return state.config.start == start_at::beginning ? -2 : -1;
}

void find_start(consumer_self self, const topic_partition& tp, std::int64_t time);

// What passes by itself, such as a link that is being made again.
bool passes(const error& why) {
  return why == errc::overloaded || why == errc::timed_out;
}

void on_fetched(consumer_self self, const topic_partition& tp, const fetch_reply& reply) {
  auto& state = self->state;
  auto& at = state.cursors.at(tp);
  at.in_flight = false;
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) {
    if (why == errc::offset_out_of_range && state.config.partitions.empty()) {
      // Retention was faster than this reader, or the topic is another one now. Never skip to the
      // end what is still there.
      const bool below = at.fetch_from < in->getStartOffset();
      log_line(tp.to_string(), why.message() + "; reading on at the start of the log");
      return find_start(self, tp, below ? -2 : reset_time(state));
    }
    if (passes(why)) {
      self->delayed_send(self, retry_pause, tick_of(timer::again));
      return;
    }
    return fail(self, why);
  }
  at.high_watermark = in->getHighWatermark();
  if (in->getBatches().size() > 0) {
    at.ready_from.push_back(at.fetch_from);
    at.ready.push_back(reply);
    at.ready_bytes += in->getBatches().size();
    state.buffered += in->getBatches().size();
    at.fetch_from = in->getNextOffset();
  } else {
    // What was aborted, or compacted away, is passed over.
    at.fetch_from = std::max(at.fetch_from, offset_t{in->getNextOffset()});
    if (at.ready.empty()) at.handed = at.fetch_from;
  }
  serve_poll(state);
  fetch_all(self);
}

void fetch(consumer_self self, const topic_partition& tp, cursor& at) {
  auto& state = self->state;
  at.in_flight = true;
  const bool known_end = at.high_watermark >= 0 && at.fetch_from >= at.high_watermark;
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    out.setOffset(at.fetch_from);
    out.setMaxBytes(state.config.fetch_bytes_max);
    out.setMaxWaitMs(known_end ? static_cast<std::uint32_t>(long_poll.count()) : 0);
    if (!state.config.read_uncommitted) out.setIsolation(wire::Isolation::FILTERED);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const fetch_reply& reply) {
            if (self->state.round == round) on_fetched(self, tp, reply);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

void fetch_all(consumer_self self) {
  auto& state = self->state;
  if (state.now != phase::running) return;
  for (auto& [tp, at] : state.cursors) {
    if (at.in_flight || at.fetch_from < 0) continue;
    if (state.buffered >= state.config.buffer_bytes_max) return;
    if (at.ready_bytes >= state.config.fetch_bytes_max * 2u) continue;
    fetch(self, tp, at);
  }
}

void find_start(consumer_self self, const topic_partition& tp, std::int64_t time) {
  auto& state = self->state;
  auto request = list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    out.setTime(time);
    out.setCommitted(!state.config.read_uncommitted);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const list_offsets_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            auto& at = self->state.cursors.at(tp);
            if (auto why = error_of(in->getFailure())) {
              if (!passes(why)) return fail(self, why);
              at.find_again = time;
              self->delayed_send(self, retry_pause, tick_of(timer::again));
              return;
            }
            at.fetch_from = at.handed = in->getOffset();
            fetch_all(self);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

// --- what to read

void begin(consumer_self self, const std::vector<std::pair<topic_partition, offset_t>>& from) {
  auto& state = self->state;
  ++state.round;
  state.cursors.clear();
  state.committed.clear();
  state.buffered = 0;
  state.now = phase::running;
  for (const auto& [tp, offset] : from) {
    auto& at = state.cursors[tp];
    at.fetch_from = at.handed = offset;
    if (offset >= 0) state.committed[tp] = offset;
  }
  for (const auto& [tp, offset] : from)
    if (offset < 0) find_start(self, tp, reset_time(state));
  fetch_all(self);
}

using counts_then = std::function<void(partition_counts)>;

void rejoin_later(consumer_self self);

void count_partitions(consumer_self self, const std::vector<std::string>& topics,
                      counts_then then) {
  auto request = topics_request::make([&](wire::TopicsRequest::Builder out) {
    auto list = out.initNames(static_cast<unsigned>(topics.size()));
    for (unsigned i = 0; i < topics.size(); ++i) list.set(i, text_of(topics[i]));
  });
  const auto round = self->state.round;
  self->request(self->state.node, caf::infinite, std::move(request))
      .then(
          [=](const topics_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) {
              if (!passes(why)) return fail(self, why);
              if (self->state.now != phase::running) rejoin_later(self);
              return;
            }
            partition_counts counts;
            for (auto each : in->getTopics())
              counts[std::string{view(each.getName())}] =
                  static_cast<std::int32_t>(each.getPartitions().size());
            then(std::move(counts));
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

void start_alone(consumer_self self) {
  auto& state = self->state;
  if (!state.config.partitions.empty()) return begin(self, state.config.partitions);
  count_partitions(self, state.config.topics, [self](const partition_counts& counts) {
    std::vector<std::pair<topic_partition, offset_t>> from;
    for (const auto& topic : self->state.config.topics) {
      auto at = counts.find(topic);
      if (at == counts.end()) {
        self->state.now = phase::idle;
        return fail(self, error{errc::unknown_topic, "topic \"" + topic + "\" does not exist"});
      }
      for (std::int32_t n = 0; n < at->second; ++n) from.push_back({{topic, n}, -1});
    }
    begin(self, from);
  });
}

// --- membership

void rejoin_later(consumer_self self) {
  self->state.now = phase::idle;
  ++self->state.round;
  self->delayed_send(self, retry_pause, tick_of(timer::again));
}

void membership_lost(consumer_self self, const error& why) {
  auto& state = self->state;
  if (why == errc::unknown_member || why == errc::illegal_generation) state.member.clear();
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

void use_assignment(consumer_self self, const std::vector<topic_partition>& mine) {
  auto& state = self->state;
  auto request = fetch_offsets_request::make([&](wire::FetchOffsetsRequest::Builder out) {
    out.setGroup(text_of(state.config.group));
    auto sorted = by_topic(mine);
    write_partitions(out.initPartitions(static_cast<unsigned>(sorted.size())), sorted);
  });
  if (mine.empty()) return begin(self, {});
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
            std::vector<std::pair<topic_partition, offset_t>> from;
            for (const auto& tp : mine) from.emplace_back(tp, known.contains(tp) ? known[tp] : -1);
            begin(self, from);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) membership_lost(self, from_caf(why));
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
  // From here on nothing of the last assignment is handed over or committed any more.
  ++state.round;
  state.cursors.clear();
  state.committed.clear();
  state.buffered = 0;
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

// `then` is called when the coordinator knows, or cannot be told.
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

// The leader looks whether topics have got more partitions, or exist by now.
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

// --- requests

using poll_promise = caf::typed_response_promise<poll_reply>;
using reply_promise = caf::typed_response_promise<consumer_reply>;
using commit_then = std::function<void(const error&)>;

void commit(consumer_self self, const commit_request& what, const commit_then& then) {
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
            if (why && self->state.round == round) membership_lost(self, why);
            then(why);
          },
          [=](const caf::error& why) { then(from_caf(why)); });
}

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

consumer_actor spawn_consumer(caf::actor_system& system, node_actor node, consumer_config config) {
  return system.spawn(consume, std::move(node), std::move(config));
}

}  // namespace penstock
