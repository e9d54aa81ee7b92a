// A node without partitions for tests of links: echoes the size of appends, parks fetches until
// it is told to answer, refuses the rest by name.
#pragma once

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/response_promise.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <memory>
#include <vector>

#include <capnp/schema.h>

#include "actors/broker/node.hpp"

namespace penstock::test {

struct fake_node_state {
  std::atomic<std::int64_t> appends{0};
  std::atomic<std::int64_t> parked{0};
  std::atomic<std::int64_t> parked_max{0};
  std::atomic<bool> park{false};  // fetches wait for a heartbeat, which answers them all
};

inline append_reply fake_append(fake_node_state& state, const append_request& request) {
  const auto message = request.open();
  const auto size = static_cast<std::int64_t>(message->getBatches().size());
  const auto number = state.appends++;
  return append_reply::make([&](wire::AppendReply::Builder to) {
    to.setBaseOffset(number);
    to.setNextOffset(size);
  });
}

inline fetch_reply fake_fetch(const fetch_request& request) {
  const auto message = request.open();
  const bytes content(message->getMaxBytes(), 'x');
  return fetch_reply::make(content.size(), [&](wire::FetchReply::Builder to) {
    to.setNextOffset(message->getOffset());
    to.setBatches(data_of(content));
  });
}

inline node_actor spawn_fake_node(caf::actor_system& system,
                                  const std::shared_ptr<fake_node_state>& given) {
  using parked_fetch = std::pair<fetch_request, caf::typed_response_promise<fetch_reply>>;
  const auto act = [](node_actor::pointer self,
                      const std::shared_ptr<fake_node_state>& state) -> node_actor::behavior_type {
    auto parked = std::make_shared<std::vector<parked_fetch>>();
    const auto refuse = [](const auto& request, auto reply) {
      using schema = typename std::decay_t<decltype(request)>::schema;
      return failed<decltype(reply)>(error{
          errc::invalid_argument, capnp::Schema::from<schema>().getShortDisplayName().cStr()});
    };
    return {
        [=](const append_request& r) { return fake_append(*state, r); },
        [=](const init_producer_request& r) { return refuse(r, init_producer_reply{}); },
        [=](const open_source_request& r) { return refuse(r, open_source_reply{}); },
        [=](const fetch_request& r) -> caf::result<fetch_reply> {
          if (!state->park) return fake_fetch(r);
          auto promise = self->make_response_promise<fetch_reply>();
          parked->emplace_back(r, promise);
          const auto now = static_cast<std::int64_t>(parked->size());
          state->parked = now;
          if (now > state->parked_max) state->parked_max = now;
          return promise;
        },
        [=](const list_offsets_request& r) { return refuse(r, list_offsets_reply{}); },
        [=](const delete_records_request& r) { return refuse(r, delete_records_reply{}); },
        [=](const create_topic_request& r) { return refuse(r, admin_reply{}); },
        [=](const alter_topic_request& r) { return refuse(r, admin_reply{}); },
        [=](const delete_topic_request& r) { return refuse(r, admin_reply{}); },
        [=](const register_state_request& r) { return refuse(r, admin_reply{}); },
        [=](const topics_request& r) { return refuse(r, topics_reply{}); },
        [=](const join_group_request& r) { return refuse(r, join_group_reply{}); },
        [=](const sync_group_request& r) { return refuse(r, sync_group_reply{}); },
        [=](const heartbeat_request& r) {
          for (auto& [request, promise] : *parked) promise.deliver(fake_fetch(request));
          parked->clear();
          state->parked = 0;
          return refuse(r, group_reply{});
        },
        [=](const leave_group_request& r) { return refuse(r, group_reply{}); },
        [=](const commit_offsets_request& r) { return refuse(r, group_reply{}); },
        [=](const fetch_offsets_request& r) { return refuse(r, fetch_offsets_reply{}); },
        [=](const list_groups_request& r) { return refuse(r, list_groups_reply{}); },
        [=](const describe_group_request& r) { return refuse(r, describe_group_reply{}); },
        [=](const delete_group_request& r) { return refuse(r, group_reply{}); },
        [=](const close_request& r) { return refuse(r, admin_reply{}); },
    };
  };
  return system.spawn(act, given);
}

}  // namespace penstock::test
