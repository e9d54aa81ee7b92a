#include "actors/broker/transactions.hpp"

#include <caf/actor_cast.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "actors/broker/guard.hpp"
#include "actors/broker/internal_topic.hpp"
#include "actors/client/produce_queue.hpp"
#include "actors/messages/partitions.hpp"
#include "streams/topic/offsets.hpp"
#include "streams/topic/transactions.hpp"

namespace penstock {
namespace {

enum timer : std::uint16_t { timeouts = 1, expiry = 2, again = 3, look = 4 };

constexpr auto timeout_interval = 1s;
constexpr auto expiry_interval = std::chrono::minutes{10};
constexpr auto retry_pause = 50ms;
constexpr std::size_t id_bytes_max = 1024;
constexpr std::size_t batch_bytes_max = 256u << 10;  // of records that go to the topic together

/// Kafka keeps the last epoch for fencing.
constexpr std::int16_t last_epoch_given = std::numeric_limits<std::int16_t>::max() - 1;
constexpr std::int32_t coordinator_epoch = 0;  // there is no other coordinator

using done = std::function<void(const error&)>;

struct transaction {
  transaction_value now;  // as the topic has it
  // Before the epoch was raised at the producer's own wish: it may ask again.
  std::int64_t producer_id_before = -1;
  std::int16_t epoch_before = -1;
  bool busy = false;  // a change is on its way to the topic
  bool marking = false;
  std::size_t markers_missing = 0;
};

struct coordinator_state {
  static inline const char* name = "penstock.transactions";
  coordinator_state() = default;

  struct stored_record {
    std::string id;
    bytes key;
    std::optional<bytes> value;
    done then;
  };
  // One append in flight to each partition of the topic; what gathers meanwhile goes together.
  struct lane {
    std::deque<stored_record> queue;
    std::size_t in_flight = 0;  // records
    append_request request;
  };
  using node_of_transactions = node_actor::extend_with<marked_actor>;

