#include "actors/connect/fed_source.hpp"

#include "actors/connect/hosted.hpp"

namespace penstock {
namespace {

class fed_source final : public connector {
 public:
  using connector::connector;

 protected:
  void begin() override { running(); }
  void finish() override { ended(); }
  void stop() override { ended(); }
  connector_numbers numbers() const override { return {}; }
};

}  // namespace

connector_actor spawn_fed_source(caf::actor_system& system, connector_config config) {
  return spawn_hosted(system, false, [config](connector::self_pointer self) {
    return std::make_unique<fed_source>(self, config);
  });
}

}  // namespace penstock
