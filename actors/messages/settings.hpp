// Topic settings as they travel: a list of names and values, and back.
#pragma once

#include "actors/messages/messages.hpp"
#include "streams/topic/settings.hpp"

namespace penstock {

/// `invalid_setting` as `topic_settings::parse`.
result<topic_settings> parse_settings(capnp::List<wire::Setting>::Reader from);

/// Fills a list that was initialised with `from.size()` entries.
void write_settings(capnp::List<wire::Setting>::Builder to, const topic_settings::values& from);

}  // namespace penstock
