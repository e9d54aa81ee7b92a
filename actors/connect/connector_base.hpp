// What all connectors share: requests to the node that are repeated while they fail for passing
// reasons, timers, reports to the job, and the end. A connector is a plain object that lives in its
// actor and is called by it alone. Only for the .cpp files of this folder.
#pragma once

#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "actors/client/produce_queue.hpp"
#include "actors/connect/connector.hpp"
#include "actors/errors.hpp"
#include "streams/base/assert.hpp"
#include "streams/plan/connector.hpp"

namespace penstock {

struct connector_numbers {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;
  std::uint64_t cut = 0;
};

class topic_reader;
class topic_writer;

class connector {
 public:
  using self_pointer = connector_actor::pointer;

  connector(self_pointer self, connector_config config) : self_(self), config_(std::move(config)) {}
  virtual ~connector() = default;
  connector(const connector&) = delete;
  connector& operator=(const connector&) = delete;

  void start();
  void on_order(wire::ConnectorOrder::Kind kind);
  void on_tick(std::uint64_t id);

 protected:
  /// Gets to work; calls `running` when it has.
  virtual void begin() = 0;
  /// To end by itself, when the input or the topic of this moment is used up.
  virtual void finish() = 0;
  /// To end soon, with everything taken made lasting.
  virtual void stop() = 0;
  virtual connector_numbers numbers() const = 0;
  /// A tick without a number has come: somebody outside has something.
  virtual void on_wake() {}

  const step& self_step() const {
    return config_.topology->steps()[static_cast<std::size_t>(config_.what.at)];
  }
  const std::string& name() const { return config_.what.name; }
  topic_partition partition(std::int32_t n) const { return {config_.what.topic, n}; }

  void running();
  /// `but`: what it had to leave undone, which the job says at its end.
  void ended(const error& but = {});
  void fail(const error& why);
  bool is_over() const { return state_ == state::ended || state_ == state::failed; }

  /// What is outside does not answer, is full, is gone: said to people, tried again by the caller.
  /// Every change of the reason is logged once.
  void down(const error& why);
  void up();

  void report();

  void after(duration wait, std::function<void()> f);

  /// Soon, behind what is in the mailbox.
  void again(std::function<void()> f);

  /// Asks the node; repeats what fails for a passing reason, else the connector fails with `what`.
  template <class Reply, class Request>
  void ask(Request request, std::string what, std::function<void(const Reply&)> then,
           int attempts = 600) {
    auto once_more = [this, request, what, then, attempts](const error& why) {
      if (!is_retriable(why.code()) || attempts <= 0) return fail(why.with_context(what));
      after(config_.retry_after, [this, request, what, then, attempts] {
        ask<Reply>(request, what, then, attempts - 1);
      });
    };
    self_->request(config_.node, config_.request_timeout, request)
        .then(
            [this, then, once_more](const Reply& reply) {
              guarded([&] {
                if (auto why = error_of(reply.open()->getFailure())) return once_more(why);
                then(reply);
              });
            },
            [this, once_more](const caf::error& why) {
              guarded([&] { once_more(from_caf(why)); });
            });
  }

  /// Runs a handler: what it throws ends this connector alone.
  template <class F>
  void guarded(F&& f) {
    if (is_over()) return;
    assertion_guard guard;
    try {
      f();
    } catch (const std::exception& e) {
      fail(error{errc::internal, e.what()});
    }
  }

  self_pointer self_;
  connector_config config_;

 private:
  friend class topic_reader;
  friend class topic_writer;

  enum class state : std::uint8_t { starting, running, ended, failed };

  error said_by_step(const error& what) const;

  state state_ = state::starting;
  error failure_;
  std::int64_t down_since_ = -1;
  std::string down_why_;
  std::uint64_t next_later_ = 1;
  std::unordered_map<std::uint64_t, std::function<void()>> later_;
};

std::unique_ptr<connector> make_lines(connector::self_pointer self, connector_config config);
std::unique_ptr<connector> make_tail(connector::self_pointer self, connector_config config);
std::unique_ptr<connector> make_file_sink(connector::self_pointer self, connector_config config);
std::unique_ptr<connector> make_http_sink(connector::self_pointer self, connector_config config);

}  // namespace penstock
