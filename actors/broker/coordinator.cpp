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

#include "actors/broker/group_offsets.hpp"
#include "actors/broker/guard.hpp"
#include "actors/broker/internal_topic.hpp"
#include "actors/broker/opaque_members.hpp"
#include "actors/broker/typed_members.hpp"
#include "actors/client/produce_queue.hpp"
#include "actors/messages/partitions.hpp"
#include "streams/record/transaction_marker.hpp"
#include "streams/topic/consumer_protocol.hpp"
#include "streams/topic/group.hpp"
#include "streams/topic/offsets.hpp"
#include "streams/topic/pending_offsets.hpp"

namespace penstock {
namespace {

enum timer : std::uint16_t { deadlines = 1, expiry = 2, again = 3 };

constexpr auto expiry_interval = std::chrono::minutes{1};
constexpr auto retry_pause = 50ms;
constexpr std::size_t group_id_bytes_max = 1024;
constexpr int verifications_max = 5;  // of one commit in a transaction

using reply_sender = std::function<void(const member_reply&)>;

struct coordinator_state {
  static inline const char* name = "penstock.groups";
  coordinator_state() = default;

  struct stored_batch {
    bytes batch;
    records_to_store records;
    std::function<void(const error&)> then;
    // Offsets in a transaction, or its marker.
    std::int64_t producer_id = no_producer_id;
    std::optional<bool> commits = {};  // the marker
    add_to_transaction verification = {};
    std::int64_t guard = -1;
    int verified = 0;
  };
  using node_of_groups = node_actor::extend_with<transactions_actor>;

