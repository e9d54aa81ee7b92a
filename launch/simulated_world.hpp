// One thread that is a whole machine: an actor system whose scheduler does nothing by itself, a
// clock that moves when nobody has anything to do, and a seed that picks who runs next. The disk
// outlives the system, as a real one outlives its process.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "streams/base/clock.hpp"
#include "streams/base/random.hpp"

namespace penstock {

class simulated_world {
 public:
  /// `time` goes on with the system's clock and outlives this.
  simulated_world(manual_clock& time, random chance);
  ~simulated_world();

  caf::actor_system& system() { return *system_; }

  /// Lets one actor handle one message, or time go on to the next timer. False when nothing will
  /// ever happen again.
  bool step();

  /// Ends an actor of this name that has something to do, as if it had thrown; false when there
  /// is none right now.
  bool kill_one(std::string_view name);

  /// An actor that has something to do gets no time for so long; false when there is none.
  bool freeze_one(std::chrono::milliseconds how_long);

  std::uint64_t steps() const { return steps_; }

 private:
  caf::scheduler::test_coordinator& scheduler();
  bool advance();
  void thaw();

  manual_clock& time_;
  random chance_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::map<caf::resumable*, std::chrono::nanoseconds> frozen_;  // until when; all are in the queue
  std::uint64_t steps_ = 0;
};

}  // namespace penstock
