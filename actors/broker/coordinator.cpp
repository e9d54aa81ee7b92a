#include "actors/broker/coordinator.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "actors/broker/guard.hpp"
#include "actors/broker/opaque_members.hpp"
#include "actors/client/produce_queue.hpp"
#include "actors/messages/partitions.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/group.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock {
namespace {

enum timer : std::uint16_t { deadlines = 1, expiry = 2, again = 3 };

constexpr auto expiry_interval = std::chrono::minutes{1};
constexpr auto retry_pause = 50ms;
constexpr std::size_t group_id_bytes_max = 1024;

using reply_sender = std::function<void(const member_reply&)>;

struct coordinator_state {
  static inline const char* name = "penstock.groups";
  coordinator_state() = default;

  struct stored_batch {
    bytes batch;
    std::vector<std::pair<bytes, std::optional<bytes>>> records;
    std::function<void(const error&)> then;
  };

  coordinator_config config;
  group_settings settings;
  std::map<std::string, group, std::less<>> groups;
  offsets_image offsets;
  std::map<request_token, reply_sender> waiting;
  request_token next_token = 1;
  bool ready = false;  // the offsets topic is there and has been read
  bool opening = false;
  std::vector<std::function<void(const error&)>> parked;  // until ready
  std::deque<stored_batch> queue;  // for the offsets topic, one append in flight
  bool in_flight = false;
  std::optional<std::chrono::nanoseconds> timer_at;
};

using coordinator_self = coordinator_actor::stateful_pointer<coordinator_state>;

tick tick_of(timer kind) {
  return tick::make([&](wire::Tick::Builder out) { out.setKind(kind); });
}

// --- the offsets topic

void store_next(coordinator_self self);

void stored(coordinator_self self, const error& why) {
  auto& state = self->state;
  auto done = std::move(state.queue.front());
  state.queue.pop_front();
  state.in_flight = false;
  if (!why)
    for (const auto& [key, value] : done.records) {
      auto applied = state.offsets.apply(key, value);
      PENSTOCK_ASSERT(applied.has_value(), applied.error().to_string());
    }
  done.then(why);
  store_next(self);
}

void store_next(coordinator_self self) {
  auto& state = self->state;
  if (state.in_flight || state.queue.empty()) return;
  state.in_flight = true;
  const auto& batch = state.queue.front().batch;
  auto request = append_request::make(batch.size(), [&](wire::AppendRequest::Builder out) {
    out.setTopic(std::string{offsets_topic}.c_str());
    out.setBatches(data_of(batch));
  });
  auto retry = [self] {
    self->state.in_flight = false;
    self->delayed_send(self, retry_pause, tick_of(timer::again));
  };
  self->request(state.config.node, caf::infinite, std::move(request))
      .then(
          [=](const append_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            // Written twice does no harm: the topic is compacted by key.
            if (why && is_retriable(why.code())) return retry();
            stored(self, why);
          },
          [=](const caf::error& why) { stored(self, from_caf(why)); });
}

void store(coordinator_self self, std::vector<std::pair<bytes, std::optional<bytes>>> records,
           std::function<void(const error&)> then) {
  batch_builder builder;
  const auto now = self->state.config.time->now();
  for (const auto& [key, value] : records)
    builder.add(now, key, value ? std::optional<bytes_view>{*value} : std::nullopt);
  self->state.queue.push_back({bytes{builder.finish()}, std::move(records), std::move(then)});
  store_next(self);
}

// --- groups

group* find(coordinator_state& state, std::string_view id) {
  auto at = state.groups.find(id);
  return at == state.groups.end() ? nullptr : &at->second;
}

result<group*> find_or_make(coordinator_state& state, const std::string& id) {
  if (id.empty() || id.size() > group_id_bytes_max)
    return error{errc::invalid_argument, "group id \"" + id.substr(0, 64) +
                                             "\" is not valid: give 1 to " +
                                             std::to_string(group_id_bytes_max) + " bytes"};
  if (auto* known = find(state, id)) return known;
  if (state.groups.size() >= state.config.groups_max)
    return error{errc::overloaded,
                 "there are " + std::to_string(state.groups.size()) + " groups already"};
  auto made = state.groups.try_emplace(id, id, state.settings, state.config.chance.fork());
  return &made.first->second;
}

void arm(coordinator_self self) {
  auto& state = self->state;
  std::optional<std::chrono::nanoseconds> first;
  for (const auto& each : state.groups)
    if (auto at = each.second.next_deadline(); at && (!first || *at < *first)) first = at;
  if (!first || (state.timer_at && *state.timer_at <= *first)) return;
  state.timer_at = first;
  const auto now = state.config.time->monotonic();
  self->delayed_send(self, std::max(*first - now, std::chrono::nanoseconds{1'000'000}),
                     tick_of(timer::deadlines));
}

void perform(coordinator_self self, const std::string& id, group_effects effects) {
  auto& state = self->state;
  for (auto& each : effects.stores) {
    each.value.state_since = state.config.time->now();
    store(self, {{encode(group_metadata_key{id}), encode(each.value)}},
          [=, number = each.number](const error& why) {
            if (auto* known = find(self->state, id))
              perform(self, id, known->stored(number, why, self->state.config.time->monotonic()));
          });
  }
  for (const auto& each : effects.replies) {
    const auto token = std::visit([](const auto& reply) { return reply.token; }, each);
    if (auto at = state.waiting.extract(token); !at.empty()) at.mapped()(each);
  }
  arm(self);
}

void run_timers(coordinator_self self) {
  auto& state = self->state;
  state.timer_at.reset();
  const auto now = state.config.time->monotonic();
  std::vector<std::string> due;
  for (const auto& each : state.groups)
    if (auto at = each.second.next_deadline(); at && *at <= now) due.push_back(each.first);
  for (const auto& id : due) perform(self, id, find(state, id)->tick(now));
  arm(self);
}

request_token expect(coordinator_state& state, reply_sender then) {
  const auto token = state.next_token++;
  state.waiting.emplace(token, std::move(then));
  return token;
}

// --- subscriptions and assignments: typed in messages, Kafka's bytes in the group

consumer_subscription read_subscription(wire::Subscription::Reader from) {
  consumer_subscription subscription;
  for (auto each : from.getTopics()) subscription.topics.emplace_back(view(each));
  subscription.owned = read_partitions(from.getOwned());
  return subscription;
}

join_group_reply to_reply(const member_joined& from) {
  if (from.why) {
    return join_group_reply::make(from.why.message().size() + from.member_id.size(), [&](auto out) {
      set_failure(out.initFailure(), from.why);
      out.setMember(text_of(from.member_id));
    });
  }
  std::size_t size = 0;
  for (const auto& each : from.members) size += each.metadata.size() * 2 + 256;
  return join_group_reply::make(size, [&](wire::JoinGroupReply::Builder out) {
    out.setGeneration(from.generation);
    out.setMember(text_of(from.member_id));
    out.setLeader(text_of(from.leader));
    out.setAssignor(text_of(from.protocol));
    auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
    for (unsigned i = 0; i < from.members.size(); ++i) {
      list[i].setId(text_of(from.members[i].member_id));
      auto decoded = decode_subscription(from.members[i].metadata);
      if (!decoded) continue;  // a member of another kind of client: nothing is assigned to it
      auto to = list[i].initSubscription();
      auto topics = to.initTopics(static_cast<unsigned>(decoded->topics.size()));
      for (unsigned t = 0; t < decoded->topics.size(); ++t)
        topics.set(t, text_of(decoded->topics[t]));
      auto owned = by_topic(decoded->owned);
      write_partitions(to.initOwned(static_cast<unsigned>(owned.size())), owned);
    }
  });
}

sync_group_reply to_reply(const member_synced& from) {
  if (from.why) return failed<sync_group_reply>(from.why);
  auto decoded = decode_assignment(from.assignment);
  if (!decoded) return failed<sync_group_reply>(decoded.error());
  return sync_group_reply::make(from.assignment.size() * 2, [&](auto out) {
    auto sorted = by_topic(decoded->partitions);
    write_partitions(out.initPartitions(static_cast<unsigned>(sorted.size())), sorted);
  });
}

group_reply to_reply(const error& why) {
  return why ? failed<group_reply>(why) : group_reply{};
}

// --- membership requests

void join(coordinator_self self, wire::JoinGroupRequest::Reader in,
          caf::typed_response_promise<join_group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto known = find_or_make(state, id);
  if (!known) {
    promise.deliver(failed<join_group_reply>(known.error()));
    return;
  }
  member_join request;
  request.member_id = std::string{view(in.getMember())};
  if (in.getInstance().size() > 0) request.instance_id = std::string{view(in.getInstance())};
  request.client_id = std::string{view(in.getClient())};
  request.client_host = "/in-process";
  request.protocol_type = consumer_protocol_type;
  request.session_timeout = duration{in.getSessionTimeoutMs()};
  request.rebalance_timeout = duration{in.getRebalanceTimeoutMs()};
  const auto metadata = encode(read_subscription(in.getSubscription()));
  for (auto each : in.getAssignors())
    request.protocols.push_back({std::string{view(each)}, metadata});
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_reply(std::get<member_joined>(reply)));
  });
  perform(self, id, (*known)->join(request, state.config.time->monotonic()));
}