  coordinator_config config;
  node_of_groups node;
  group_settings settings;
  std::map<std::string, group, std::less<>> groups;
  offsets_image offsets;
  pending_offsets pending;  // in transactions that have not ended
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

// A record of the topic, as it was appended or read. With a producer it waits for its transaction.
result<void> apply(coordinator_state& state, std::int64_t producer_id, bytes_view key,
                   std::optional<bytes_view> value) {
  if (producer_id >= 0) return state.pending.add(producer_id, key, value);
  state.pending.overwritten(key);
  return state.offsets.apply(key, value);
}

void stored(coordinator_self self, const error& why) {
  auto& state = self->state;
  auto done = std::move(state.queue.front());
  state.queue.pop_front();
  state.in_flight = false;
  if (!why) {
    for (const auto& [key, value] : done.records) {
      auto applied = apply(state, done.producer_id, key, value);
      PENSTOCK_ASSERT(applied.has_value(), applied.error().to_string());
    }
    if (done.commits) state.pending.end(done.producer_id, *done.commits, state.offsets);
  }
  done.then(why);
  store_next(self);
}

// Offsets that begin their transaction in the topic: the transaction must know of the group.
void verify(coordinator_self self, std::int64_t guard, const error& why) {
  auto& first = self->state.queue.front();
  if (first.producer_id < 0 || ++first.verified > verifications_max) return stored(self, why);
  first.guard = guard;
  auto again = [self] {
    self->state.in_flight = false;
    store_next(self);
  };
  self->request(self->state.node, caf::infinite, first.verification)
      .then(
          [=](const transaction_reply& reply) {
            if (auto refused = error_of(reply.open()->getFailure())) return stored(self, refused);
            again();
          },
          [=](const caf::error& refused) { stored(self, from_caf(refused)); });
}

void store_next(coordinator_self self) {
  auto& state = self->state;
  if (state.in_flight || state.queue.empty()) return;
  state.in_flight = true;
  const auto& batch = state.queue.front().batch;
  auto request = append_request::make(batch.size(), [&](wire::AppendRequest::Builder out) {
    out.setTopic(std::string{offsets_topic}.c_str());
    out.setBatches(data_of(batch));
    out.setGuard(state.queue.front().guard);
  });
  auto retry = [self] {
    self->state.in_flight = false;
    self->delayed_send(self, retry_pause, tick_of(timer::again));
  };
  self->request(state.config.node, caf::infinite, std::move(request))
      .then(
          [=](const append_reply& reply) {
            auto in = reply.open();
            auto why = error_of(in->getFailure());
            // Written twice does no harm: the topic is compacted by key.
            if (why && is_retriable(why.code())) return retry();
            if (why == errc::transaction_unverified) return verify(self, in->getGuard(), why);
            stored(self, why);
          },
          [=](const caf::error& why) { stored(self, from_caf(why)); });
}

void store(coordinator_self self, records_to_store records,
           std::function<void(const error&)> then) {
  batch_builder builder;
  const auto now = self->state.config.time->now();
  for (const auto& [key, value] : records)
    builder.add(now, key, value ? std::optional<bytes_view>{*value} : std::nullopt);
  self->state.queue.push_back({bytes{builder.finish()}, std::move(records), std::move(then)});
  store_next(self);
}

// The same, and then an answer.
void store_for(coordinator_self self, records_to_store records,
               caf::typed_response_promise<group_reply> promise) {
  if (records.empty()) {
    promise.deliver(group_reply{});
    return;
  }
  store(self, std::move(records),
        [promise](const error& why) mutable { promise.deliver(to_reply(why)); });
}

// Offsets that count when the transaction commits.
void store_pending(coordinator_self self, wire::CommitInTransaction::Reader in,
                   records_to_store records, std::function<void(const error&)> then) {
  batch_options options;
  options.producer_id = in.getProducerId();
  options.producer_epoch = in.getEpoch();
  options.transactional = true;
  batch_builder builder{options};
  const auto now = self->state.config.time->now();
  for (const auto& [key, value] : records)
    builder.add(now, key, value ? std::optional<bytes_view>{*value} : std::nullopt);
  coordinator_state::stored_batch added{bytes{builder.finish()}, std::move(records),
                                        std::move(then)};
  added.producer_id = in.getProducerId();
  added.verification = add_to_transaction::make([&](wire::AddToTransaction::Builder out) {
    out.setId(in.getId());
    out.setProducerId(in.getProducerId());
    out.setEpoch(in.getEpoch());
    out.setGroup(in.getGroup());
    out.setVerify(true);
  });
  self->state.queue.push_back(std::move(added));
  store_next(self);
}

// The end of a transaction that has offsets of groups.
void mark(coordinator_self self, wire::WriteMarker::Reader in,
          caf::typed_response_promise<transaction_reply> promise) {
  coordinator_state::stored_batch added{
      encode_marker({in.getCommit(), in.getCoordinatorEpoch()}, in.getProducerId(), in.getEpoch(),
                    self->state.config.time->now()),
      {},
      [promise](const error& why) mutable {
        promise.deliver(why ? failed<transaction_reply>(why) : transaction_reply{});
      }};
  added.producer_id = in.getProducerId();
  added.commits = in.getCommit();
  self->state.queue.push_back(std::move(added));
  store_next(self);
}

// --- groups

group* find(coordinator_state& state, std::string_view id) {
  auto at = state.groups.find(id);
  return at == state.groups.end() ? nullptr : &at->second;
}

// The group of somebody who says to be its member; who is answered when there is none.
template <class Reply>
group* find_for(coordinator_state& state, const std::string& id,
                caf::typed_response_promise<Reply> promise) {
  auto* known = find(state, id);
  if (known == nullptr)
    promise.deliver(failed<Reply>(
        error{errc::unknown_member, "group \"" + id + "\" has no such member: join again"}));
  return known;
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

void sync(coordinator_self self, wire::SyncGroupRequest::Reader in,
          caf::typed_response_promise<sync_group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find_for(state, id, promise);
  if (known == nullptr) return;
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

template <class Reader>
void heartbeat(coordinator_self self, Reader in, caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  auto* known = find_for(state, id, promise);
  if (known == nullptr) return;
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
  auto* known = find_for(state, id, promise);
  if (known == nullptr) return;
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
  auto* known = find_for(state, id, promise);
  if (known == nullptr) return;
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
  auto* known = find_for(state, id, promise);
  if (known == nullptr) return;
  auto request = leave_of(in);
  request.token = expect(state, [promise](const member_reply& reply) mutable {
    promise.deliver(to_opaque(std::get<member_left>(reply)));
  });
  perform(self, id, known->leave(request, state.config.time->monotonic()));
}

// --- offsets

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
  auto records = records_of(id, in, state.config.time->now(), why);
  if (why) {
    promise.deliver(to_reply(why));
    return;
  }
  store_for(self, std::move(records), promise);
  arm(self);
}

void commit_pending(coordinator_self self, wire::CommitInTransaction::Reader in,
                    caf::typed_response_promise<group_reply> promise) {
  auto& state = self->state;
  const std::string id{view(in.getGroup())};
  const std::string member{view(in.getMember())};
  auto known = find_or_make(state, id);
  error why = known ? error{} : known.error();
  // Producers of before KIP-447 say nothing of the member.
  if (!why && (in.getGeneration() >= 0 || !member.empty())) {
    auto checked = (*known)->check_commit(member, given_text(in.getInstance()), in.getGeneration(),
                                          state.config.time->monotonic());
    if (!checked && !(checked.error() == errc::rebalance_in_progress)) why = checked.error();
  }
  auto records = records_of(id, in, state.config.time->now(), why);
  if (why || records.empty()) {
    promise.deliver(to_reply(why));
    return;
  }
  store_pending(self, in, std::move(records),
                [promise](const error& failure) mutable { promise.deliver(to_reply(failure)); });
  arm(self);
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
      set_pending(list[i], state.pending.has(id, found[i].first));
    }
  });
}

// --- looking

// A group may have committed offsets without ever having had members here.
std::optional<group_description> describe(const coordinator_state& state, const std::string& id) {
  if (auto at = state.groups.find(id); at != state.groups.end()) return at->second.describe();
  const auto known = state.offsets.groups();
  if (!std::binary_search(known.begin(), known.end(), id)) return std::nullopt;
  group_description none;
  none.group = id;
  return none;
}

std::vector<std::string> group_ids(const coordinator_state& state) {
  auto ids = state.offsets.groups();
  for (const auto& each : state.groups) ids.push_back(each.first);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

list_groups_reply list_groups(const coordinator_state& state) {
  const auto ids = group_ids(state);
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
    for (const auto& each : group_ids(state)) {
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
  records_to_store gone;
  for (auto& key : state.offsets.keys_of(id)) gone.emplace_back(std::move(key), std::nullopt);
  for (auto& key : state.pending.keys_of(id)) gone.emplace_back(std::move(key), std::nullopt);
  if (auto* known = find(state, id)) perform(self, id, known->kill());
  state.groups.erase(id);
  store_for(self, std::move(gone), promise);
}

// --- forgetting

// What groups committed for a topic that is gone means nothing in another one of its name.
void forget_topic(coordinator_self self, wire::TopicChanged::Reader in,
                  caf::typed_response_promise<group_reply> promise) {
  records_to_store gone;
  for (const auto& key : self->state.offsets.keys_of_topic(view(in.getName())))
    gone.emplace_back(encode(key), std::nullopt);
  store_for(self, std::move(gone), promise);
}

void expire(coordinator_self self) {
  auto& state = self->state;
  self->delayed_send(self, expiry_interval, tick_of(timer::expiry));
  if (!state.ready) return;
  const auto active = [&](const std::string& id) {
    auto* known = find(state, id);
    return known != nullptr && known->member_count() > 0;
  };
  records_to_store gone;
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
    if (const auto marker = marker_of(batch))
      state.pending.end(batch.producer_id(), marker->commit, state.offsets);
    const auto producer = batch.is_transactional() ? batch.producer_id() : no_producer_id;
    while (!batch.is_control()) {
      PENSTOCK_ASSIGN(const bool more, cursor.next(each));
      if (!more) break;
      PENSTOCK_TRY(apply(state, producer, each.key.value_or(bytes_view{}), each.value));
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
  self->request(state.config.node, caf::infinite, internal_topic(offsets_topic, 1))
      .then(
          [=](const admin_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            if (why && !(why == errc::topic_exists)) return opened(self, why);
            self->state.offsets = {};
            self->state.pending = {};
            read_from(self, 0);
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

// A request that needs the offsets topic: at once when it has been read, else when it has.
template <class Reply, class Request>
auto serve(coordinator_self self, internal_topic_handler<coordinator_self, Reply, Request> handle) {
  return serve_when_read<Reply, Request>(self, handle, open_topic,
                                         "the groups are still being read");
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
  state.node = caf::actor_cast<coordinator_state::node_of_groups>(state.config.node);
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
      serve<group_reply, commit_in_transaction>(self, commit_pending),
      serve<opaque_joined, opaque_join>(self, join_opaque),
      serve<opaque_synced, opaque_sync>(self, sync_opaque),
      serve<group_reply, opaque_heartbeat>(self, heartbeat<wire::OpaqueHeartbeat::Reader>),
      serve<opaque_left, opaque_leave>(self, leave_opaque),
      serve<group_reply, opaque_commit>(self, commit<wire::OpaqueCommit::Reader>),
      serve<opaque_offsets, opaque_fetch_offsets>(self, fetch_opaque_offsets),
      serve<opaque_groups, opaque_describe>(self, describe_opaque_now),
      serve<transaction_reply, write_marker>(self, mark)};
}

}  // namespace

coordinator_actor spawn_coordinator(caf::actor_system& system, coordinator_config config) {
  return system.spawn(coordinate, std::move(config));
}

}  // namespace penstock
