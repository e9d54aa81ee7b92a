#pragma once
/// A client without a socket: a connection actor on a node with a simulated disk and virtual time.

#include <deque>
#include <memory>
#include <optional>

#include "kafka/listener/connection.hpp"
#include "kafka/protocol/header.hpp"
#include "kafka/protocol/messages.hpp"
#include "streams/base/coding.hpp"
#include "tests/support/virtual_node.hpp"

namespace penstock::test {

struct collected_output final : kafka::client_output {
  void answer(kafka::answer_frames frames, std::size_t count) override {
    frames.for_each_part([this](bytes_view part) { all += part; });
    answered += count;
  }
  void close(const error& why) override { closed = why; }

  bytes all;
  std::size_t answered = 0;
  error closed;
};

struct kafka_client {
  explicit kafka_client(virtual_node& node, kafka::edge_settings settings = {}) : node_(node) {
    settings.node_id = 7;
    settings.cluster_id = "the-cluster";
    kafka::connection_config config;
    config.settings = std::make_shared<const kafka::edge_settings>(std::move(settings));
    config.node = node.node;
    config.output = output;
    config.client_host = "/test";
    actor_ = kafka::spawn_connection(node.clock.system, std::move(config));
  }
  ~kafka_client() {
    caf::anon_send(actor_, kafka::client_gone{});
    node_.clock.run_until([] { return false; }, std::chrono::milliseconds{1});
  }

  void send_frame(bytes_view frame) {
    caf::anon_send(actor_, kafka::frame_arrived::make(
                               frame.size(), [&](auto out) { out.setContent(data_of(frame)); }));
  }

  template <class Request>
  void send(const Request& request, int version) {
    bytes frame;
    put_be(frame, Request::api_key);
    put_be(frame, static_cast<std::int16_t>(version));
    put_be(frame, ++correlation_);
    put_be(frame, std::int16_t{4});
    frame += "test";
    if (version >= Request::flexible_from) frame.push_back('\0');
    kafka::encode(request, version, frame);
    send_frame(frame);
  }

  /// The next answer, which must be one to a `Request`.
  template <class Request>
  typename Request::response receive(int version) {
    REQUIRE(node_.clock.run_until([&] { return whole_frame() || output->closed; }));
    INFO(output->closed.to_string());
    REQUIRE(whole_frame());
    const auto length = static_cast<std::size_t>(load_be<std::int32_t>(output->all.data()));
    const bytes frame = output->all.substr(4, length);
    output->all.erase(0, 4 + length);
    std::size_t header = 4;
    if (version >= Request::flexible_from && Request::api_key != 18) ++header;
    CHECK(load_be<std::int32_t>(frame.data()) == ++received_);
    held_.push_back(frame);  // records are views
    auto got =
        kafka::decode<typename Request::response>(bytes_view{held_.back()}.substr(header), version);
    REQUIRE(got.has_value());
    return *std::move(got);
  }

  template <class Request>
  typename Request::response call(const Request& request, int version) {
    send(request, version);
    return receive<Request>(version);
  }

  std::shared_ptr<collected_output> output = std::make_shared<collected_output>();

 private:
  bool whole_frame() const {
    return output->all.size() >= 4 &&
           output->all.size() - 4 >=
               static_cast<std::size_t>(load_be<std::int32_t>(output->all.data()));
  }

  virtual_node& node_;
  kafka::connection_actor actor_;
  std::int32_t correlation_ = 0;
  std::int32_t received_ = 0;
  std::deque<bytes> held_;
};

}  // namespace penstock::test
