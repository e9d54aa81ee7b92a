#include "actors/processor/job_connectors.hpp"

#include <algorithm>
#include <caf/send.hpp>

#include "actors/errors.hpp"

namespace penstock {

namespace {

connector_changed first_report(const plan_connector& what) {
  return connector_changed::make(what.name.size(), [&](wire::ConnectorChanged::Builder out) {
    out.setName(text_of(what.name));
    out.setSource(what.source);
  });
}

}  // namespace

void job_connectors::start(const std::vector<plan_connector>& all, spawner spawn, sender send) {
  spawn_ = std::move(spawn);
  send_ = std::move(send);
  for (const auto& each : all) {
    entries_.push_back({each, spawn_(each)});
    reports_.push_back(first_report(each));
  }
}

error job_connectors::on_changed(const connector_changed& what, const caf::strong_actor_ptr& from) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    auto& own = entries_[i];
    // One that was started again is not what its predecessor said last.
    if (!own.actor || from != caf::actor_cast<caf::strong_actor_ptr>(own.actor)) continue;
    reports_[i] = what;
    const auto in = what.open();
    const auto why = error_of(in->getFailure());
    if (in->getState() == wire::ConnectorChanged::State::FAILED) return why;
    if (in->getState() != wire::ConnectorChanged::State::ENDED) continue;
    own.ended = true;
    if (!left_undone_) left_undone_ = why;
  }
  return {};
}

bool job_connectors::on_down(const caf::actor_addr& who, const caf::error& reason, bool start_again,
                             error& why) {
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const entry& each) {
    return each.actor && each.actor.address() == who;
  });
  if (at == entries_.end()) return false;
  at->actor = nullptr;
  if (at->ended) return true;
  if (start_again && reason == caf::exit_reason::kill) {
    at->actor = spawn_(at->what);
    if (at->finishing) send_(at->actor, wire::ConnectorOrder::Kind::FINISH);
    return true;
  }
  if (reason && reason != caf::exit_reason::normal)
    why = from_caf(reason).with_context("connector \"" + at->what.name + "\" failed");
  return true;
}

void job_connectors::order(bool sources, wire::ConnectorOrder::Kind kind) {
  for (auto& each : entries_) {
    if (each.what.source != sources) continue;
    if (kind == wire::ConnectorOrder::Kind::FINISH) each.finishing = true;
    if (each.actor) send_(each.actor, kind);
  }
}

void job_connectors::order_all(wire::ConnectorOrder::Kind kind) {
  order(true, kind);
  order(false, kind);
}

bool job_connectors::all_ended(bool sources) const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [&](const entry& each) { return each.what.source != sources || each.ended; });
}

bool job_connectors::all_down() const {
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const entry& each) { return static_cast<bool>(each.actor); });
}

std::size_t job_connectors::report_bytes() const {
  std::size_t total = 0;
  for (const auto& each : reports_) total += each.wire_bytes().size() + 16;
  return total;
}

void job_connectors::kill_all() {
  for (const auto& each : entries_)
    if (each.actor) caf::anon_send_exit(each.actor, caf::exit_reason::kill);
}

}  // namespace penstock
