#include "actors/broker/node.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/broker/controller.hpp"
#include "actors/broker/coordinator.hpp"
#include "actors/broker/guard.hpp"
#include "actors/broker/made_partitions.hpp"
#include "actors/broker/node_defaults.hpp"
#include "actors/broker/partition.hpp"
#include "actors/broker/transactions.hpp"
#include "actors/broker/writer.hpp"
#include "actors/messages/opaque.hpp"
#include "actors/messages/settings.hpp"
#include "actors/messages/transactions.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock {
namespace {

// The node's own view of itself: what clients may say, and what the controller tells.
using node_self_actor =
    node_actor::extend<caf::reacts_to<topic_changed>, caf::reacts_to<metadata_loaded>,
                       caf::reacts_to<tick>>::extend_with<opaque_members_actor>::
        extend_with<watchable_actor>::extend_with<transactional_node_actor>;

constexpr duration note_pause = 1s;  // between notes of which partitions were made

constexpr std::size_t opening_max = 16;  // partitions that open at the same time
constexpr int restarts_max = 5;          // of one partition within the window, then offline
constexpr auto restart_window = std::chrono::minutes{1};

struct hosted_partition {
  partition_actor actor;
  error offline;      // why there is no actor
  bool made = false;  // it has opened, now or earlier: its folder is there to stay
  std::vector<std::chrono::nanoseconds> restarts;
};

struct hosted_topic {
  std::string id;
  topic_settings settings;
  std::vector<hosted_partition> partitions;
};

struct node_state {
  static inline const char* name = "penstock.node";
  node_state() = default;
  node_state(const node_state&) = delete;
  node_state& operator=(const node_state&) = delete;

  // However the node ends, nobody it started outlives it.
  ~node_state() {
    for (auto& [topic, hosted] : topics)
      for (auto& each : hosted.partitions) end(each.actor);
    end(metadata_log);
    end(controller);
    end(coordinator);
    end(transactions);
    end(writer);
  }
  template <class Handle>
  static void end(const Handle& each) {
    if (each) caf::anon_send_exit(each, caf::exit_reason::kill);
  }

