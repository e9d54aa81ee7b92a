#include "launch/simulated_world.hpp"

#include <algorithm>
#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/local_actor.hpp>
#include <caf/system_messages.hpp>
#include <vector>

namespace penstock {
namespace {

// A timer may also go off before everybody has had their turn.
constexpr std::uint64_t early_timer_odds = 40;

caf::local_actor* actor_of(caf::resumable* job) {
  return dynamic_cast<caf::local_actor*>(job);
}

}  // namespace

simulated_world::simulated_world(manual_clock& time, random chance) : time_(time), chance_(chance) {
  config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(config_);
  system_->await_actors_before_shutdown(false);
}

simulated_world::~simulated_world() = default;

caf::scheduler::test_coordinator& simulated_world::scheduler() {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
}

bool simulated_world::advance() {
  auto& clock = scheduler().clock();
  if (!clock.has_pending_timeout()) return false;
  const auto before = clock.now();
  clock.trigger_timeout();
  time_.advance(std::chrono::duration_cast<std::chrono::nanoseconds>(clock.now() - before));
  thaw();
  return true;
}

void simulated_world::thaw() {
  std::erase_if(frozen_, [&](const auto& each) { return each.second <= time_.monotonic(); });
}

bool simulated_world::step() {
  ++steps_;
  auto& jobs = scheduler().jobs;
  if (!jobs.empty() && chance_.chance(1, early_timer_odds) && advance()) return true;
  const auto from = chance_.below(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto at = static_cast<std::ptrdiff_t>((from + i) % jobs.size());
    if (frozen_.contains(jobs[static_cast<std::size_t>(at)])) continue;
    std::swap(jobs[0], jobs[static_cast<std::size_t>(at)]);
    scheduler().run_once();
    return true;
  }
  if (advance()) return true;
  const bool waits = !frozen_.empty();
  frozen_.clear();
  return waits;
}

bool simulated_world::kill_one(std::string_view name) {
  std::vector<caf::local_actor*> found;
  for (auto* job : scheduler().jobs)
    if (auto* actor = actor_of(job); actor != nullptr && actor->name() == name)
      found.push_back(actor);
  if (found.empty()) return false;
  auto* victim = found[chance_.below(found.size())];
  auto handle = caf::actor_cast<caf::strong_actor_ptr>(victim);
  frozen_.erase(dynamic_cast<caf::resumable*>(victim));
  handle->enqueue(nullptr, caf::make_message_id(),
                  caf::make_message(caf::exit_msg{handle->address(), caf::exit_reason::kill}),
                  nullptr);
  return true;
}

bool simulated_world::freeze_one(std::chrono::milliseconds how_long) {
  auto& jobs = scheduler().jobs;
  if (jobs.empty()) return false;
  frozen_[jobs[chance_.below(jobs.size())]] = time_.monotonic() + how_long;
  return true;
}

}  // namespace penstock
