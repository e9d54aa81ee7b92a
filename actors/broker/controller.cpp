#include "actors/broker/controller.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "actors/broker/guard.hpp"
#include "actors/messages/settings.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/name.hpp"

namespace penstock {
namespace {

constexpr std::int64_t producer_id_block = 1000;

using fact = metadata_record;
using finish = std::function<void(const error&)>;

struct controller_state {
  static inline const char* name = "penstock.controller";
  controller_state() = default;
  controller_state(const controller_state&) = delete;
  controller_state& operator=(const controller_state&) = delete;

  /// However it ends: whoever waits hears of it, and asks the next controller.
  ~controller_state() {
    const error why{errc::overloaded, "the controller is being restarted"};
    for (auto& [id, refuse] : unanswered) refuse(why);
  }

  controller_config config;
  metadata_image image;
  error broken;      // why nothing can be decided
  bool busy = true;  // loading, or a fact is on its way to the disk
  std::deque<std::function<void()>> queue;
  std::int64_t next_producer_id = 0;                                      // from the reserved block
  std::map<std::uint64_t, std::function<void(const error&)>> unanswered;  // by number
  std::uint64_t requests = 0;
};

using controller_self = controller_actor::stateful_pointer<controller_state>;

/// Where the answer of a request goes, once.
template <class Reply>
class answer_to {
 public:
  explicit answer_to(controller_self self)
      : self_(self), promise_(self->template make_response_promise<Reply>()) {
    auto& state = self_->state;
    number_ = state.requests++;
    state.unanswered.emplace(number_, [promise = promise_](const error& why) mutable {
      promise.deliver(failed<Reply>(why));
    });
  }

  void deliver(const Reply& reply) {
    if (self_->state.unanswered.erase(number_) > 0) promise_.deliver(reply);
  }

  const caf::typed_response_promise<Reply>& promise() const { return promise_; }

