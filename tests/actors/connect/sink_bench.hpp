#pragma once
/// A node with the topic of a sink, and the sink's connector on it: what the job would start.

#include <caf/send.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/connect/http_sink.hpp"
#include "dsl/topology.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock::test {

struct sink_bench : virtual_node {
  explicit sink_bench(topology t, std::uint64_t seed = 1)
      : virtual_node(seed), plan_(std::make_shared<const plan>(t.plan())) {
    INFO(plan_->describe());
    REQUIRE(plan_->problems().empty());
    REQUIRE(plan_->connectors().size() == 1);
    REQUIRE(!create(topic()));
    listener_ = clock.system.spawn([this]() -> connector_listener::behavior_type {
      return {[this](const connector_changed& what) { last = what; }};
    });
  }
  ~sink_bench() {
    kill();
    caf::anon_send_exit(listener_, caf::exit_reason::kill);
  }

  const std::string& topic() const { return plan_->connectors()[0].topic; }

  void start() {
    connector_config config;
    config.topology = plan_;
    config.what = plan_->connectors()[0];
    config.node = node;
    config.job = listener_;
    config.time = &clock.time;
    config.files = &files;
    config.detached = false;
    last = {};
    sink = http ? spawn_http_sink(clock.system, std::move(config), http)
                : spawn_connector(clock.system, std::move(config));
  }

  void order(wire::ConnectorOrder::Kind kind) {
    caf::anon_send(sink, connector_order::make([&](auto out) { out.setKind(kind); }));
  }

  /// Ends it at once, as a crash does.
  void kill() {
    if (!sink) return;
    caf::anon_send_exit(sink, caf::exit_reason::kill);
    sink = nullptr;
    clock.run_until([] { return false; }, std::chrono::milliseconds{1});
  }

  wire::ConnectorChanged::State state() { return last.open()->getState(); }
  bool ended() { return state() == wire::ConnectorChanged::State::ENDED; }
  bool failed() { return state() == wire::ConnectorChanged::State::FAILED; }
  std::string failure() { return std::string{view(last.open()->getFailure().getMessage())}; }

  /// Delivers what is there and ends.
  void run_to_the_end() {
    order(wire::ConnectorOrder::Kind::FINISH);
    REQUIRE(clock.run_until([&] { return ended() || failed(); }));
    INFO(failure());
    CHECK(ended());
    sink = nullptr;
  }

  simulated_disk files;  // where the sink writes
  http_transport_maker http;
  connector_actor sink;
  connector_changed last;

 private:
  std::shared_ptr<const plan> plan_;
  connector_listener listener_;
};

inline std::vector<std::string> numbered(int from, int behind) {
  std::vector<std::string> out;
  for (int i = from; i < behind; ++i) out.push_back("line " + std::to_string(i));
  return out;
}

}  // namespace penstock::test