error unknown_member_of(const std::string& group) {
  return error{errc::unknown_member, "group \"" + group + "\" has no such member: join again"};
}

void sync(coordinator_self self, wire::SyncGroupRequest::Reader in,
          caf::typed_response_promise<sync_group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find(state, id);
  if (known == nullptr) {
    promise.deliver(failed<sync_group_reply>(unknown_member_of(id)));
    return;
  }
  member_sync request;
  request.member_id = std::string{view(in.getMember())};
  request.generation = in.getGeneration();
  for (auto each : in.getAssignments())
    request.assignments[std::string{view(each.getMember())}] =
        encode(consumer_assignment{read_partitions(each.getPartitions()), std::nullopt});
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_reply(std::get<member_synced>(reply)));
  });
  perform(self, id, known->sync(request, state.config.time->monotonic()));
}

std::optional<std::string> instance_in(wire::HeartbeatRequest::Reader) {
  return std::nullopt;
}
std::optional<std::string> instance_in(wire::OpaqueHeartbeat::Reader in) {
  return given_text(in.getInstance());
}

template <class Reader>
void heartbeat(coordinator_self self, Reader in, caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find(state, id);
  if (known == nullptr) {
    promise.deliver(to_reply(unknown_member_of(id)));
    return;
  }
  member_heartbeat request;
  request.member_id = std::string{view(in.getMember())};
  request.instance_id = instance_in(in);
  request.generation = in.getGeneration();
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_reply(std::get<member_alive>(reply).why));
  });
  perform(self, id, known->heartbeat(request, state.config.time->monotonic()));
}

