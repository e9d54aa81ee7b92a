#pragma once
/// An actor system on virtual time in one thread: nothing runs until the test says so, and the
/// order is the seed's. The clock below is the system's own, so that actors and timers agree.

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"

namespace penstock::test {

class virtual_system {
 public:
  explicit virtual_system(std::uint64_t seed = 1) : chance_(seed), system(settings_), time(*this) {
    system.await_actors_before_shutdown(false);
  }

  /// Runs one job, chosen by the seed; false when there is none.
  bool step() {
    auto& jobs = scheduler().jobs;
    if (jobs.empty()) return false;
    std::swap(jobs.front(), jobs[chance_.below(jobs.size())]);
    return scheduler().try_run_once();
  }

  /// Runs jobs and timers until `done`, for at most `limit` of virtual time.
  template <class Done>
  bool run_until(Done done, std::chrono::nanoseconds limit = std::chrono::minutes{10}) {
    auto& timers = scheduler().clock();
    const auto end = timers.now() + limit;
    while (!done()) {
      if (step()) continue;
      if (timers.schedule().empty() || timers.schedule().begin()->first > end) {
        timers.current_time = end;
        return done();
      }
      timers.trigger_timeout();
    }
    return true;
  }

  /// Lets virtual time pass, with all that happens meanwhile.
  void run_for(std::chrono::nanoseconds span) {
    run_until([] { return false; }, span);
  }

  caf::scheduler::test_coordinator& scheduler() {
    return static_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }

 private:
  struct settings : caf::actor_system_config {
    settings() { set("scheduler.policy", caf::atom("testing")); }
  };
  struct system_clock final : clock {
    explicit system_clock(virtual_system& owner) : owner_(owner) {}
    timestamp now() const override {
      return from_millis(1'600'000'000'000) + std::chrono::duration_cast<duration>(monotonic());
    }
    std::chrono::nanoseconds monotonic() const override {
      return owner_.scheduler().clock().now().time_since_epoch();
    }
    virtual_system& owner_;
  };

  settings settings_;
  random chance_;

 public:
  caf::actor_system system;
  system_clock time;
};

}  // namespace penstock::test
