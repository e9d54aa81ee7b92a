#pragma once
/// A node on the machine's own disk, clock and threads, for tests of what blocks.

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/broker/node.hpp"
#include "actors/errors.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock::test {

struct real_node {
  real_node() : system(settings) {
    node_config config;
    config.directory = folder.path();
    config.on = &machine_disk();
    config.time = &machine_clock();
    node = spawn_node(system, config);
  }
  ~real_node() {
    caf::scoped_actor self{system};
    self->request(node, std::chrono::seconds{30}, close_request{})
        .receive([](const admin_reply&) {}, [](const caf::error&) {});
  }

  template <class Reply, class Request>
  Reply ask(const Request& what) {
    caf::scoped_actor self{system};
    Reply answer;
    self->request(node, std::chrono::seconds{30}, what)
        .receive([&](const Reply& reply) { answer = reply; },
                 [](const caf::error& why) { FAIL(from_caf(why).to_string()); });
    return answer;
  }

  void create(const std::string& topic, std::int32_t partitions) {
    auto reply = ask<admin_reply>(create_topic_request::make([&](auto out) {
      out.setName(text_of(topic));
      out.setPartitions(partitions);
    }));
    REQUIRE(error_of(reply.open()->getFailure()).to_string() == "none");
  }

  void remove(const std::string& topic) {
    auto reply = ask<admin_reply>(
        delete_topic_request::make([&](auto out) { out.setName(text_of(topic)); }));
    REQUIRE(error_of(reply.open()->getFailure()).to_string() == "none");
  }

  struct two_threads : caf::actor_system_config {
    two_threads() { set("scheduler.max-threads", 2u); }
  };
  scratch_dir folder;
  two_threads settings;
  caf::actor_system system;
  node_actor node;
};

}  // namespace penstock::test