void leave(coordinator_self self, wire::LeaveGroupRequest::Reader in,
           caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find(state, id);
  if (known == nullptr) {
    promise.deliver(to_reply(unknown_member_of(id)));
    return;
  }
  member_leave request;
  request.members.push_back({std::string{view(in.getMember())}, std::nullopt});
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    const auto& left = std::get<member_left>(reply);
    promise.deliver(to_reply(left.why || left.members.empty() ? left.why : left.members[0].why));
  });
  perform(self, id, known->leave(request, state.config.time->monotonic()));
}

// --- the same for members that bring bytes

void join_opaque(coordinator_self self, wire::OpaqueJoin::Reader in,
                 caf::typed_response_promise<opaque_joined> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto known = find_or_make(state, id);
  if (!known) {
    promise.deliver(failed<opaque_joined>(known.error()));
    return;
  }
  auto request = join_of(in);
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_opaque(std::get<member_joined>(reply)));
  });
  perform(self, id, (*known)->join(request, state.config.time->monotonic()));
}

void sync_opaque(coordinator_self self, wire::OpaqueSync::Reader in,
                 caf::typed_response_promise<opaque_synced> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find(state, id);
  if (known == nullptr) {
    promise.deliver(failed<opaque_synced>(unknown_member_of(id)));
    return;
  }
  auto request = sync_of(in);
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_opaque(std::get<member_synced>(reply)));
  });
  perform(self, id, known->sync(request, state.config.time->monotonic()));
}