  transaction_coordinator_config config;
  node_of_transactions node;
  std::map<std::string, transaction, std::less<>> transactions;
  std::vector<lane> lanes;
  bool ready = false;  // the topic is there and has been read
  bool opening = false;
  bool timer_on = false;
  std::vector<done> parked;  // until ready
  std::vector<std::function<void()>> retries;
};

using coordinator_self = transaction_coordinator_actor::stateful_pointer<coordinator_state>;

tick tick_of(timer kind) {
  return tick::make([&](wire::Tick::Builder out) { out.setKind(kind); });
}

void retry_later(coordinator_self self, std::function<void()> what) {
  auto& state = self->state;
  if (state.retries.empty()) self->delayed_send(self, retry_pause, tick_of(timer::again));
  state.retries.push_back(std::move(what));
}

void retry_now(coordinator_self self) {
  for (auto& each : std::exchange(self->state.retries, {})) each();
}

// --- the topic

void send_next(coordinator_self self, std::size_t number);

void on_stored(coordinator_self self, std::size_t number, const error& why) {
  auto& lane = self->state.lanes[number];
  std::vector<coordinator_state::stored_record> all;
  for (; lane.in_flight > 0; --lane.in_flight) {
    all.push_back(std::move(lane.queue.front()));
    lane.queue.pop_front();
  }
  for (auto& each : all) each.then(why);
  send_next(self, number);
}

void send(coordinator_self self, std::size_t number) {
  auto retry = [self, number] { retry_later(self, [=] { send(self, number); }); };
  self->request(self->state.node, caf::infinite, self->state.lanes[number].request)
      .then(
          [=](const append_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            // Written twice does no harm: the topic is compacted by key.
            if (why && is_retriable(why.code())) return retry();
            on_stored(self, number, why);
          },
          [=](const caf::error&) { retry(); });
}

void send_next(coordinator_self self, std::size_t number) {
  auto& state = self->state;
  auto& lane = state.lanes[number];
  if (lane.in_flight > 0 || lane.queue.empty()) return;
  batch_builder builder;
  for (const auto& each : lane.queue) {
    if (lane.in_flight > 0 && builder.size() + each.key.size() > batch_bytes_max) break;
    builder.add(state.config.time->now(), each.key,
                each.value ? std::optional<bytes_view>{*each.value} : std::nullopt);
    ++lane.in_flight;
  }
  const auto batch = builder.finish();
  lane.request = append_request::make(batch.size(), [&](wire::AppendRequest::Builder out) {
    out.setTopic(std::string{transactions_topic}.c_str());
    out.setPartition(static_cast<std::int32_t>(number));
    out.setBatches(data_of(batch));
  });
  send(self, number);
}

std::size_t lane_of(const coordinator_state& state, const std::string& id) {
  return static_cast<std::size_t>(
      partition_of_group(id, static_cast<std::int32_t>(state.lanes.size())));
}

// Makes `next` the state of a transaction: `then` when it is durable, or cannot be.
void change(coordinator_self self, const std::string& id, transaction_value next, done then) {
  auto& state = self->state;
  auto& of = state.transactions.at(id);
  PENSTOCK_ASSERT(!of.busy, id);
  of.busy = true;
  next.last_update = state.config.time->now();
  const auto number = lane_of(state, id);
  auto value = encode(next);
  state.lanes[number].queue.push_back(
      {id, encode_transaction_key(id), std::move(value),
       [=, next = std::move(next), then = std::move(then)](const error& why) {
         auto& changed = self->state.transactions.at(id);
         changed.busy = false;
         if (!why) changed.now = next;
         then(why);
       }});
  send_next(self, number);
}

// --- the end of a transaction: its markers, then that it is complete

void arrived(coordinator_self self, const std::string& id);

void mark(coordinator_self self, const std::string& id, const topic_partition& tp) {
  const auto& now = self->state.transactions.at(id).now;
  auto request = write_marker::make(tp.topic.size(), [&](wire::WriteMarker::Builder out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    out.setProducerId(now.producer_id);
    out.setEpoch(now.epoch);
    out.setCoordinatorEpoch(coordinator_epoch);
    out.setCommit(now.state == transaction_state::prepare_commit);
  });
  auto retry = [=] { retry_later(self, [=] { mark(self, id, tp); }); };
  self->request(self->state.node, caf::infinite, request)
      .then(
          [=](const transaction_reply& reply) {
            const auto why = error_of(reply.open()->getFailure());
            if (!why || why == errc::unknown_topic) return arrived(self, id);
            if (why == errc::producer_fenced || why == errc::coordinator_fenced) {
              // A later producer of the id writes there: the transaction has been ended before.
              log_line("transaction \"" + id + "\"", tp.to_string() + ": " + why.to_string());
              return arrived(self, id);
            }
            retry();
          },
          [=](const caf::error&) { retry(); });
}

void complete(coordinator_self self, const std::string& id) {
  auto& of = self->state.transactions.at(id);
  auto next = of.now;
  next.state = next.state == transaction_state::prepare_commit ? transaction_state::complete_commit
                                                               : transaction_state::complete_abort;
  next.partitions.clear();
  change(self, id, std::move(next), [=](const error& why) {
    auto& changed = self->state.transactions.at(id);
    changed.marking = false;
    // Whoever asks next finds the markers written, and that it was not noted.
    if (why) retry_later(self, [=] { complete(self, id); });
  });
}

void arrived(coordinator_self self, const std::string& id) {
  auto& of = self->state.transactions.at(id);
  if (--of.markers_missing == 0) complete(self, id);
}

void write_markers(coordinator_self self, const std::string& id) {
  auto& of = self->state.transactions.at(id);
  if (std::exchange(of.marking, true)) return;
  if (of.now.partitions.empty()) return complete(self, id);
  of.markers_missing = of.now.partitions.size();
  for (const auto& tp : std::set{of.now.partitions}) mark(self, id, tp);
}

// Decides. With `fence` the epoch is raised, so that whoever wrote so far cannot go on.
void prepare(coordinator_self self, const std::string& id, bool commit, bool fence, done then) {
  auto& of = self->state.transactions.at(id);
  auto next = of.now;
  next.state = commit ? transaction_state::prepare_commit : transaction_state::prepare_abort;
  if (fence && next.epoch < std::numeric_limits<std::int16_t>::max()) ++next.epoch;
  change(self, id, std::move(next), [=](const error& why) {
    if (!why) write_markers(self, id);
    then(why);
  });
}

// --- what producers ask

error concurrent(const std::string& id) {
  return error{errc::concurrent_transactions,
               "the transaction before of \"" + id + "\" is being ended: ask again"};
}

error fenced(const std::string& id) {
  return error{errc::transaction_fenced,
               "a newer producer uses the transactional id \"" + id + "\": this one is over"};
}

// Finds the transaction of a producer that says who it is.
result<transaction*> find_of(coordinator_state& state, const std::string& id,
                             std::int64_t producer_id, std::int16_t epoch) {
  if (id.empty() || id.size() > id_bytes_max)
    return error{errc::invalid_argument,
                 "a transactional id has 1 to " + std::to_string(id_bytes_max) + " bytes"};
  auto at = state.transactions.find(id);
  if (at == state.transactions.end() || at->second.now.producer_id != producer_id)
    return error{errc::invalid_producer_mapping, "producer " + std::to_string(producer_id) +
                                                     " is not that of transactional id \"" + id +
                                                     "\""};
  if (at->second.now.epoch != epoch) return fenced(id);
  return &at->second;
}

using init_promise = caf::typed_response_promise<init_transaction_reply>;
using reply_promise = caf::typed_response_promise<transaction_reply>;

void answer(reply_promise promise, const error& why) {
  promise.deliver(why ? failed<transaction_reply>(why) : transaction_reply{});
}

void store_init(coordinator_self self, const std::string& id, transaction_value next,
                init_promise promise) {
  next.state = transaction_state::empty;
  next.partitions.clear();
  next.start = no_timestamp;
  change(self, id, next, [=](const error& why) mutable {
    promise.deliver(why ? failed<init_transaction_reply>(why)
                        : init_transaction_reply::make([&](auto out) {
                            out.setProducerId(next.producer_id);
                            out.setEpoch(next.epoch);
                          }));
  });
}

// A fresh producer id for a new transactional id, or one whose epochs are used up.
void init_with_new_id(coordinator_self self, const std::string& id, duration timeout,
                      init_promise promise) {
  self->state.transactions.at(id).busy = true;
  auto give_up = [=](const error& why) mutable {
    auto& of = self->state.transactions.at(id);
    of.busy = false;
    if (of.now.producer_id < 0) self->state.transactions.erase(id);
    promise.deliver(failed<init_transaction_reply>(why));
  };
  self->request(self->state.node, caf::infinite, init_producer_request{})
      .then(
          [=](const init_producer_reply& reply) mutable {
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) return give_up(why);
            auto& of = self->state.transactions.at(id);
            of.busy = false;
            auto next = of.now;
            of.producer_id_before = next.producer_id;
            of.epoch_before = next.epoch;
            next.producer_id = in->getProducerId();
            next.epoch = in->getEpoch();
            next.timeout = timeout;
            store_init(self, id, std::move(next), promise);
          },
          [=](const caf::error& why) mutable { give_up(from_caf(why)); });
}

error check_init(const coordinator_state& state, wire::InitTransaction::Reader in) {
  const auto size = in.getId().size();
  if (size == 0 || size > id_bytes_max)
    return error{errc::invalid_argument,
                 "a transactional id has 1 to " + std::to_string(id_bytes_max) + " bytes"};
  if (in.getTimeoutMs() <= 0 || duration{in.getTimeoutMs()} > state.config.settings.timeout_max)
    return error{errc::invalid_transaction_timeout,
                 "transaction.timeout.ms is " + std::to_string(in.getTimeoutMs()) + ": give 1 to " +
                     std::to_string(state.config.settings.timeout_max.count())};
  return {};
}

void init(coordinator_self self, wire::InitTransaction::Reader in, init_promise promise) {
  auto& state = self->state;
  const auto refuse = [&](const error& why) {
    promise.deliver(failed<init_transaction_reply>(why));
  };
  if (auto wrong = check_init(state, in)) return refuse(wrong);
  const std::string id{view(in.getId())};
  const duration timeout{in.getTimeoutMs()};
  auto at = state.transactions.find(id);
  if (at == state.transactions.end()) {
    if (state.transactions.size() >= state.config.settings.ids_max)
      return refuse(error{
          errc::overloaded,
          "there are " + std::to_string(state.transactions.size()) + " transactional ids already"});
    state.transactions.try_emplace(id);
    return init_with_new_id(self, id, timeout, promise);
  }
  auto& of = at->second;
  const bool known = in.getProducerId() >= 0;
  if (of.busy) return refuse(concurrent(id));
  const bool same_id = in.getProducerId() == of.now.producer_id;
  if (known && !same_id &&
      !(in.getProducerId() == of.producer_id_before && in.getEpoch() >= last_epoch_given))
    return refuse(fenced(id));
  if (of.now.is_preparing()) return refuse(concurrent(id));
  const bool current = same_id && in.getEpoch() == of.now.epoch;
  if (of.now.state == transaction_state::ongoing) {
    if (known && !current) return refuse(fenced(id));
    of.producer_id_before = of.now.producer_id;
    of.epoch_before = of.now.epoch;
    return prepare(self, id, false, true, [=](const error& why) mutable {
      promise.deliver(failed<init_transaction_reply>(why ? why : concurrent(id)));
    });
  }
  if (known && !current) {
    // Asked again: the answer was lost.
    const bool repeat =
        in.getProducerId() == of.producer_id_before && in.getEpoch() == of.epoch_before;
    if (!repeat) return refuse(fenced(id));
    auto next = of.now;
    next.timeout = timeout;
    return store_init(self, id, std::move(next), promise);
  }
  if (of.now.epoch >= last_epoch_given) return init_with_new_id(self, id, timeout, promise);
  auto next = of.now;
  of.producer_id_before = known ? next.producer_id : -1;
  of.epoch_before = known ? next.epoch : std::int16_t{-1};
  ++next.epoch;
  next.timeout = timeout;
  store_init(self, id, std::move(next), promise);
}

std::set<topic_partition> partitions_in(wire::AddToTransaction::Reader in) {
  std::set<topic_partition> all;
  for (auto& each : read_partitions(in.getPartitions())) all.insert(std::move(each));
  // Groups are kept in one partition.
  if (in.getGroup().size() > 0) all.insert({std::string{offsets_topic}, 0});
  return all;
}

void add(coordinator_self self, wire::AddToTransaction::Reader in, reply_promise promise) {
  auto& state = self->state;
  const std::string id{view(in.getId())};
  auto found = find_of(state, id, in.getProducerId(), in.getEpoch());
  if (!found) return answer(promise, found.error());
  auto& of = **found;
  const auto wanted = partitions_in(in);
  const bool open = of.now.state == transaction_state::ongoing;
  const bool has_all = open && std::includes(of.now.partitions.begin(), of.now.partitions.end(),
                                             wanted.begin(), wanted.end());
  if (in.getVerify()) {
    if (of.now.is_preparing()) return answer(promise, concurrent(id));
    if (has_all) return answer(promise, {});
    return answer(promise, error{errc::invalid_transaction_state,
                                 "the open transaction of \"" + id +
                                     "\" does not have the partition: add it first"});
  }
  if (of.busy || of.now.is_preparing()) return answer(promise, concurrent(id));
  if (has_all) return answer(promise, {});
  auto next = of.now;
  if (!open) {
    next.state = transaction_state::ongoing;
    next.start = state.config.time->now();
  }
  next.partitions.insert(wanted.begin(), wanted.end());
  if (!std::exchange(state.timer_on, true))
    self->delayed_send(self, timeout_interval, tick_of(timer::timeouts));
  change(self, id, std::move(next), [=](const error& why) { answer(promise, why); });
}

void end(coordinator_self self, wire::EndTransaction::Reader in, reply_promise promise) {
  const std::string id{view(in.getId())};
  const bool commit = in.getCommit();
  auto found = find_of(self->state, id, in.getProducerId(), in.getEpoch());
  if (!found) return answer(promise, found.error());
  const auto& of = **found;
  if (of.busy) return answer(promise, concurrent(id));
  const auto unfit = [&] {
    return error{errc::invalid_transaction_state,
                 std::string{"transaction \""} + id + "\" cannot " + (commit ? "commit" : "abort") +
                     ": its state is " + std::string{name_of(of.now.state)}};
  };
  switch (of.now.state) {
    case transaction_state::ongoing:
      return prepare(self, id, commit, false, [=](const error& why) { answer(promise, why); });
    case transaction_state::prepare_commit:
      return answer(promise, commit ? concurrent(id) : unfit());
    case transaction_state::prepare_abort:
      return answer(promise, commit ? unfit() : concurrent(id));
    case transaction_state::complete_commit:
      return answer(promise, commit ? error{} : unfit());
    case transaction_state::complete_abort:
      return answer(promise, commit ? unfit() : error{});
    case transaction_state::empty:
      return answer(promise, unfit());
  }
}

void list(coordinator_self self, wire::ListTransactions::Reader in,
          caf::typed_response_promise<transactions_list> promise) {
  const auto& all = self->state.transactions;
  std::vector<std::pair<std::string, const transaction*>> found;
  const bool asked = in.getIds().size() > 0;
  for (auto each : in.getIds()) {
    std::string id{view(each)};
    auto at = all.find(id);
    found.emplace_back(std::move(id), at == all.end() ? nullptr : &at->second);
  }
  if (!asked)
    for (const auto& [id, of] : all) found.emplace_back(id, &of);
  const auto today = self->state.config.time->now();
  std::erase_if(found, [&](const auto& each) {
    if (each.second == nullptr) return false;
    const auto& of = each.second->now;
    const bool short_open =
        of.start == no_timestamp || (today - of.start).count() <= in.getOpenForMs();
    return of.producer_id < 0 || (in.getOpenForMs() >= 0 && short_open);
  });
  std::size_t size = 0;
  for (const auto& [id, of] : found)
    size += 256 + id.size() * 2 + (asked && of != nullptr ? of->now.partitions.size() * 128 : 0);
  promise.deliver(transactions_list::make(size, [&](wire::Transactions::Builder out) {
    auto to = out.initTransactions(static_cast<unsigned>(found.size()));
    for (unsigned i = 0; i < found.size(); ++i) {
      const auto& [id, of] = found[i];
      to[i].setId(text_of(id));
      if (of == nullptr) {
        set_failure(to[i].initFailure(), error{errc::unknown_transaction,
                                               "transactional id \"" + id + "\" is not known"});
        continue;
      }
      const auto& now = of->now;
      to[i].setState(std::string{name_of(now.state)}.c_str());
      to[i].setProducerId(now.producer_id);
      to[i].setEpoch(now.epoch);
      to[i].setTimeoutMs(static_cast<std::int32_t>(now.timeout.count()));
      to[i].setStartTime(to_millis(now.start));
      if (!asked) continue;
      auto sorted = by_topic({now.partitions.begin(), now.partitions.end()});
      write_partitions(to[i].initPartitions(static_cast<unsigned>(sorted.size())), sorted);
    }
  }));
}

// --- time

void abort_late(coordinator_self self) {
  auto& state = self->state;
  const auto now = state.config.time->now();
  std::vector<std::string> late;
  bool open = false;
  for (const auto& [id, of] : state.transactions) {
    if (of.now.state != transaction_state::ongoing && !of.busy) continue;
    open = true;
    if (!of.busy && now - of.now.start >= of.now.timeout) late.push_back(id);
  }
  state.timer_on = open;
  if (open) self->delayed_send(self, timeout_interval, tick_of(timer::timeouts));
  for (const auto& id : late) {
    auto& of = state.transactions.at(id);
    of.producer_id_before = -1;
    of.epoch_before = -1;
    log_line("transaction \"" + id + "\"", "aborted: it was open for longer than its timeout");
    prepare(self, id, false, true, [](const error&) {});
  }
}

void expire(coordinator_self self) {
  auto& state = self->state;
  self->delayed_send(self, expiry_interval, tick_of(timer::expiry));
  if (!state.ready) return;
  const auto now = state.config.time->now();
  for (auto& [id, of] : state.transactions) {
    if (of.busy || of.marking || of.now.is_preparing() ||
        of.now.state == transaction_state::ongoing ||
        now - of.now.last_update < state.config.settings.id_retention)
      continue;
    of.busy = true;
    const auto number = lane_of(state, id);
    state.lanes[number].queue.push_back(
        {id, encode_transaction_key(id), std::nullopt, [self, id = id](const error& why) {
           auto at = self->state.transactions.find(id);
           at->second.busy = false;
           if (!why) self->state.transactions.erase(at);
         }});
  }
  for (std::size_t number = 0; number < state.lanes.size(); ++number) send_next(self, number);
}

// --- start: the topic is made at the first request that needs it, and read to its end

void opened(coordinator_self self, const error& why) {
  auto& state = self->state;
  state.opening = false;
  if (!why && !state.ready) {
    state.ready = true;
    std::vector<std::string> decided;
    for (const auto& [id, of] : state.transactions) {
      if (of.now.is_preparing()) decided.push_back(id);
      if (of.now.state != transaction_state::ongoing) continue;
      if (!std::exchange(state.timer_on, true))
        self->delayed_send(self, timeout_interval, tick_of(timer::timeouts));
    }
    for (const auto& id : decided) write_markers(self, id);
  }
  for (auto& each : std::exchange(state.parked, {})) each(why);
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
      PENSTOCK_ASSIGN(const auto id, decode_transaction_key(each.key.value_or(bytes_view{})));
      if (each.value) {
        PENSTOCK_ASSIGN(state.transactions[id].now, decode_transaction_value(*each.value));
      } else {
        state.transactions.erase(id);
      }
    }
    batches.remove_prefix(batch.size());
  }
  return {};
}

