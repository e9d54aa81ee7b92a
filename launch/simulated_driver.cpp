#include "launch/simulated_driver.hpp"

#include "actors/errors.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace penstock {
namespace {

constexpr duration retry_after = 20ms;
constexpr duration poll_interval = 20ms;
constexpr duration request_timeout = 30s;
constexpr std::uint64_t batch_records_max = 30;
constexpr std::uint64_t pause_ms_max = 12;

enum timer : std::uint16_t { poll = 1, send_lane = 2, setup = 3 };

class driver_state {
 public:
  using self_pointer = simulated_driver::stateful_pointer<driver_state>;
  static inline const char* name = "penstock.simulated_driver";

  explicit driver_state(self_pointer self) : self_(self) {}

  void start(node_actor node, job_actor job, simulated_client* client, bool close) {
    node_ = std::move(node);
    job_ = std::move(job);
    client_ = client;
    close_ = close;
    set_up();
    later(timer::poll, 0, poll_interval);
  }

  void on_tick(wire::Tick::Reader what) {
    switch (what.getKind()) {
      case timer::poll:
        return poll_job();
      case timer::send_lane:
        return send(what.getId());
      case timer::setup:
        return set_up();
      default:
        return;
    }
  }

 private:
  void later(timer kind, std::uint64_t id, duration wait) {
    self_->delayed_send(self_, wait, tick::make([&](auto out) {
                          out.setKind(kind);
                          out.setId(id);
                        }));
  }

  // Topics, then a producer id, then every lane: each step once in the client's life.
  void set_up() {
    if (!client_->topics_made) return make_topics();
    if (client_->producer_id == no_producer_id) return get_producer();
    for (std::size_t i = 0; i < client_->lanes.size(); ++i) send(i);
  }

  void make_topics() {
    left_ = client_->topics.size();
    for (const auto& [topic, wanted] : client_->topics) {
      const auto& settings = wanted.settings;
      auto request = create_topic_request::make(1024, [&](wire::CreateTopicRequest::Builder out) {
        out.setName(text_of(topic));
        out.setPartitions(wanted.partitions);
        auto list = out.initSettings(static_cast<unsigned>(settings.size()));
        for (unsigned i = 0; i < settings.size(); ++i) {
          list[i].setName(text_of(settings[i].first));
          list[i].setValue(text_of(settings[i].second));
        }
      });
      self_->request(node_, request_timeout, std::move(request))
          .then(
              [this, name = topic](const admin_reply& r) {
                auto why = error_of(r.open()->getFailure());
                // The job was faster, without the settings.
                if (why == errc::topic_exists) return alter(name);
                topic_made(why);
              },
              [this](const caf::error& why) { topic_made(from_caf(why)); });
    }
  }

  void alter(const std::string& topic) {
    const auto& settings = client_->topics.at(topic).settings;
    auto request = alter_topic_request::make(1024, [&](wire::AlterTopicRequest::Builder out) {
      out.setName(text_of(topic));
      out.setPartitions(-1);
      auto list = out.initSet(static_cast<unsigned>(settings.size()));
      for (unsigned i = 0; i < settings.size(); ++i) {
        list[i].setName(text_of(settings[i].first));
        list[i].setValue(text_of(settings[i].second));
      }
    });
    self_->request(node_, request_timeout, std::move(request))
        .then([this](const admin_reply& r) { topic_made(error_of(r.open()->getFailure())); },
              [this](const caf::error& why) { topic_made(from_caf(why)); });
  }

  // Tried again as a whole, and only once all are answered: two attempts at a time would make two
  // senders for each lane.
  void topic_made(const error& why) {
    if (why) topics_failed_ = true;
    if (--left_ > 0) return;
    if (std::exchange(topics_failed_, false)) return later(timer::setup, 0, retry_after);
    client_->topics_made = true;
    set_up();
  }

