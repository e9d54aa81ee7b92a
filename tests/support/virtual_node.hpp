#pragma once
/// A node on a simulated disk and virtual time, and short words to talk to it.

#include <caf/scoped_actor.hpp>
#include <string>
#include <vector>

#include "actors/broker/node.hpp"
#include "actors/errors.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/disk_simulated.hpp"
#include "streams/record/batch.hpp"
#include "streams/topic/settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_system.hpp"

namespace penstock::test {

struct virtual_node {
  explicit virtual_node(std::uint64_t seed = 1) : clock(seed), self(clock.system) { start(); }
  ~virtual_node() {
    caf::anon_send_exit(node, caf::exit_reason::kill);
    clock.run_until([] { return false; }, std::chrono::seconds{1});
  }

  void start() {
    node_config config;
    config.directory = "/data";
    config.on = &disk;
    config.time = &clock.time;
    config.detached_writer = false;
    node = spawn_node(clock.system, config);
  }

  /// Asks and lets the world turn until the answer is there.
  template <class Reply, class Request>
  Reply ask(const Request& what) {
    auto pending = self->request(node, caf::infinite, what);
    REQUIRE(clock.run_until([&] { return !self->mailbox().empty(); }));
    Reply answer;
    pending.receive([&](const Reply& reply) { answer = reply; },
                    [&](const caf::error& why) { FAIL(from_caf(why).to_string()); });
    return answer;
  }

  error create(const std::string& topic, std::int32_t partitions = 1,
               const topic_settings::values& settings = {}) {
    auto reply = ask<admin_reply>(create_topic_request::make([&](auto out) {
      out.setName(text_of(topic));
      out.setPartitions(partitions);
      auto list = out.initSettings(static_cast<unsigned>(settings.size()));
      unsigned i = 0;
      for (const auto& [name, value] : settings) {
        list[i].setName(text_of(name));
        list[i].setValue(text_of(value));
        ++i;
      }
    }));
    return error_of(reply.open()->getFailure());
  }

  error remove(const std::string& topic) {
    auto reply = ask<admin_reply>(
        delete_topic_request::make([&](auto out) { out.setName(text_of(topic)); }));
    return error_of(reply.open()->getFailure());
  }

  append_request append_of(const std::string& topic, const std::vector<std::string>& values,
                           std::int32_t partition = 0) {
    batch_builder builder;
    for (const auto& each : values) builder.add(clock.time.now(), std::nullopt, each);
    const bytes batch{builder.finish()};
    return append_request::make(batch.size(), [&](auto out) {
      out.setTopic(text_of(topic));
      out.setPartition(partition);
      out.setBatches(data_of(batch));
    });
  }

  append_reply append(const std::string& topic, const std::vector<std::string>& values,
                      std::int32_t partition = 0) {
    return ask<append_reply>(append_of(topic, values, partition));
  }

  fetch_request fetch_of(const std::string& topic, offset_t offset, std::uint32_t wait_ms = 0,
                         std::int32_t partition = 0) {
    return fetch_request::make([&](auto out) {
      out.setTopic(text_of(topic));
      out.setPartition(partition);
      out.setOffset(offset);
      out.setMaxBytes(1u << 20);
      out.setMaxWaitMs(wait_ms);
    });
  }

  static std::vector<std::string> values_in(const fetch_reply& reply) {
    auto in = reply.open();
    REQUIRE(error_of(in->getFailure()).to_string() == "none");
    std::vector<std::string> values;
    auto batches = view(in->getBatches());
    batch_cursor cursor;
    record_view each;
    while (!batches.empty()) {
      auto batch = batch_view::parse(batches).value();
      batches.remove_prefix(batch.size());
      cursor.open(batch).value();
      while (cursor.next(each).value()) values.emplace_back(each.value.value_or("(none)"));
    }
    return values;
  }

  std::vector<std::string> read(const std::string& topic, offset_t from = 0,
                                std::int32_t partition = 0) {
    return values_in(ask<fetch_reply>(fetch_of(topic, from, 0, partition)));
  }

  simulated_disk disk;
  virtual_system clock;
  caf::scoped_actor self;
  node_actor node;
};

}  // namespace penstock::test
