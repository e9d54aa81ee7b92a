// What holds for a topic that does not set something, as far as the tool can know it. For the words
// that show settings.
#pragma once

#include <optional>
#include <string_view>

#include "streams/topic/settings.hpp"
#include "tools/penstock/target.hpp"

namespace penstock::tool {

/// The default of a setting; none when only the node knows it: one that serves Kafka's clients has
/// defaults of its own, from its server.properties.
inline std::optional<std::string_view> default_at(const target& at, const setting_info& setting) {
  if (at.node_id() >= 0) return std::nullopt;
  return setting.default_value;
}

}  // namespace penstock::tool