void leave_opaque(coordinator_self self, wire::OpaqueLeave::Reader in,
                  caf::typed_response_promise<opaque_left> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find(state, id);
  if (known == nullptr) {
    promise.deliver(failed<opaque_left>(unknown_member_of(id)));
    return;
  }
  auto request = leave_of(in);
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_opaque(std::get<member_left>(reply)));
  });
  perform(self, id, known->leave(request, state.config.time->monotonic()));
}

// --- offsets

std::optional<std::string> instance_in(wire::CommitOffsetsRequest::Reader) {
  return std::nullopt;
}
std::optional<std::string> instance_in(wire::OpaqueCommit::Reader in) {
  return given_text(in.getInstance());
}
epoch_t epoch_in(wire::PartitionOffset::Reader) {
  return -1;
}
epoch_t epoch_in(wire::OpaqueOffset::Reader in) {
  return in.getLeaderEpoch();
}

template <class Reader>
void commit(coordinator_self self, Reader in, caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  const std::string member{view(in.getMember())};
  auto known = find_or_make(state, id);
  error why = known ? error{} : known.error();
  bool forgets = std::is_same_v<Reader, wire::OpaqueCommit::Reader> && member.empty();
  for (auto each : in.getOffsets()) forgets = forgets && each.getOffset() == -1;
  if (!why && !forgets) {
    auto checked = (*known)->check_commit(member, instance_in(in), in.getGeneration(),
                                          state.config.time->monotonic());
    if (!checked) why = checked.error();
  }
  std::vector<std::pair<bytes, std::optional<bytes>>> records;
  for (auto each : in.getOffsets()) {
    if (each.getMetadata().size() > offset_metadata_bytes_max)
      why = error{errc::invalid_argument,
                  "offset metadata of " + std::to_string(each.getMetadata().size()) +
                      " bytes: at most " + std::to_string(offset_metadata_bytes_max) + " are kept"};
    const offset_commit_key key{id, {std::string{view(each.getTopic())}, each.getPartition()}};
    committed_offset value;
    value.offset = each.getOffset();
    value.leader_epoch = epoch_in(each);
    value.metadata = std::string{view(each.getMetadata())};
    value.commit_time = state.config.time->now();
    records.emplace_back(encode(key),
                         each.getOffset() == -1 ? std::nullopt : std::optional{encode(value)});
  }
  if (why || records.empty()) {
    promise.deliver(to_reply(why));
    return;
  }
  store(self, std::move(records),
        [promise](const error& failure) mutable { promise.deliver(to_reply(failure)); });
  arm(self);
}

void set_epoch(wire::PartitionOffset::Builder, epoch_t) {}
void set_epoch(wire::OpaqueOffset::Builder out, epoch_t epoch) {
  out.setLeaderEpoch(epoch);
}

template <class Reply, class Reader>
Reply fetch_offsets(const coordinator_state& state, Reader in) {
  const std::string id{view(in.getGroup())};
  std::vector<std::pair<topic_partition, committed_offset>> found;
  const auto& all = state.offsets.offsets_of(id);
  if (in.getPartitions().size() == 0) {
    found.assign(all.begin(), all.end());
  } else {
    for (const auto& tp : read_partitions(in.getPartitions())) {
      auto at = all.find(tp);
      committed_offset none;
      none.offset = -1;
      found.emplace_back(tp, at == all.end() ? none : at->second);
    }
  }
  return Reply::make(found.size() * 128, [&](auto out) {
    auto list = out.initOffsets(static_cast<unsigned>(found.size()));
    for (unsigned i = 0; i < found.size(); ++i) {
      list[i].setTopic(text_of(found[i].first.topic));
      list[i].setPartition(found[i].first.partition);
      list[i].setOffset(found[i].second.offset);
      list[i].setMetadata(text_of(found[i].second.metadata));
      set_epoch(list[i], found[i].second.leader_epoch);
    }
  });
}

