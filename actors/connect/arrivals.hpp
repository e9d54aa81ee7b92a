// What comes over sockets on its way to the connector's actor: sockets are served by a thread of
// their own, which puts lines in here and hears when they are durable. Bounded; both sides may call
// at any time. Only for the .cpp files of this folder.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

struct arrival {
  std::string sender;  // key of the records; empty: none
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  /// Called once, from the actor: true when all lines are durable, false when that is not known.
  std::function<void(bool durable)> done;
};

class arrivals {
 public:
  explicit arrivals(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// `wake` is called, from any thread, when something is there to be taken.
  void open(std::function<void()> wake) {
    std::lock_guard hold{lock_};
    wake_ = std::move(wake);
  }

  /// False, and `what` stays as it is, when there is no room, or nobody takes anything any more.
  bool offer(arrival& what) {
    std::lock_guard hold{lock_};
    // One that is larger than everything may be comes alone.
    if (!wake_ || (held_ > 0 && held_ + what.bytes > bytes_max_)) return false;
    held_ += what.bytes;
    waiting_.push_back(std::move(what));
    if (waiting_.size() == 1) wake_();
    return true;
  }

  /// Everything that waits. Its room is free again when `release` is called.
  std::vector<arrival> take() {
    std::lock_guard hold{lock_};
    return std::exchange(waiting_, {});
  }
  void release(std::size_t size) {
    std::lock_guard hold{lock_};
    held_ -= size;
  }

  /// Nobody takes anything any more; gives what still waits.
  std::vector<arrival> close() {
    std::lock_guard hold{lock_};
    wake_ = nullptr;
    return std::exchange(waiting_, {});
  }

 private:
  std::mutex lock_;
  std::size_t bytes_max_;
  std::size_t held_ = 0;
  std::function<void()> wake_;
  std::vector<arrival> waiting_;
};

}  // namespace penstock