  node_config config;
  node_defaults defaults;
  writer_actor writer;
  writer_actor background_writer;
  partition_actor metadata_log;
  controller_actor controller;
  coordinator_actor coordinator;
  transaction_coordinator_actor transactions;
  std::map<std::string, hosted_topic, std::less<>> topics;
  std::map<std::string, std::string, std::less<>> names_by_id;
  std::map<std::string, int, std::less<>> closing;                // partitions of deleted topics
  std::map<std::string, topic_changed, std::less<>> after_close;  // re-created meanwhile
  std::map<caf::actor_addr, topic_partition> owners;              // who a down message is about
  std::deque<topic_partition> to_open;
  std::size_t opening = 0;
  made_partitions made;  // as it is on the disk
  bool note_due = false;
  std::uint64_t generators = 0;  // made so far
  bool loaded = false;
  error broken;
  bool closed = false;
  std::vector<std::function<void()>> parked;  // until loaded
};

using node_self = node_self_actor::stateful_pointer<node_state>;

result<hosted_partition*> find(node_state& state, std::string_view topic, std::int32_t partition) {
  auto at = state.topics.find(topic);
  if (at == state.topics.end())
    return error{errc::unknown_topic, "topic \"" + std::string{topic} + "\" does not exist"};
  auto& partitions = at->second.partitions;
  if (partition < 0 || static_cast<std::size_t>(partition) >= partitions.size())
    return error{errc::unknown_topic, "topic \"" + std::string{topic} + "\" has " +
                                          std::to_string(partitions.size()) +
                                          " partitions, numbered from 0; there is no partition " +
                                          std::to_string(partition)};
  auto& found = partitions[static_cast<std::size_t>(partition)];
  if (found.offline) return found.offline;
  return &found;
}

// An id finds the topic that has it now, and none that was given its name later.
template <class Reader>
result<hosted_partition*> find(node_state& state, Reader in) {
  if constexpr (requires { in.getTopicId(); }) {
    if (in.getTopicId().size() > 0) {
      auto named = state.names_by_id.find(view(in.getTopicId()));
      if (named == state.names_by_id.end())
        return error{errc::not_found, "no topic has the id that was asked for"};
      return find(state, named->second, in.getPartition());
    }
  }
  return find(state, view(in.getTopic()), in.getPartition());
}

// What was set for the topic, over what the node's configuration says of all topics.
topic_settings in_force(const node_state& state, const topic_settings& own) {
  topic_settings all;
  for (const auto* values : {&state.defaults.topics, &own.explicit_values()})
    for (const auto& [name, value] : *values)
      if (auto set = all.set(name, value); !set) log_line("setting", set.error().to_string());
  return all;
}

topic_id id_of(const std::string& bytes) {
  topic_id id;
  PENSTOCK_ASSERT(bytes.size() == id.bytes.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

void open_next(node_self self);
void note_made(node_state& state);

void host(node_self self, const std::string& topic, std::int32_t partition) {
  auto& state = self->state;
  auto& hosted = state.topics.at(topic);
  partition_config config;
  config.id = {topic, partition};
  config.folder = state.config.directory + "/" + config.id.to_string();
  config.topic_id = hosted.id;
  config.log = in_force(state, hosted.settings).to_log_settings();
  config.on = state.config.on;
  config.time = state.config.time;
  config.writer = state.writer;
  config.background_writer = state.background_writer;
  config.housekeeping = state.config.housekeeping;
  auto& slot = hosted.partitions[static_cast<std::size_t>(partition)];
  if (state.made.has(id_of(hosted.id), partition)) slot.made = true;
  config.made = slot.made;
  slot.actor = spawn_partition(self->system(), std::move(config));
  slot.offline = {};
  self->monitor(slot.actor);
  state.owners[slot.actor.address()] = {topic, partition};
  state.to_open.push_back({topic, partition});
  open_next(self);
}

// A partition opens when it is asked something. A few at a time, so that the node, and whoever
// wants it to end, is not behind all of them.
void open_next(node_self self) {
  auto& state = self->state;
  while (!state.closed && state.opening < opening_max && !state.to_open.empty()) {
    const auto tp = std::move(state.to_open.front());
    state.to_open.pop_front();
    auto at = state.topics.find(tp.topic);
    if (at == state.topics.end()) continue;
    auto& slot = at->second.partitions[static_cast<std::size_t>(tp.partition)];
    if (!slot.actor) continue;
    ++state.opening;
    auto opened = [self, tp, id = at->second.id](bool made) {
      auto& now = self->state;
      --now.opening;
      auto still = now.topics.find(tp.topic);
      if (made && still != now.topics.end() && still->second.id == id)
        still->second.partitions[static_cast<std::size_t>(tp.partition)].made = true;
      if (now.to_open.empty() && !std::exchange(now.note_due, true))
        self->delayed_send(self, note_pause, tick{});
      open_next(self);
    };
    self->request(slot.actor, caf::infinite, partition_request{})
        .then(
            [opened](const partition_numbers& reply) {
              opened(!error_of(reply.open()->getOffline()));
            },
            [opened](const caf::error&) { opened(false); });
  }
}

// Remembers which partitions have been made, when that has changed.
void note_made(node_state& state) {
  state.note_due = false;
  made_partitions::topics all;
  for (const auto& [name, hosted] : state.topics) {
    std::int32_t count = 0;
    for (const auto& each : hosted.partitions) {
      if (!each.made) break;
      ++count;
    }
    if (count > 0) all.emplace(id_of(hosted.id), made_partitions::topic{name, count});
  }
  made_partitions now{std::move(all)};
  if (now == state.made) return;
  if (auto written = now.write(*state.config.on, state.config.directory); !written) {
    log_line("node", "cannot note which partitions were made: " + written.error().to_string());
    return;
  }
  state.made = std::move(now);
}

void start_writer(node_self self, writer_actor& slot) {
  const auto& config = self->state.config;
  slot = spawn_writer(self->system(), *config.on, config.detached_writer);
  self->monitor(slot);
}

void on_partition_down(node_self self, const topic_partition& tp, const error& why) {
  auto& state = self->state;
  auto at = state.topics.find(tp.topic);
  if (at == state.topics.end()) return;
  auto& slot = at->second.partitions[static_cast<std::size_t>(tp.partition)];
  const auto now = state.config.time->monotonic();
  std::erase_if(slot.restarts, [&](auto then) { return now - then > restart_window; });
  log_line(tp.to_string(), "partition failed: " + why.to_string());
  if (slot.restarts.size() < restarts_max) {
    slot.restarts.push_back(now);
    host(self, tp.topic, tp.partition);
    return;
  }
  slot.actor = nullptr;
  slot.offline = error{errc::partition_offline,
                       "partition " + tp.to_string() + " failed " + std::to_string(restarts_max) +
                           " times within a minute, last with: " + why.to_string() +
                           "; mend the cause and restart the node"};
}

// A generator for ids that must differ from those of earlier runs on the same directory.
random fresh_chance(node_state& state) {
  random mixed{state.config.seed ^ static_cast<std::uint64_t>(to_millis(state.config.time->now()))};
  return random{mixed.next() ^ static_cast<std::uint64_t>(state.config.time->monotonic().count()) ^
                ++state.generators};
}

void start_metadata(node_self self) {
  auto& state = self->state;
  partition_config log;
  log.id = {std::string{metadata_topic}, 0};
  log.folder = state.config.directory + "/" + log.id.to_string();
  log.topic_id = std::string(15, '\0') + '\1';  // Kafka's fixed id of this topic
  log.made = !state.made.all().empty();
  log.log.cleanup_delete = false;
  log.log.cleanup_compact = true;
  log.log.flush = flush_policy::batch;
  log.on = state.config.on;
  log.time = state.config.time;
  log.writer = state.writer;
  log.background_writer = state.background_writer;
  log.housekeeping = state.config.housekeeping;
  state.metadata_log = spawn_partition(self->system(), std::move(log));
  self->monitor(state.metadata_log);

  controller_config config;
  config.log = state.metadata_log;
  config.listener = caf::actor_cast<metadata_listener>(self);
  config.chance = fresh_chance(state);
  config.time = state.config.time;
  config.default_partitions = state.config.default_partitions;
  if (state.config.default_flush != flush_policy::batch)
    config.default_settings["penstock.flush"] =
        state.config.default_flush == flush_policy::none ? "none" : "interval";
  state.controller = spawn_controller(self->system(), std::move(config));
  self->monitor(state.controller);
}

void start_coordinator(node_self self) {
  auto& state = self->state;
  coordinator_config config;
  config.node = caf::actor_cast<node_actor>(self);
  config.time = state.config.time;
  config.chance = fresh_chance(state);
  config.groups = state.defaults.groups;
  config.offsets_retention = state.defaults.offsets_retention;
  state.coordinator = spawn_coordinator(self->system(), std::move(config));
  self->monitor(state.coordinator);
}

void start_transactions(node_self self) {
  auto& state = self->state;
  transaction_coordinator_config config;
  config.node = caf::actor_cast<node_actor>(self);
  config.time = state.config.time;
  config.settings = state.defaults.transactions;
  state.transactions = spawn_transaction_coordinator(self->system(), std::move(config));
  self->monitor(state.transactions);
}

void on_down(node_self self, const caf::down_msg& down) {
  auto& state = self->state;
  if (state.closed) return;
  const auto why = from_caf(down.reason);
  for (auto* each : {&state.writer, &state.background_writer})
    if (down.source == each->address()) {
      log_line("writer", "ended: " + why.to_string() + "; starting another");
      // Partitions notice at their next sync and are started again.
      return start_writer(self, *each);
    }
  if (down.source == state.coordinator.address()) {
    log_line("group coordinator", "ended: " + why.to_string() + "; starting another");
    return start_coordinator(self);
  }
  if (down.source == state.transactions.address()) {
    log_line("transaction coordinator", "ended: " + why.to_string() + "; starting another");
    return start_transactions(self);
  }
  if (down.source == state.controller.address() || down.source == state.metadata_log.address()) {
    // Both together: the controller's picture must be that of the log.
    log_line("controller", "ended: " + why.to_string() + "; starting another");
    self->demonitor(state.controller.address());
    self->demonitor(state.metadata_log.address());
    self->send_exit(state.controller, caf::exit_reason::kill);
    self->send_exit(state.metadata_log, caf::exit_reason::kill);
    return start_metadata(self);
  }
  if (auto at = state.owners.find(down.source); at != state.owners.end()) {
    const auto tp = at->second;
    state.owners.erase(at);
    on_partition_down(self, tp, why);
  }
}

// --- facts from the controller

void drop_topic(node_self self, const std::string& name) {
  auto& state = self->state;
  auto at = state.topics.find(name);
  if (at == state.topics.end()) return;
  auto hosted = std::move(at->second);
  state.topics.erase(at);
  state.names_by_id.erase(hosted.id);
  auto closed_one = [self, name] {
    auto& now = self->state;
    if (--now.closing[name] > 0) return;
    now.closing.erase(name);
    if (auto next = now.after_close.extract(name); !next.empty())
      self->send(caf::actor_cast<metadata_listener>(self), next.mapped());
  };
  const auto order = partition_change::make([](wire::PartitionChange::Builder out) {
    out.setClose(true);
    out.setRemove(true);
  });
  for (auto& each : hosted.partitions) {
    if (!each.actor) continue;
    self->demonitor(each.actor.address());
    state.owners.erase(each.actor.address());
    ++state.closing[name];
    self->request(each.actor, caf::infinite, order)
        .then([=](const admin_reply&) { closed_one(); }, [=](const caf::error&) { closed_one(); });
  }
}

void change_topic(node_self self, const topic_changed& what) {
  auto& state = self->state;
  auto in = what.open();
  const std::string name{view(in->getName())};
  if (in->getDeleted()) {
    state.after_close.erase(name);
    drop_topic(self, name);
    return;
  }
  if (state.closing.contains(name)) {
    state.after_close[name] = what;  // its folders are still being removed
    return;
  }
  auto settings = parse_settings(in->getSettings());
  PENSTOCK_ASSERT(settings.has_value(), settings.error().to_string());
  auto& hosted = state.topics[name];
  hosted.id = std::string{view(in->getId())};
  state.names_by_id[hosted.id] = name;
  const bool changed = hosted.settings != *settings;
  hosted.settings = *settings;
  const auto before = hosted.partitions.size();
  if (changed) {
    const auto all = in_force(state, *settings);
    const auto& values = all.explicit_values();
    auto order = partition_change::make(values.size() * 128, [&](auto out) {
      write_settings(out.initSettings(static_cast<unsigned>(values.size())), values);
    });
    for (auto& each : hosted.partitions)
      if (each.actor)
        self->request(each.actor, caf::infinite, order)
            .then([](const admin_reply&) {}, [](const caf::error&) {});
  }
  hosted.partitions.resize(static_cast<std::size_t>(in->getPartitions()));
  for (auto n = before; n < hosted.partitions.size(); ++n)
    host(self, name, static_cast<std::int32_t>(n));
}

// What a crash in the middle of a deletion left behind.
void clear_leftovers(node_state& state) {
  auto names = state.config.on->list(state.config.directory);
  if (!names) return;
  for (const auto& each : *names)
    if (each.ends_with(removed_folder_suffix))
      if (auto done = state.config.on->remove_folder(state.config.directory + "/" + each); !done)
        log_line(each, "cannot be removed: " + done.error().to_string());
}

void on_loaded(node_self self, const error& why) {
  auto& state = self->state;
  state.broken = why;
  if (why) log_line("node", "the metadata log cannot be used: " + why.to_string());
  if (!state.loaded) {
    state.loaded = true;
    start_coordinator(self);
    start_transactions(self);
  }
  auto parked = std::move(state.parked);
  state.parked.clear();
  for (auto& each : parked) each();
}

// --- requests

template <class Request, class Reply>
using handler = std::function<void(const Request&, caf::typed_response_promise<Reply>)>;

// A request while the node starts waits; afterwards it is handled, or refused with the reason.
template <class Request, class Reply>
auto serve(node_self self, handler<Request, Reply> handle) {
  return [self, handle](const Request& what) -> caf::typed_response_promise<Reply> {
    auto promise = self->template make_response_promise<Reply>();
    auto run = [self, handle, what, promise]() mutable {
      auto& state = self->state;
      if (state.closed) {
        promise.deliver(failed<Reply>(error{errc::closed, "the node is shutting down"}));
      } else if (state.broken && !std::is_same_v<Request, close_request>) {
        promise.deliver(failed<Reply>(state.broken));
      } else {
        handle(what, promise);  // a node that cannot work can still be closed
      }
    };
    if (self->state.loaded) {
      run();
    } else if (self->state.parked.size() < self->state.config.parked_max) {
      self->state.parked.push_back(run);
    } else {
      promise.deliver(failed<Reply>(error{errc::overloaded, "the node is still starting"}));
    }
    return promise;
  };
}

// To whoever `target` names. The answer comes back through the node, so that a request whose
// receiver ends is answered too.
template <class Reply, class Target, class Request>
void forward(node_self self, const Target& target, const Request& what,
             caf::typed_response_promise<Reply> promise) {
  self->request(target, caf::infinite, what)
      .then([promise](const Reply& reply) mutable { promise.deliver(reply); },
            [promise](const caf::error& why) mutable {
              promise.deliver(
                  failed<Reply>(error{errc::overloaded, "the receiver is being restarted: " +
                                                            from_caf(why).to_string()}));
            });
}

template <class Request, class Reply>
auto to_partition(node_self self) {
  return serve<Request, Reply>(self, [self](const Request& what, auto promise) {
    auto in = what.open();
    // Where the metadata log ends is for everybody to know.
    if constexpr (std::is_same_v<Request, list_offsets_request>)
      if (view(in->getTopic()) == metadata_topic && in->getPartition() == 0)
        return forward(self, self->state.metadata_log, what, promise);
    auto found = find(self->state, *in);
    if (!found) {
      promise.deliver(failed<Reply>(found.error()));
      return;
    }
    forward(self, (*found)->actor, what, promise);
  });
}

template <class Request, class Reply>
auto to_controller(node_self self) {
  return serve<Request, Reply>(self, [self](const Request& what, auto promise) {
    forward(self, self->state.controller, what, promise);
  });
}

template <class Request, class Reply>
auto to_coordinator(node_self self) {
  return serve<Request, Reply>(self, [self](const Request& what, auto promise) {
    forward(self, self->state.coordinator, what, promise);
  });
}

template <class Request, class Reply>
auto to_transactions(node_self self) {
  return serve<Request, Reply>(self, [self](const Request& what, auto promise) {
    forward(self, self->state.transactions, what, promise);
  });
}

// Markers of transactions go where the records are; the group coordinator writes its own topic.
auto to_marked(node_self self) {
  return serve<write_marker, transaction_reply>(
      self, [self](const write_marker& what, auto promise) {
        auto in = what.open();
        if (view(in->getTopic()) == offsets_topic)
          return forward(self, self->state.coordinator, what, promise);
        auto found = find(self->state, view(in->getTopic()), in->getPartition());
        if (!found) {
          promise.deliver(failed<transaction_reply>(found.error()));
          return;
        }
        forward(self, (*found)->actor, what, promise);
      });
}

// --- topics come and go: what groups committed for a topic goes with it

// Then `then`, also when the coordinator cannot: whoever creates a topic of that name tries again.
void forget_offsets(node_self self, const std::string& topic, std::function<void()> then) {
  auto& state = self->state;
  if (topic == offsets_topic || !state.topics.contains(offsets_topic)) return then();
  self->request(state.coordinator, caf::infinite,
                topic_changed::make([&](wire::TopicChanged::Builder out) {
                  out.setName(text_of(topic));
                  out.setDeleted(true);
                }))
      .then([then](const group_reply&) { then(); }, [then](const caf::error&) { then(); });
}

using admin_promise = caf::typed_response_promise<admin_reply>;

void create_topic(node_self self, const create_topic_request& what, admin_promise promise) {
  const std::string name{view(what.open()->getName())};
  auto create = [=] { forward(self, self->state.controller, what, promise); };
  if (self->state.topics.contains(name)) return create();  // to be refused
  // A crash may have kept the coordinator from hearing that an earlier one was deleted.
  forget_offsets(self, name, create);
}

void delete_topic(node_self self, const delete_topic_request& what, admin_promise promise) {
  const std::string name{view(what.open()->getName())};
  if (!self->state.defaults.delete_topics) {
    promise.deliver(
        failed<admin_reply>(error{errc::read_only,
                                  "topics of this node are not deleted: its configuration has "
                                  "delete.topic.enable=false"}));
    return;
  }
  self->request(self->state.controller, caf::infinite, what)
      .then(
          [=](const admin_reply& reply) mutable {
            if (error_of(reply.open()->getFailure())) {
              promise.deliver(reply);
              return;
            }
            forget_offsets(self, name, [promise, reply]() mutable { promise.deliver(reply); });
          },
          [promise](const caf::error& why) mutable {
            promise.deliver(
                failed<admin_reply>(error{errc::overloaded, "the receiver is being restarted: " +
                                                                from_caf(why).to_string()}));
          });
}

template <class Request>
auto with_topics(node_self self, void (*handle)(node_self, const Request&, admin_promise)) {
  return serve<Request, admin_reply>(
      self, [=](const Request& what, auto promise) { handle(self, what, promise); });
}

// --- the list of topics, with numbers from every partition when asked for

struct topics_answer {
  struct line {
    std::string name;
    std::string id;
    topic_settings::values settings;
    std::vector<partition_numbers> partitions;
  };
  std::vector<line> lines;
  std::size_t missing = 0;
  caf::typed_response_promise<topics_reply> whom;

  void deliver() {
    std::size_t bytes = 0;
    for (const auto& each : lines)
      bytes += 256 + each.settings.size() * 128 + each.partitions.size() * 128;
    whom.deliver(topics_reply::make(bytes, [&](wire::TopicsReply::Builder out) {
      auto list = out.initTopics(static_cast<unsigned>(lines.size()));
      for (unsigned i = 0; i < lines.size(); ++i) {
        auto& from = lines[i];
        list[i].setName(text_of(from.name));
        list[i].setId(data_of(from.id));
        list[i].setInternal(from.name.starts_with("__"));
        auto size = static_cast<unsigned>(from.settings.size());
        write_settings(list[i].initSettings(size), from.settings);
        auto parts = list[i].initPartitions(static_cast<unsigned>(from.partitions.size()));
        for (unsigned p = 0; p < from.partitions.size(); ++p)
          parts.setWithCaveats(p, *from.partitions[p].open());
      }
    }));
  }
};

partition_numbers offline_numbers(std::int32_t index, const error& why) {
  return partition_numbers::make(why.message().size(), [&](wire::Partition::Builder out) {
    out.setIndex(index);
    if (why) set_failure(out.initOffline(), why);
  });
}

void list_topics(node_self self, wire::TopicsRequest::Reader in,
                 caf::typed_response_promise<topics_reply> promise) {
  auto answer = std::make_shared<topics_answer>();
  answer->whom = promise;
  auto& state = self->state;
  std::vector<std::string> names;
  for (auto each : in.getNames()) names.emplace_back(view(each));
  for (auto each : in.getIds())
    if (auto at = state.names_by_id.find(view(each)); at != state.names_by_id.end())
      names.push_back(at->second);
  if (in.getNames().size() == 0 && in.getIds().size() == 0)
    for (const auto& each : state.topics) names.push_back(each.first);
  for (const auto& name : names) {
    auto at = state.topics.find(name);
    if (at == state.topics.end()) continue;
    auto& line = answer->lines.emplace_back();
    line.name = name;
    line.id = at->second.id;
    line.settings = at->second.settings.explicit_values();
    for (std::size_t p = 0; p < at->second.partitions.size(); ++p)
      line.partitions.push_back(
          offline_numbers(static_cast<std::int32_t>(p), at->second.partitions[p].offline));
  }
  if (in.getWithPartitions()) {
    for (std::size_t n = 0; n < answer->lines.size(); ++n) {
      auto& hosted = state.topics.find(answer->lines[n].name)->second;
      for (std::size_t p = 0; p < hosted.partitions.size(); ++p) {
        if (!hosted.partitions[p].actor) continue;
        ++answer->missing;
        auto arrived = [answer] {
          if (--answer->missing == 0) answer->deliver();
        };
        self->request(hosted.partitions[p].actor, caf::infinite, partition_request{})
            .then(
                [=](const partition_numbers& numbers) {
                  answer->lines[n].partitions[p] = numbers;
                  arrived();
                },
                [=](const caf::error&) { arrived(); });
      }
    }
  }
  if (answer->missing == 0) answer->deliver();
}

// --- end

void close_node(node_self self, caf::typed_response_promise<admin_reply> promise) {
  auto& state = self->state;
  state.closed = true;
  struct closing {
    std::size_t missing = 1;
    error first;
  };
  auto all = std::make_shared<closing>();
  auto finish = [self, all, promise](const error& why) mutable {
    if (why && !all->first) all->first = why;
    if (--all->missing > 0) return;
    note_made(self->state);
    promise.deliver(all->first ? failed<admin_reply>(all->first) : admin_reply{});
    for (auto each : {caf::actor_cast<caf::actor>(self->state.writer),
                      caf::actor_cast<caf::actor>(self->state.background_writer),
                      caf::actor_cast<caf::actor>(self->state.controller),
                      caf::actor_cast<caf::actor>(self->state.coordinator),
                      caf::actor_cast<caf::actor>(self->state.transactions)})
      self->send_exit(each, caf::exit_reason::user_shutdown);
    self->quit();
  };
  auto close_one = [&](const partition_actor& each) {
    if (!each) return;
    self->demonitor(each.address());
    ++all->missing;
    self->request(each, caf::infinite, partition_change::make([](auto out) { out.setClose(true); }))
        .then(
            [finish](const admin_reply& reply) mutable {
              finish(error_of(reply.open()->getFailure()));
            },
            [finish](const caf::error& why) mutable { finish(from_caf(why)); });
  };
  for (auto& [name, hosted] : state.topics)
    for (auto& each : hosted.partitions) close_one(each.actor);
  close_one(state.metadata_log);
  finish({});
}

node_self_actor::behavior_type node(node_self self, node_config config, node_defaults defaults) {
  self->state.config = std::move(config);
  self->state.defaults = std::move(defaults);
  guard(self);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  clear_leftovers(self->state);
  if (auto made = made_partitions::read(*self->state.config.on, self->state.config.directory)) {
    self->state.made = *std::move(made);
  } else {
    log_line("node", made.error().message());
  }
  start_writer(self, self->state.writer);
  start_writer(self, self->state.background_writer);
  start_metadata(self);
  return {
      to_partition<append_request, append_reply>(self),
      to_controller<init_producer_request, init_producer_reply>(self),
      to_partition<open_source_request, open_source_reply>(self),
      to_partition<fetch_request, fetch_reply>(self),
      to_partition<list_offsets_request, list_offsets_reply>(self),
      to_partition<delete_records_request, delete_records_reply>(self),
      with_topics<create_topic_request>(self, create_topic),
      to_controller<alter_topic_request, admin_reply>(self),
      with_topics<delete_topic_request>(self, delete_topic),
      to_controller<register_state_request, admin_reply>(self),
      serve<topics_request, topics_reply>(self,
                                          [self](const topics_request& what, auto promise) {
                                            list_topics(self, *what.open(), promise);
                                          }),
      to_coordinator<join_group_request, join_group_reply>(self),
      to_coordinator<sync_group_request, sync_group_reply>(self),
      to_coordinator<heartbeat_request, group_reply>(self),
      to_coordinator<leave_group_request, group_reply>(self),
      to_coordinator<commit_offsets_request, group_reply>(self),
      to_coordinator<fetch_offsets_request, fetch_offsets_reply>(self),
      to_coordinator<list_groups_request, list_groups_reply>(self),
      to_coordinator<describe_group_request, describe_group_reply>(self),
      to_coordinator<delete_group_request, group_reply>(self),
      serve<close_request, admin_reply>(
          self, [self](const close_request&, auto promise) { close_node(self, promise); }),
      [self](const tick&) {
        if (!self->state.closed) note_made(self->state);
      },
      [self](const topic_changed& what) { change_topic(self, what); },
      [self](const metadata_loaded& what) { on_loaded(self, error_of(what.open()->getFailure())); },
      to_coordinator<opaque_join, opaque_joined>(self),
      to_coordinator<opaque_sync, opaque_synced>(self),
      to_coordinator<opaque_heartbeat, group_reply>(self),
      to_coordinator<opaque_leave, opaque_left>(self),
      to_coordinator<opaque_commit, group_reply>(self),
      to_coordinator<opaque_fetch_offsets, opaque_offsets>(self),
      to_coordinator<opaque_describe, opaque_groups>(self),
      to_partition<watch_request, fetch_reply>(self),
      to_transactions<init_transaction, init_transaction_reply>(self),
      to_transactions<add_to_transaction, transaction_reply>(self),
      to_transactions<end_transaction, transaction_reply>(self),
      to_transactions<list_transactions, transactions_list>(self),
      to_marked(self),
      to_coordinator<commit_in_transaction, group_reply>(self),
      to_partition<list_producers, producers_list>(self),
  };
}

}  // namespace

node_actor spawn_node(caf::actor_system& system, node_config config) {
  node_defaults defaults;
  defaults.groups.initial_rebalance_delay = config.group_initial_delay;
  return spawn_node(system, std::move(config), std::move(defaults));
}

node_actor spawn_node(caf::actor_system& system, node_config config, node_defaults defaults) {
  return caf::actor_cast<node_actor>(system.spawn(node, std::move(config), std::move(defaults)));
}

}  // namespace penstock