// --- looking

void write_group(wire::Group::Builder out, const group_description& from) {
  out.setId(text_of(from.group));
  out.setState(std::string{name_of(from.phase)}.c_str());
  out.setGeneration(from.generation);
  out.setAssignor(text_of(from.protocol));
  auto list = out.initMembers(static_cast<unsigned>(from.members.size()));
  for (unsigned i = 0; i < from.members.size(); ++i) {
    const auto& member = from.members[i];
    list[i].setId(text_of(member.member_id));
    if (member.instance_id) list[i].setInstance(text_of(*member.instance_id));
    list[i].setClient(text_of(member.client_id));
    if (auto decoded = decode_assignment(member.assignment)) {
      auto sorted = by_topic(decoded->partitions);
      write_partitions(list[i].initPartitions(static_cast<unsigned>(sorted.size())), sorted);
    }
  }
}

// A group may have committed offsets without ever having had members here.
std::optional<group_description> describe(const coordinator_state& state, const std::string& id) {
  if (auto at = state.groups.find(id); at != state.groups.end()) return at->second.describe();
  const auto known = state.offsets.groups();
  if (!std::binary_search(known.begin(), known.end(), id)) return std::nullopt;
  group_description none;
  none.group = id;
  return none;
}

list_groups_reply list_groups(const coordinator_state& state) {
  auto ids = state.offsets.groups();
  for (const auto& each : state.groups) ids.push_back(each.first);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return list_groups_reply::make(ids.size() * 256, [&](wire::ListGroupsReply::Builder out) {
    auto list = out.initGroups(static_cast<unsigned>(ids.size()));
    for (unsigned i = 0; i < ids.size(); ++i) write_group(list[i], *describe(state, ids[i]));
  });
}

error no_group(const std::string& id) {
  return error{errc::unknown_group, "group \"" + id + "\" does not exist"};
}

describe_group_reply describe_group(const coordinator_state& state,
                                    wire::DescribeGroupRequest::Reader in) {
  const std::string id{view(in.getGroup())};
  auto found = describe(state, id);
  if (!found) return failed<describe_group_reply>(no_group(id));
  return describe_group_reply::make(found->members.size() * 512,
                                    [&](auto out) { write_group(out.initGroup(), *found); });
}

// One group with its members, or all without.
opaque_groups describe_opaque(const coordinator_state& state, wire::OpaqueDescribe::Reader in) {
  const std::string id{view(in.getGroup())};
  std::vector<group_description> found;
  if (id.empty()) {
    auto ids = state.offsets.groups();
    for (const auto& each : state.groups) ids.push_back(each.first);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const auto& each : ids) {
      found.push_back(*describe(state, each));
      found.back().members.clear();
    }
  } else if (auto one = describe(state, id)) {
    found.push_back(*std::move(one));
  } else {
    return failed<opaque_groups>(no_group(id));
  }
  return to_opaque(found);
}

void delete_group(coordinator_self self, wire::DeleteGroupRequest::Reader in,
                  caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto found = describe(state, id);
  if (!found || !found->members.empty()) {
    promise.deliver(
        to_reply(!found ? no_group(id)
                        : error{errc::group_not_empty, "group \"" + id + "\" has " +
                                                           std::to_string(found->members.size()) +
                                                           " members: stop them first"}));
    return;
  }
  std::vector<std::pair<bytes, std::optional<bytes>>> gone;
  for (auto& key : state.offsets.keys_of(id)) gone.emplace_back(std::move(key), std::nullopt);
  if (auto* known = find(state, id)) perform(self, id, known->kill());
  state.groups.erase(id);
  if (gone.empty()) {
    promise.deliver(group_reply{});
    return;
  }
  store(self, std::move(gone),
        [promise](const error& why) mutable { promise.deliver(to_reply(why)); });
}

// --- forgetting