 private:
  controller_self self_;
  caf::typed_response_promise<Reply> promise_;
  std::uint64_t number_ = 0;
};

std::string id_bytes(const topic_id& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

void announce(controller_self self, const topic_metadata& topic) {
  const auto& values = topic.settings.explicit_values();
  auto id = id_bytes(topic.id);
  self->send(self->state.config.listener,
             topic_changed::make(values.size() * 128, [&](wire::TopicChanged::Builder out) {
               out.setName(text_of(topic.name));
               out.setId(data_of(id));
               out.setPartitions(topic.partitions);
               write_settings(out.initSettings(static_cast<unsigned>(values.size())), values);
               out.setInternal(topic.name.starts_with("__"));
             }));
}

void announce_gone(controller_self self, const std::string& name, const topic_id& id) {
  auto held = id_bytes(id);
  self->send(self->state.config.listener, topic_changed::make([&](wire::TopicChanged::Builder out) {
               out.setName(text_of(name));
               out.setId(data_of(held));
               out.setDeleted(true);
             }));
}

// --- one change at a time: what a request is checked against must not change before it is durable

void go_on(controller_self self) {
  auto& state = self->state;
  while (!state.busy && !state.queue.empty()) {
    auto next = std::move(state.queue.front());
    state.queue.pop_front();
    next();
  }
}

bytes batch_of(const std::vector<fact>& facts, timestamp now) {
  batch_builder builder;
  for (const auto& each : facts) {
    const auto key = metadata_key(each);
    const auto value = encode(each);
    builder.add(now, key, value);
    for (const auto& gone : obsolete_keys(each)) builder.add(now, gone, std::nullopt);
  }
  return bytes{builder.finish()};
}

void append(controller_self self, std::vector<fact> facts, finish done) {
  auto& state = self->state;
  state.busy = true;
  const auto batch = batch_of(facts, state.config.time->now());
  auto request = append_request::make(batch.size(), [&](wire::AppendRequest::Builder out) {
    out.setTopic(std::string{metadata_topic}.c_str());
    out.setBatches(data_of(batch));
  });
  auto conclude = [self](const finish& then, const error& why) {
    self->state.busy = false;
    then(why);
    go_on(self);
  };
  self->request(state.config.log, caf::infinite, std::move(request))
      .then(
          [=](const append_reply& reply) {
            auto why = error_of(reply.open()->getFailure());
            if (!why) {
              for (const auto& each : facts) {
                auto applied = self->state.image.apply(each);
                PENSTOCK_ASSERT(applied.has_value(), applied.error().to_string());
              }
            }
            conclude(done, why);
          },
          [=](const caf::error& why) {
            // Whether the fact is in the log is not known: deciding anything more could contradict
            // it.
            self->state.broken = from_caf(why).with_context("the metadata log cannot be written");
            conclude(done, self->state.broken);
          });
}

// --- requests

using admin_promise = answer_to<admin_reply>;

void answer(admin_promise promise, const error& why) {
  promise.deliver(why ? failed<admin_reply>(why) : admin_reply{});
}

result<topic_created> plan_creation(controller_state& state, wire::CreateTopicRequest::Reader in) {
  topic_created made;
  made.name = std::string{view(in.getName())};
  PENSTOCK_TRY(check_topic_name(made.name));
  if (made.name.starts_with("__") && !in.getInternal())
    return error{errc::invalid_topic, "topic name \"" + made.name +
                                          "\" begins with \"__\", which is kept for Penstock's own "
                                          "topics: choose another name"};
  if (state.image.find_topic(made.name) != nullptr)
    return error{errc::topic_exists, "topic \"" + made.name + "\" exists already"};
  made.partitions = in.getPartitions() == -1 ? state.config.default_partitions : in.getPartitions();
  if (made.partitions < 1 || made.partitions > topic_partitions_max)
    return error{errc::invalid_argument,
                 "topic \"" + made.name + "\" cannot have " + std::to_string(made.partitions) +
                     " partitions: give 1 to " + std::to_string(topic_partitions_max)};
  PENSTOCK_ASSIGN(auto wanted, parse_settings(in.getSettings()));
  made.settings = wanted.explicit_values();
  for (const auto& each : state.config.default_settings) made.settings.insert(each);
  made.id = topic_id::make(state.config.chance);
  return made;
}

void create_topic(controller_self self, const create_topic_request& what, admin_promise promise) {
  auto planned = plan_creation(self->state, *what.open());
  if (!planned) return answer(promise, planned.error());
  append(self, {*planned}, [=, name = planned->name](const error& why) {
    if (!why) announce(self, *self->state.image.find_topic(name));
    answer(promise, why);
  });
}

error no_topic(const std::string& name) {
  return error{errc::unknown_topic, "topic \"" + name + "\" does not exist"};
}

result<std::vector<fact>> plan_alteration(controller_state& state,
                                          wire::AlterTopicRequest::Reader in) {
  const std::string name{view(in.getName())};
  const auto* topic = state.image.find_topic(name);
  if (topic == nullptr) return no_topic(name);
  std::vector<fact> facts;
  auto settings = topic->settings;
  for (auto each : in.getSet())
    PENSTOCK_TRY(settings.set(view(each.getName()), view(each.getValue())));
  for (auto each : in.getReset()) PENSTOCK_TRY(settings.reset(view(each)));
  if (settings != topic->settings)
    facts.push_back(topic_altered{topic->id, name, settings.explicit_values()});
  if (in.getPartitions() != -1 && in.getPartitions() != topic->partitions) {
    if (in.getPartitions() < topic->partitions || in.getPartitions() > topic_partitions_max)
      return error{errc::invalid_argument,
                   "topic \"" + name + "\" has " + std::to_string(topic->partitions) +
                       " partitions and cannot have " + std::to_string(in.getPartitions()) +
                       ": partitions can only be added"};
    facts.push_back(partitions_added{topic->id, name, in.getPartitions()});
  }
  return facts;
}

void alter_topic(controller_self self, const alter_topic_request& what, admin_promise promise) {
  auto in = what.open();
  auto planned = plan_alteration(self->state, *in);
  if (!planned) return answer(promise, planned.error());
  if (planned->empty()) return answer(promise, {});
  append(self, std::move(*planned), [=, name = std::string{view(in->getName())}](const error& why) {
    if (!why) announce(self, *self->state.image.find_topic(name));
    answer(promise, why);
  });
}

void delete_topic(controller_self self, const delete_topic_request& what, admin_promise promise) {
  std::string name{view(what.open()->getName())};
  const auto* topic = self->state.image.find_topic(name);
  if (topic == nullptr) return answer(promise, no_topic(name));
  if (is_internal_topic(name)) {
    return answer(promise, error{errc::invalid_topic, "topic \"" + name +
                                                          "\" is Penstock's own: what groups have "
                                                          "committed would be lost with it"});
  }
  append(self, {topic_deleted{topic->id, name}}, [=, id = topic->id](const error& why) {
    if (!why) announce_gone(self, name, id);
    answer(promise, why);
  });
}

result<std::vector<fact>> plan_registration(controller_state& state,
                                            wire::RegisterStateRequest::Reader in) {
  const std::string topology{view(in.getTopology())};
  std::vector<std::string> drop;
  for (auto each : in.getDrop()) drop.emplace_back(view(each));
  auto dropped = [&](const std::string& step) {
    return std::find_if(drop.begin(), drop.end(), [&](const auto& each) {
             return each == step || each == "*";
           }) != drop.end();
  };
  std::map<std::string, std::string> wanted;
  for (auto each : in.getStores())
    wanted[std::string{view(each.getStep())}] =
        std::string{view(each.getFingerprint())} + "@" + std::string{view(each.getChangelog())};
  std::vector<fact> facts;
  for (const auto& known : state.image.job_states(topology)) {
    auto now = wanted.find(known.step);
    if (now != wanted.end() && now->second == known.fingerprint && !dropped(known.step)) {
      wanted.erase(now);
    } else if (dropped(known.step)) {
      facts.push_back(job_state_dropped{topology, known.step});
    } else {
      const bool gone = now == wanted.end();
      return error{errc::state_changed,
                   "step \"" + known.step + "\" of topology \"" + topology +
                       (gone ? "\" has stored state but is no longer in the topology"
                             : "\" has stored state of another kind (stored: " + known.fingerprint +
                                   ", now: " + now->second + ")") +
                       ": run once with --drop-state " + known.step +
                       " to give that state up, or with --reset to start over"};
    }
  }
  for (const auto& step : drop) {
    const auto is_known = [&](const auto& each) { return each.step == step; };
    const auto stored = state.image.job_states(topology);
    if (step == "*" || wanted.contains(step)) continue;
    if (std::any_of(stored.begin(), stored.end(), is_known)) continue;
    return error{errc::not_found, "--drop-state " + step + ": topology \"" + topology +
                                      "\" has no step of this name that keeps state"};
  }
  for (const auto& [step, fingerprint] : wanted)
    facts.push_back(job_state_registered{topology, step, fingerprint, 1});
  return facts;
}

void register_state(controller_self self, const register_state_request& what,
                    admin_promise promise) {
  auto planned = plan_registration(self->state, *what.open());
  if (!planned) return answer(promise, planned.error());
  if (planned->empty()) return answer(promise, {});
  append(self, std::move(*planned), [=](const error& why) { answer(promise, why); });
}

using producer_promise = answer_to<init_producer_reply>;

void init_producer(controller_self self, producer_promise promise) {
  auto& state = self->state;
  auto give = [self, promise]() mutable {
    const auto id = self->state.next_producer_id++;
    promise.deliver(init_producer_reply::make([&](wire::InitProducerReply::Builder out) {
      out.setProducerId(id);
      out.setEpoch(0);
    }));
  };
  if (state.next_producer_id < state.image.next_producer_id()) return give();
  // The block is reserved before the first id of it is given, so none is given twice.
  const auto first = state.image.next_producer_id();
  append(self, {producer_ids_reserved{first + producer_id_block}}, [=](const error& why) mutable {
    if (why) {
      promise.deliver(failed<init_producer_reply>(why));
      return;
    }
    self->state.next_producer_id = first;
    give();
  });
}

// --- start

void loaded(controller_self self, const error& why) {
  auto& state = self->state;
  state.broken = why;
  state.busy = false;
  state.next_producer_id = state.image.next_producer_id();  // a new block at the first request
  for (const auto& [name, topic] : state.image.topics()) announce(self, topic);
  self->send(state.config.listener, why ? failed<metadata_loaded>(why) : metadata_loaded{});
  go_on(self);
}

result<void> apply_all(controller_state& state, bytes_view batches) {
  batch_cursor cursor;
  record_view each;
  while (!batches.empty()) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(batches));
    PENSTOCK_TRY(cursor.open(batch));
    while (true) {
      PENSTOCK_ASSIGN(const bool more, cursor.next(each));
      if (!more) break;
      PENSTOCK_TRY(state.image.apply(each.key.value_or(bytes_view{}), each.value));
    }
    batches.remove_prefix(batch.size());
  }
  return {};
}

void load_from(controller_self self, offset_t offset) {
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setOffset(offset);
    out.setMaxBytes(1u << 20);
  });
  self->request(self->state.config.log, caf::infinite, std::move(request))
      .then(
          [=](const fetch_reply& reply) {
            auto in = reply.open();
            if (auto why = error_of(in->getFailure()))
              return loaded(self, why.with_context("the metadata log cannot be read"));
            if (offset < in->getStartOffset()) return load_from(self, in->getStartOffset());
            if (auto applied = apply_all(self->state, view(in->getBatches())); !applied)
              return loaded(self, applied.error().with_context("the metadata log is damaged"));
            if (in->getNextOffset() < in->getHighWatermark())
              return load_from(self, in->getNextOffset());
            loaded(self, {});
          },
          [=](const caf::error& why) { loaded(self, from_caf(why)); });
}

