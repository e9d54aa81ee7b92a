#include "actors/connect/connector.hpp"

#include <spdlog/spdlog.h>

#include "actors/connect/hosted.hpp"
#include "actors/connect/socket_source.hpp"

namespace penstock {

void connector::start() {
  guarded([&] { begin(); });
}

void connector::on_order(wire::ConnectorOrder::Kind kind) {
  guarded([&] {
    switch (kind) {
      case wire::ConnectorOrder::Kind::REPORT:
        return report();
      case wire::ConnectorOrder::Kind::FINISH:
        return finish();
      case wire::ConnectorOrder::Kind::STOP:
        if (state_ != state::starting) return stop();
        return ended();  // nothing was taken
    }
  });
}

void connector::on_tick(std::uint64_t id) {
  if (id == 0) return guarded([&] { on_wake(); });
  auto at = later_.extract(id);
  if (!at.empty()) guarded([&] { at.mapped()(); });
}

void connector::running() {
  state_ = state::running;
  report();
}

void connector::ended(const error& but) {
  if (is_over()) return;
  state_ = state::ended;
  if (but) failure_ = said_by_step(but);
  down_since_ = -1;
  report();
  self_->quit();
}

error connector::said_by_step(const error& what) const {
  return what.with_context(self_step().verb + " \"" + name() + "\"");
}

void connector::fail(const error& why) {
  if (is_over()) return;
  state_ = state::failed;
  failure_ = said_by_step(why);
  report();
  self_->quit(to_caf(failure_));
}

void connector::down(const error& why) {
  if (down_since_ < 0) down_since_ = to_millis(config_.time->now());
  if (why.message() == down_why_) return;
  down_why_ = why.message();
  spdlog::warn("{} \"{}\": {}; trying again", self_step().verb, name(), down_why_);
}

void connector::up() {
  if (down_since_ < 0) return;
  spdlog::warn("{} \"{}\": works again", self_step().verb, name());
  down_since_ = -1;
  down_why_.clear();
}

void connector::report() {
  static constexpr wire::ConnectorChanged::State states[] = {
      wire::ConnectorChanged::State::STARTING, wire::ConnectorChanged::State::RUNNING,
      wire::ConnectorChanged::State::ENDED, wire::ConnectorChanged::State::FAILED};
  const auto now = numbers();
  const auto size = name().size() + down_why_.size() + failure_.message().size();
  self_->send(config_.job, connector_changed::make(size, [&](wire::ConnectorChanged::Builder out) {
                out.setName(text_of(name()));
                out.setState(states[static_cast<int>(state_)]);
                if (failure_) set_failure(out.initFailure(), failure_);
                auto n = out.initNumbers();
                n.setRecords(now.records);
                n.setBytes(now.bytes);
                n.setWaiting(now.waiting);
                n.setDropped(now.dropped);
                n.setCut(now.cut);
                out.setDownSinceMs(down_since_);
                out.setDownWhy(text_of(down_why_));
                out.setSource(config_.what.source);
              }));
}

void connector::after(duration wait, std::function<void()> f) {
  const auto id = next_later_++;
  later_.emplace(id, std::move(f));
  self_->delayed_send(self_, wait, tick::make([&](auto out) { out.setId(id); }));
}

void connector::again(std::function<void()> f) {
  const auto id = next_later_++;
  later_.emplace(id, std::move(f));
  self_->send(self_, tick::make([&](auto out) { out.setId(id); }));
}

namespace {

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const lines_source&) {
  return make_lines(self, std::move(config));
}

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const tail_source&) {
  return make_tail(self, std::move(config));
}

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const syslog_source&) {
  return make_syslog(self, std::move(config));
}

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const http_source&) {
  return make_http_in(self, std::move(config));
}

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const file_sink&) {
  return make_file_sink(self, std::move(config));
}

std::unique_ptr<connector> make(connector::self_pointer self, connector_config config,
                                const http_sink&) {
  return make_http_sink(self, std::move(config));
}

std::unique_ptr<connector> make_connector(connector::self_pointer self,
                                          const connector_config& config) {
  const auto& at = config.topology->steps()[static_cast<std::size_t>(config.what.at)];
  const auto make_it = [&](const auto& how) { return make(self, config, how); };
  return config.what.source ? std::visit(make_it, at.reads_from->how)
                            : std::visit(make_it, at.writes_to->how);
}

}  // namespace

connector_actor spawn_connector(caf::actor_system& system, connector_config config) {
  const bool detached = config.detached;
  return spawn_hosted(system, detached, [config = std::move(config)](connector::self_pointer self) {
    return make_connector(self, config);
  });
}

}  // namespace penstock