// What groups committed for a topic that is gone means nothing in another one of its name.
void forget_topic(coordinator_self self, wire::TopicChanged::Reader in,
                  caf::typed_response_promise<group_reply> promise) {
  std::vector<std::pair<bytes, std::optional<bytes>>> gone;
  for (const auto& key : self->state.offsets.keys_of_topic(view(in.getName())))
    gone.emplace_back(encode(key), std::nullopt);
  if (gone.empty()) {
    promise.deliver(group_reply{});
    return;
  }
  store(self, std::move(gone),
        [promise](const error& why) mutable { promise.deliver(to_reply(why)); });
}

void expire(coordinator_self self) {
  auto& state = self->state;
  self->delayed_send(self, expiry_interval, tick_of(timer::expiry));
  if (!state.ready) return;
  const auto active = [&](const std::string& id) {
    auto* known = find(state, id);
    return known != nullptr && known->member_count() > 0;
  };
  std::vector<std::pair<bytes, std::optional<bytes>>> gone;
  for (const auto& key :
       state.offsets.expired(state.config.time->now(), state.config.offsets_retention, active))
    gone.emplace_back(encode(key), std::nullopt);
  if (!gone.empty()) store(self, std::move(gone), [](const error&) {});
}

// --- start: the offsets topic is made at the first request that needs it, and read to its end

void opened(coordinator_self self, const error& why) {
  auto& state = self->state;
  state.opening = false;
  if (!why && !state.ready) {
    state.ready = true;
    const auto now = state.config.time->monotonic();
    for (const auto& id : state.offsets.groups())
      if (const auto* stored_group = state.offsets.metadata_of(id))
        state.groups.try_emplace(
            id, group::restore(id, state.settings, state.config.chance.fork(), *stored_group, now));
    arm(self);
  }
  auto parked = std::move(state.parked);
  state.parked.clear();
  for (auto& each : parked) each(why);
}

result<void> apply_all(coordinator_state& state, bytes_view batches) {
  batch_cursor cursor;
  record_view each;
  while (!batches.empty()) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(batches));
    PENSTOCK_TRY(cursor.open(batch));
    while (!batch.is_control()) {
      PENSTOCK_ASSIGN(const bool more, cursor.next(each));
      if (!more) break;
      PENSTOCK_TRY(state.offsets.apply(each.key.value_or(bytes_view{}), each.value));
    }
    batches.remove_prefix(batch.size());
  }
  return {};
}

