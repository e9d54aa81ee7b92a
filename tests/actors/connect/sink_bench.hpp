#pragma once
/// A node with the topics of a connector, and the connector on it: what the job would start.

#include <caf/send.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/connect/http_sink.hpp"
#include "actors/connect/lines.hpp"
#include "actors/connect/socket_source.hpp"
#include "dsl/topology.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock::test {

struct sink_bench : virtual_node {
  explicit sink_bench(topology t, std::uint64_t seed = 1, std::int32_t of_topic = 1)
      : virtual_node(seed), partitions(of_topic), plan_(std::make_shared<const plan>(t.plan())) {
    INFO(plan_->describe());
    REQUIRE(plan_->problems().empty());
    REQUIRE(plan_->connectors().size() == 1);
    topic_settings::values settings;  // as the job makes them
    if (plan_->connectors()[0].source)
      settings = {{"penstock.drop.repeats", "true"}, {"penstock.flush", "batch"}};
    REQUIRE(!create(topic(), partitions, settings));
    settings["cleanup.policy"] = "compact";
    if (const auto& remembered = plan_->connectors()[0].checkpoint; !remembered.empty())
      REQUIRE(!create(remembered, 1, settings));
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
    config.partitions = partitions;
    if (logs != nullptr) config.logs = logs;
    config.detached = false;
    last = {};
    if (sockets) {
      sink = spawn_socket_source(clock.system, std::move(config), sockets);
    } else if (inputs) {
      sink = spawn_lines(clock.system, std::move(config), inputs);
    } else {
      sink = http ? spawn_http_sink(clock.system, std::move(config), http)
                  : spawn_connector(clock.system, std::move(config));
    }
  }

  void order(wire::ConnectorOrder::Kind kind) {
    caf::anon_send(sink, connector_order::make([&](auto out) { out.setKind(kind); }));
  }

  /// Ends it at once, as a crash does. `settled`: what it had asked for has been done before
  /// anybody starts another; else it may be on its way still.
  void kill(bool settled = true) {
    if (!sink) return;
    caf::anon_send_exit(sink, caf::exit_reason::kill);
    sink = nullptr;
    if (settled) clock.run_until([] { return false; }, std::chrono::milliseconds{1});
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

  std::int32_t partitions;    // of its topic
  simulated_disk files;       // where a sink writes
  file_tree* logs = nullptr;  // where `tail` looks
  http_transport_maker http;
  socket_source::opener sockets;
  input_opener inputs;
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