void read_from(coordinator_self self, std::size_t number, offset_t offset) {
  auto& state = self->state;
  if (number == state.lanes.size()) return opened(self, {});
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(std::string{transactions_topic}.c_str());
    out.setPartition(static_cast<std::int32_t>(number));
    out.setOffset(offset);
    out.setMaxBytes(1u << 20);
  });
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const fetch_reply& reply) {
            auto in = reply.open();
            auto why = error_of(in->getFailure());
            if (why && offset < in->getStartOffset())
              return read_from(self, number, in->getStartOffset());
            if (why) return opened(self, why.with_context("transactions cannot be read"));
            if (auto applied = apply_all(self->state, view(in->getBatches())); !applied)
              return opened(self, applied.error().with_context("transactions are damaged"));
            if (in->getNextOffset() < in->getHighWatermark())
              return read_from(self, number, in->getNextOffset());
            read_from(self, number + 1, 0);
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

topics_request topics_named() {
  return topics_request::make([&](wire::TopicsRequest::Builder out) {
    out.initNames(1).set(0, std::string{transactions_topic}.c_str());
  });
}

// How many partitions the topic has decides where an id is kept.
void read_topic(coordinator_self self) {
  self->request(self->state.node, caf::infinite, topics_named())
      .then(
          [=](const topics_reply& reply) {
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) return opened(self, why);
            if (in->getTopics().size() == 0)
              return opened(self, error{errc::overloaded, "the topic of transactions is gone"});
            auto& state = self->state;
            state.lanes =
                std::vector<coordinator_state::lane>(in->getTopics()[0].getPartitions().size());
            state.transactions.clear();
            read_from(self, 0, 0);
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

void open_topic(coordinator_self self) {
  auto& state = self->state;
  if (std::exchange(state.opening, true)) return;
  self->request(state.node, caf::infinite,
                internal_topic(transactions_topic, state.config.settings.partitions))
      .then(
          [=](const admin_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            if (why && !(why == errc::topic_exists)) return opened(self, why);
            read_topic(self);
          },
          [=](const caf::error& why) { opened(self, from_caf(why)); });
}

// What an earlier run has decided is carried out without being asked.
void look_for_topic(coordinator_self self) {
  if (self->state.ready) return;
  auto again = [self] { self->delayed_send(self, timeout_interval, tick_of(timer::look)); };
  self->request(self->state.node, caf::infinite, topics_named())
      .then(
          [=](const topics_reply& reply) {
            auto in = reply.open();
            if (error_of(in->getFailure())) return again();
            if (in->getTopics().size() == 0 || self->state.ready) return;
            self->state.parked.push_back([=](const error& why) {
              if (!why) return;
              log_line("transaction coordinator", why.to_string());
              again();
            });
            open_topic(self);
          },
          [=](const caf::error&) { again(); });
}

// A request that needs the topic: at once when it has been read, else when it has.
template <class Reply, class Request>
auto serve(coordinator_self self, internal_topic_handler<coordinator_self, Reply, Request> handle) {
  return serve_when_read<Reply, Request>(self, handle, open_topic,
                                         "transactions are still being read");
}

transaction_coordinator_actor::behavior_type coordinate(coordinator_self self,
                                                        transaction_coordinator_config config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.node = caf::actor_cast<coordinator_state::node_of_transactions>(state.config.node);
  guard(self);
  self->delayed_send(self, expiry_interval, tick_of(timer::expiry));
  look_for_topic(self);
  return {serve<init_transaction_reply, init_transaction>(self, init),
          serve<transaction_reply, add_to_transaction>(self, add),
          serve<transaction_reply, end_transaction>(self, end),
          serve<transactions_list, list_transactions>(self, list), [=](const tick& what) {
            switch (what.open()->getKind()) {
              case timer::timeouts:
                return abort_late(self);
              case timer::expiry:
                return expire(self);
              case timer::again:
                return retry_now(self);
              case timer::look:
                return look_for_topic(self);
              default:
                return;
            }
          }};
}

}  // namespace

transaction_coordinator_actor spawn_transaction_coordinator(caf::actor_system& system,
                                                            transaction_coordinator_config config) {
  return system.spawn(coordinate, std::move(config));
}

}  // namespace penstock