void read_from(coordinator_self self, offset_t offset) {
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(std::string{offsets_topic}.c_str());
    out.setOffset(offset);
    out.setMaxBytes(1u << 20);
  });
  self->request(self->state.config.node, caf::infinite, std::move(request))
      .then(
          [=](const fetch_reply& reply) {
            auto in = reply.open();
            auto why = error_of(in->getFailure());
            if (why && offset < in->getStartOffset()) return read_from(self, in->getStartOffset());
            if (why) return opened(self, why.with_context("the offsets of groups cannot be read"));
            if (auto applied = apply_all(self->state, view(in->getBatches())); !applied)
              return opened(self,
                            applied.error().with_context("the offsets of groups are damaged"));
            if (in->getNextOffset() < in->getHighWatermark())
              return read_from(self, in->getNextOffset());
            opened(self, {});
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

void open_topic(coordinator_self self) {
  auto& state = self->state;
  if (std::exchange(state.opening, true)) return;
  auto request = create_topic_request::make([&](wire::CreateTopicRequest::Builder out) {
    out.setName(std::string{offsets_topic}.c_str());
    out.setPartitions(1);
    out.setInternal(true);
    auto settings = out.initSettings(2);
    settings[0].setName("cleanup.policy");
    settings[0].setValue("compact");
    settings[1].setName("segment.bytes");
    settings[1].setValue("104857600");
  });
  self->request(state.config.node, caf::infinite, std::move(request))
      .then(
          [=](const admin_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            if (why && !(why == errc::topic_exists)) return opened(self, why);
            self->state.offsets = {};
            read_from(self, 0);
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

// A request that needs the offsets topic: at once when it is there, else when it is.
template <class Reply, class Request>
auto serve(coordinator_self self, void (*handle)(coordinator_self, typename Request::schema::Reader,
                                                 caf::typed_response_promise<Reply>)) {
  return [=](const Request& what) -> caf::typed_response_promise<Reply> {
    auto promise = self->template make_response_promise<Reply>();
    auto& state = self->state;
    if (state.ready) {
      auto in = what.open();
      handle(self, *in, promise);
    } else if (state.parked.size() >= state.config.parked_max) {
      promise.deliver(failed<Reply>(error{errc::overloaded, "the groups are still being read"}));
    } else {
      state.parked.push_back([=](const error& why) mutable {
        auto in = what.open();
        if (why) {
          promise.deliver(failed<Reply>(why));
        } else {
          handle(self, *in, promise);
        }
      });
      open_topic(self);
    }
    return promise;
  };
}

void fetch_offsets_now(coordinator_self self, wire::FetchOffsetsRequest::Reader in,
                       caf::typed_response_promise<fetch_offsets_reply> promise) {
  promise.deliver(fetch_offsets<fetch_offsets_reply>(self->state, in));
}
void fetch_opaque_offsets(coordinator_self self, wire::OpaqueFetchOffsets::Reader in,
                          caf::typed_response_promise<opaque_offsets> promise) {
  promise.deliver(fetch_offsets<opaque_offsets>(self->state, in));
}
void describe_opaque_now(coordinator_self self, wire::OpaqueDescribe::Reader in,
                         caf::typed_response_promise<opaque_groups> promise) {
  promise.deliver(describe_opaque(self->state, in));
}
void list_groups_now(coordinator_self self, wire::ListGroupsRequest::Reader,
                     caf::typed_response_promise<list_groups_reply> promise) {
  promise.deliver(list_groups(self->state));
}
void describe_group_now(coordinator_self self, wire::DescribeGroupRequest::Reader in,
                        caf::typed_response_promise<describe_group_reply> promise) {
  promise.deliver(describe_group(self->state, in));
}

coordinator_actor::behavior_type coordinate(coordinator_self self, coordinator_config config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.settings = state.config.groups;
  guard(self);
  self->delayed_send(self, expiry_interval, tick_of(timer::expiry));
  return {
      serve<join_group_reply, join_group_request>(self, join),
      serve<sync_group_reply, sync_group_request>(self, sync),
      serve<group_reply, heartbeat_request>(self, heartbeat<wire::HeartbeatRequest::Reader>),
      serve<group_reply, leave_group_request>(self, leave),
      serve<group_reply, commit_offsets_request>(self, commit<wire::CommitOffsetsRequest::Reader>),
      serve<fetch_offsets_reply, fetch_offsets_request>(self, fetch_offsets_now),
      serve<list_groups_reply, list_groups_request>(self, list_groups_now),
      serve<describe_group_reply, describe_group_request>(self, describe_group_now),
      serve<group_reply, delete_group_request>(self, delete_group),
      serve<group_reply, topic_changed>(self, forget_topic),
      [=](const tick& what) {
        switch (what.open()->getKind()) {
          case timer::deadlines:
            return run_timers(self);
          case timer::expiry:
            return expire(self);
          case timer::again:
            return store_next(self);
          default:
            return;
        }
      },
      serve<opaque_joined, opaque_join>(self, join_opaque),
      serve<opaque_synced, opaque_sync>(self, sync_opaque),
      serve<group_reply, opaque_heartbeat>(self, heartbeat<wire::OpaqueHeartbeat::Reader>),
      serve<opaque_left, opaque_leave>(self, leave_opaque),
      serve<group_reply, opaque_commit>(self, commit<wire::OpaqueCommit::Reader>),
      serve<opaque_offsets, opaque_fetch_offsets>(self, fetch_opaque_offsets),
      serve<opaque_groups, opaque_describe>(self, describe_opaque_now)};
}

}  // namespace

coordinator_actor spawn_coordinator(caf::actor_system& system, coordinator_config config) {
  return system.spawn(coordinate, std::move(config));
}

}  // namespace penstock