// Wraps a request: queued behind the ones before it, refused when the controller is broken or full.
template <class Reply, class Request>
auto queued(controller_self self,
            void (*handle)(controller_self, const Request&, answer_to<Reply>)) {
  return [self, handle](const Request& what) -> caf::typed_response_promise<Reply> {
    answer_to<Reply> to{self};
    auto& state = self->state;
    if (state.queue.size() >= state.config.queued_max) {
      to.deliver(failed<Reply>(error{errc::overloaded, "too many topic changes at once"}));
      return to.promise();
    }
    state.queue.push_back([self, handle, what, to]() mutable {
      if (self->state.broken) {
        to.deliver(failed<Reply>(self->state.broken));
      } else {
        handle(self, what, to);
      }
    });
    go_on(self);
    return to.promise();
  };
}

void init_producer_queued(controller_self self, const init_producer_request&,
                          producer_promise promise) {
  init_producer(self, promise);
}

controller_actor::behavior_type controller(controller_self self, controller_config config) {
  self->state.config = std::move(config);
  guard(self);
  load_from(self, 0);
  return {queued<admin_reply, create_topic_request>(self, create_topic),
          queued<admin_reply, alter_topic_request>(self, alter_topic),
          queued<admin_reply, delete_topic_request>(self, delete_topic),
          queued<admin_reply, register_state_request>(self, register_state),
          queued<init_producer_reply, init_producer_request>(self, init_producer_queued)};
}

}  // namespace

controller_actor spawn_controller(caf::actor_system& system, controller_config config) {
  return system.spawn(controller, std::move(config));
}

}  // namespace penstock
