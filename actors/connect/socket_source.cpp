#include "actors/connect/socket_source.hpp"

#include <caf/send.hpp>

#include "actors/connect/hosted.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {

namespace {

constexpr std::size_t arrivals_bytes_max = std::size_t{32} << 20;
constexpr duration settle = 100ms;  // in which what was being read arrives

}  // namespace

socket_source::socket_source(self_pointer self, connector_config config, opener open)
    : connector(self, std::move(config)),
      open_(std::move(open)),
      inbox_(std::make_shared<arrivals>(arrivals_bytes_max)),
      counted_(std::make_shared<socket_numbers>()),
      out_(*this, [this] { progressed(); }) {}

socket_source::~socket_source() {
  for (auto& each : inbox_->close()) each.done(false);
  for (auto& each : unanswered_) each.done(false);
  unanswered_.clear();  // who waits for an answer goes before the sockets' thread
  server_.reset();
}

void socket_source::begin() {
  const auto me = caf::actor_cast<connector_actor>(self_);
  // The actor may be gone when the last bytes come: a weak handle keeps it from living on.
  inbox_->open([weak = caf::actor_cast<caf::weak_actor_ptr>(me)] {
    if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
      caf::anon_send(caf::actor_cast<connector_actor>(strong), tick{});
  });
  out_.open([this] {
    running();
    open_sockets();
  });
}

void socket_source::open_sockets() {
  if (stopping_) return;
  auto opened = open_(inbox_, counted_);
  if (!opened) return fail(opened.error());
  server_ = std::move(*opened);
}

void socket_source::take() {
  const auto now = config_.time->now();
  for (auto& each : inbox_->take()) {
    std::optional<bytes_view> key;
    auto to = turn_;
    if (!each.sender.empty()) {
      key = each.sender;
      to = static_cast<std::size_t>(partition_of_key(*key, config_.partitions));
    } else {
      turn_ = (turn_ + 1) % static_cast<std::size_t>(config_.partitions);
    }
    for (const auto& line : each.lines) out_.add(to, now, key, line);
    unanswered_.push_back({out_.added(), each.bytes, std::move(each.done)});
  }
  out_.flush();
  progressed();
}

void socket_source::progressed() {
  const auto durable = out_.acknowledged();
  while (!unanswered_.empty() && unanswered_.front().until <= durable) {
    inbox_->release(unanswered_.front().bytes);
    unanswered_.front().done(true);
    unanswered_.pop_front();
  }
  if (settled_ && out_.idle()) ended();
}

void socket_source::stop() {
  if (std::exchange(stopping_, true)) return;
  if (server_) server_->stop_taking();
  after(settle, [this] {
    settled_ = true;
    take();
  });
}

connector_numbers socket_source::numbers() const {
  return {out_.acknowledged(), out_.value_bytes(), 0, counted_->dropped.load(),
          counted_->cut.load()};
}

connector_actor spawn_socket_source(caf::actor_system& system, connector_config config,
                                    socket_source::opener open) {
  return spawn_hosted(system, false, [config, open](connector::self_pointer self) {
    return std::make_unique<socket_source>(self, config, open);
  });
}

}  // namespace penstock
