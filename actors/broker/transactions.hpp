// The actor that keeps transactions (KIP-98): which producer id and epoch a transactional id has,
// which partitions its open transaction has, and how it ends. Every change is in the compacted
// topic
// `__transaction_state` before it is answered; a decision that is there is carried out, by markers
// in all partitions, however often the node ends in between.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>

#include "actors/broker/node.hpp"
#include "actors/messages/transactions.hpp"
#include "streams/base/clock.hpp"

namespace penstock {

using transaction_coordinator_actor = transactions_actor::extend<caf::reacts_to<tick>>;

struct transaction_settings {
  duration timeout_max = 15min;   // transaction.max.timeout.ms
  duration id_retention = 168h;   // transactional.id.expiration.ms
  std::int32_t partitions = 1;    // transaction.state.log.num.partitions, when the topic is made
  std::size_t ids_max = 100'000;  // transactional ids
};

struct transaction_coordinator_config {
  node_actor node;  // for the topic, the markers and producer ids
  const penstock::clock* time = nullptr;
  transaction_settings settings;
  std::size_t parked_max = 10'000;  // requests that wait for the topic
};

transaction_coordinator_actor spawn_transaction_coordinator(caf::actor_system& system,
                                                            transaction_coordinator_config config);

}  // namespace penstock
