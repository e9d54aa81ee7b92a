// The source of one stream, read from where the caller says, for tests that play whoever writes it.
// Jobs start theirs by `spawn_connector`, on what is at the step's path.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/connect/connector.hpp"
#include "streams/base/input.hpp"

namespace penstock {

using input_opener = std::function<result<std::unique_ptr<input>>(const std::string& path)>;

/// In the calling system's scheduler, not detached. The connector of `config` is a source of lines.
connector_actor spawn_lines(caf::actor_system& system, connector_config config, input_opener open);

}  // namespace penstock
