#include "streams/base/clock.hpp"

namespace penstock {
namespace {

class system_clock final : public clock {
 public:
  timestamp now() const override {
    return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

}  // namespace

const clock& machine_clock() {
  static const system_clock instance;
  return instance;
}

}  // namespace penstock
