// The connectors of a job as the job actor keeps them: which are there, how each is doing, and how
// they end: sources at the end of their input, before the tasks; sinks when the tasks have ended
// and their topics are delivered. Runs inside the job actor's handlers.
#pragma once

#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "actors/connect/connector.hpp"
#include "actors/processor/job_topics.hpp"

namespace penstock {

class job_connectors {
 public:
  /// Starts one connector: the job fills in who it is and spawns it, monitored.
  using spawner = std::function<connector_actor(const plan_connector& what)>;
  using sender = std::function<void(const connector_actor& to, wire::ConnectorOrder::Kind kind)>;

  void start(const std::vector<plan_connector>& all, spawner spawn, sender send);

  /// Takes what a connector says; its failure when it has failed.
  error on_changed(const connector_changed& what, const caf::strong_actor_ptr& from);

  /// Whether `who` was a connector; then `why` is an error when it should not have gone.
  bool on_down(const caf::actor_addr& who, const caf::error& reason, bool start_again, error& why);

  void order_sources(wire::ConnectorOrder::Kind kind) { order(true, kind); }
  void order_sinks(wire::ConnectorOrder::Kind kind) { order(false, kind); }
  void order_all(wire::ConnectorOrder::Kind kind);

  /// Every source is at the end of its input. True without sources.
  bool sources_ended() const { return all_ended(true); }

  /// What those that have ended could not do, if anything: the first of them to say so.
  const error& left_undone() const { return left_undone_; }

  /// No actor is left.
  bool all_down() const;

  /// The newest reports, for the job's reply.
  const std::vector<connector_changed>& reports() const { return reports_; }
  std::size_t report_bytes() const;

  void kill_all();

 private:
  struct entry {
    plan_connector what;
    connector_actor actor;
    bool ended = false;
    bool finishing = false;
  };

  bool all_ended(bool sources) const;
  void order(bool sources, wire::ConnectorOrder::Kind kind);

  std::vector<entry> entries_;
  std::vector<connector_changed> reports_;  // one per entry
  error left_undone_;
  spawner spawn_;
  sender send_;
};

}  // namespace penstock
