#include "kafka/listener/connection.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <tuple>

#include "actors/broker/guard.hpp"
#include "kafka/listener/session.hpp"

namespace penstock::kafka {

namespace {

constexpr std::int16_t produce_key = produce_request::api_key;

// Requests that are served; the order is of no matter.
using served = std::tuple<
    produce_request, fetch_request, list_offsets_request, offset_for_leader_epoch_request,
    delete_records_request, init_producer_id_request, api_versions_request, metadata_request,
    find_coordinator_request, describe_cluster_request, describe_log_dirs_request,
    create_topics_request, delete_topics_request, create_partitions_request,
    describe_configs_request, alter_configs_request, incremental_alter_configs_request,
    join_group_request, sync_group_request, heartbeat_request, leave_group_request,
    list_groups_request, describe_groups_request, delete_groups_request, offset_commit_request,
    offset_fetch_request, offset_delete_request, describe_topic_partitions_request,
    describe_quorum_request, elect_leaders_request, list_partition_reassignments_request,
    alter_partition_reassignments_request, alter_replica_log_dirs_request,
    add_partitions_to_txn_request, add_offsets_to_txn_request, txn_offset_commit_request,
    end_txn_request, write_txn_markers_request, describe_producers_request,
    describe_transactions_request, list_transactions_request, list_config_resources_request>;

struct connection_state {
  static inline const char* name = "penstock.kafka_connection";

  struct slot {
    request_header header;
    frame_arrived frame;
    bool started = false;
    bool done = false;
    answer_frames answer;  // empty: none
  };

  std::unique_ptr<session> with;
  std::shared_ptr<client_output> output;
  std::deque<slot> slots;    // in the order of arrival
  std::uint64_t first = 1;   // number of the slot at the front
  std::size_t active = 0;    // started, not done
  bool only_produce = true;  // those that are
  bool closed = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  ~connection_state() {
    *alive = false;
    if (output && !closed) output->close(error{errc::closed, "the connection's actor has ended"});
  }
};

using connection_self = connection_actor::stateful_pointer<connection_state>;

void pump(connection_self self);

void close(connection_self self, const error& why) {
  if (std::exchange(self->state.closed, true)) return;
  self->state.output->close(why);
  self->quit();
}

void finished(connection_self self, std::uint64_t number, answer_frames frames, const error& why) {
  auto& state = self->state;
  if (state.closed) return;
  if (why) return close(self, why);
  auto& slot = state.slots[static_cast<std::size_t>(number - state.first)];
  slot.done = true;
  slot.frame = {};
  slot.answer = std::move(frames);
  --state.active;
  answer_frames out;
  std::size_t answered = 0;
  while (!state.slots.empty() && state.slots.front().done) {
    out.append(std::move(state.slots.front().answer));
    state.slots.pop_front();
    ++state.first;
    ++answered;
  }
  if (answered > 0) state.output->answer(std::move(out), answered);
  pump(self);
}

template <class Request>
void start_as(connection_self self, std::shared_ptr<pending_answer> pending) {
  auto& header = pending->header;
  // A version that we do not know is answered in version 0, without reading what came.
  if constexpr (std::is_same_v<Request, api_versions_request>) {
    if (!header.api->serves(header.version)) {
      header.version = 0;
      auto x = std::make_shared<exchange<Request>>(std::move(pending), Request{});
      x->in.client_software_name = "unsupported";
      api_versions_response out;
      out.error_code = number(error_code::unsupported_version);
      for (const auto& row : all_apis())
        if (row.served())
          out.api_keys.push_back({row.key, row.oldest_announced, row.newest_announced});
      return x->answer(out);
    }
  }
  auto request = decode<Request>(header.body, header.version);
  if (!request) return pending->finish_with({}, request.error());
  serve(*self->state.with,
        std::make_shared<exchange<Request>>(std::move(pending), *std::move(request)));
}

template <class... Requests>
bool start_one_of(std::type_identity<std::tuple<Requests...>>, connection_self self,
                  const std::shared_ptr<pending_answer>& pending) {
  return ((Requests::api_key == pending->header.api->key &&
           (start_as<Requests>(self, pending), true)) ||
          ...);
}

void start(connection_self self, std::uint64_t number) {
  auto& state = self->state;
  auto& slot = state.slots[static_cast<std::size_t>(number - state.first)];
  slot.started = true;
  ++state.active;
  auto pending =
      std::make_shared<pending_answer>(slot.header, slot.frame, slot.header.client_id.value_or(""),
                                       [self, number, alive = std::weak_ptr<bool>{state.alive}](
                                           answer_frames frames, const error& why) {
                                         if (const auto held = alive.lock(); held && *held)
                                           finished(self, number, std::move(frames), why);
                                       });
  if (!start_one_of(std::type_identity<served>{}, self, pending))
    pending->finish_with(
        {}, error{errc::internal, std::string{"no handler for "} + slot.header.api->name});
}

// Starts what may run now: one request, or several that produce.
void pump(connection_self self) {
  auto& state = self->state;
  while (!state.closed) {
    std::size_t next = 0;
    while (next < state.slots.size() && state.slots[next].started) ++next;
    if (next == state.slots.size()) return;
    const bool produces = state.slots[next].header.api->key == produce_key;
    if (state.active > 0 && !(produces && state.only_produce)) return;
    state.only_produce = produces;
    start(self, state.first + next);
  }
}

void on_frame(connection_self self, const frame_arrived& arrived) {
  auto& state = self->state;
  if (state.closed) return;
  // The views of the header stay valid: the frame's bytes are shared by all copies of the message.
  auto in = arrived.open();
  auto header = parse_request_header(view(in->getContent()));
  if (!header) return close(self, header.error());
  auto& added = state.slots.emplace_back();
  added.header = *std::move(header);
  added.frame = arrived;
  pump(self);
}

connection_actor::behavior_type connection(connection_self self, connection_config config) {
  guard(self);
  self->state.output = config.output;
  self->state.with = std::make_unique<session>(self, std::move(config));
  return {
      [self](const frame_arrived& arrived) {
        assertion_guard guarded;
        on_frame(self, arrived);
      },
      [self](const client_gone&) {
        self->state.closed = true;
        self->quit();
      },
      [self](const tick& what) {
        assertion_guard guarded;
        self->state.with->on_tick(what.open()->getId());
      },
  };
}

}  // namespace

std::size_t answer_frames::size() const {
  std::size_t all = own.size();
  for (const auto& part : borrowed) all += part.data.size();
  return all;
}

void answer_frames::append(answer_frames&& more) {
  if (own.empty() && borrowed.empty()) {
    *this = std::move(more);
    return;
  }
  for (const auto& part : more.borrowed) borrowed.push_back({own.size() + part.before, part.data});
  own += more.own;
  held.insert(held.end(), more.held.begin(), more.held.end());
}

void session::after(duration wait, std::function<void()> then) {
  const auto id = next_timer_++;
  timers_.emplace(id, std::move(then));
  self_->delayed_send(self_, wait, tick::make([&](wire::Tick::Builder out) { out.setId(id); }));
}

void session::on_tick(std::uint64_t id) {
  if (auto due = timers_.extract(id); !due.empty()) due.mapped()();
}

connection_actor spawn_connection(caf::actor_system& system, connection_config config) {
  return system.spawn(connection, std::move(config));
}

}  // namespace penstock::kafka
