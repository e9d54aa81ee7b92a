// The actor that decides: topics, their settings, producer ids and what jobs remember are facts of
// the metadata log, which it alone appends to. It answers when a fact is durable and has told the
// node. With one voter the metadata log is an ordinary partition of this node.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>

#include "actors/broker/partition.hpp"
#include "actors/messages/messages.hpp"
#include "streams/base/random.hpp"
#include "streams/topic/settings.hpp"

namespace penstock {

using controller_actor =
    caf::typed_actor<caf::replies_to<create_topic_request>::with<admin_reply>,
                     caf::replies_to<alter_topic_request>::with<admin_reply>,
                     caf::replies_to<delete_topic_request>::with<admin_reply>,
                     caf::replies_to<register_state_request>::with<admin_reply>,
                     caf::replies_to<init_producer_request>::with<init_producer_reply>>;

/// Who is told about changes: `topic_changed` for every topic, then `metadata_loaded` once.
using metadata_listener =
    caf::typed_actor<caf::reacts_to<topic_changed>, caf::reacts_to<metadata_loaded>>;

struct controller_config {
  partition_actor log;  // of the metadata topic
  metadata_listener listener;
  random chance{1};  // topic ids
  const penstock::clock* time = nullptr;
  std::int32_t default_partitions = 1;
  topic_settings::values default_settings;  // of new topics, unless they say otherwise
  std::size_t queued_max = 10'000;
};

controller_actor spawn_controller(caf::actor_system& system, controller_config config);

}  // namespace penstock
