// The actor that makes bytes durable: two per data directory, one for syncs that somebody waits for
// and one for closed segments. Partitions ask it to sync the files they wrote; it takes all that
// waits and syncs each file once (group commit). It blocks in fdatasync, so it runs on a thread of
// its own, except under the test coordinator, where seeds must replay.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/typed_actor.hpp>

#include "actors/messages/messages.hpp"
#include "streams/base/disk.hpp"

namespace penstock {

using writer_actor =
    caf::typed_actor<caf::replies_to<sync_request>::with<sync_reply>, caf::reacts_to<tick>>;

/// `detached`: on its own thread. `on` outlives the actor.
writer_actor spawn_writer(caf::actor_system& system, disk& on, bool detached);

}  // namespace penstock