  void get_producer() {
    self_->request(node_, request_timeout, init_producer_request{})
        .then(
            [this](const init_producer_reply& r) {
              auto in = r.open();
              if (error_of(in->getFailure())) return later(timer::setup, 0, retry_after);
              client_->producer_id = in->getProducerId();
              client_->producer_epoch = in->getEpoch();
              set_up();
            },
            [this](const caf::error&) { later(timer::setup, 0, retry_after); });
  }

  void send(std::size_t index) {
    auto& lane = client_->lanes[index];
    if (busy_[index] || (lane.batch.empty() && !fill(lane))) return;
    busy_[index] = true;
    auto request = append_request::make(lane.batch.size(), [&](wire::AppendRequest::Builder out) {
      out.setTopic(text_of(lane.to.topic));
      out.setPartition(lane.to.partition);
      out.setBatches(data_of(lane.batch));
    });
    self_->request(node_, request_timeout, std::move(request))
        .then(
            [this, index](const append_reply& r) {
              busy_[index] = false;
              // Whatever the reason: the same bytes again, the partition knows what it has.
              if (error_of(r.open()->getFailure()))
                return later(timer::send_lane, index, retry_after);
              auto& done = client_->lanes[index];
              done.acked += done.batch_records;
              done.batch.clear();
              later(timer::send_lane, index, duration{client_->chance.below(pause_ms_max)});
            },
            [this, index](const caf::error&) {
              busy_[index] = false;
              later(timer::send_lane, index, retry_after);
            });
  }

  bool fill(simulated_lane& lane) {
    const auto left = lane.records.size() - lane.next;
    if (left == 0) return false;
    const auto count = std::min<std::size_t>(left, 1 + client_->chance.below(batch_records_max));
    batch_builder builder;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& r = lane.records[lane.next + i];
      builder.add(r.time, r.key, r.value);
    }
    builder.set_producer(client_->producer_id, client_->producer_epoch, lane.sequence);
    lane.sequence += static_cast<std::int32_t>(count);
    lane.next += count;
    lane.batch_records = count;
    lane.batch = bytes{builder.finish()};
    return true;
  }

  void poll_job() {
    self_->request(job_, request_timeout, job_request{})
        .then(
            [this](const job_reply& r) {
              auto in = r.open();
              client_->job_state = std::string{view(in->getState())};
              client_->job_failure = error_of(in->getFailure());
              if (client_->job_state == "ended" && close_) return close();
              if (client_->all_acknowledged() && !end_ordered_) {
                end_ordered_ = true;
                self_->send(job_, job_order::make([](auto out) {
                              out.setKind(wire::JobOrder::Kind::UNTIL_END);
                            }));
              }
              later(timer::poll, 0, poll_interval);
            },
            [this](const caf::error&) { later(timer::poll, 0, poll_interval); });
  }

  void close() {
    self_->request(node_, request_timeout, close_request{})
        .then([this](const admin_reply&) { client_->node_closed = true; },
              [this](const caf::error&) { client_->node_closed = true; });
  }

  self_pointer self_;
  node_actor node_;
  job_actor job_;
  simulated_client* client_ = nullptr;
  bool close_ = false;
  bool end_ordered_ = false;
  std::size_t left_ = 0;
  bool topics_failed_ = false;
  std::map<std::uint64_t, bool> busy_;  // lanes with a request in flight
};

simulated_driver::behavior_type driver(driver_state::self_pointer self, node_actor node,
                                       job_actor job, simulated_client* client, bool close) {
  auto& state = self->state;
  state.start(std::move(node), std::move(job), client, close);
  return {[&state](const tick& what) { state.on_tick(*what.open()); }};
}

}  // namespace

bool simulated_client::all_acknowledged() const {
  return topics_made && std::all_of(lanes.begin(), lanes.end(), [](const auto& lane) {
           return lane.acked == lane.records.size();
         });
}

simulated_driver spawn_simulated_driver(caf::actor_system& system, node_actor node, job_actor job,
                                        simulated_client& client, bool close) {
  return system.spawn(driver, std::move(node), std::move(job), &client, close);
}

}  // namespace penstock
