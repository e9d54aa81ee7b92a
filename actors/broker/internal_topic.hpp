// The request that makes a compacted topic of the node's own, in which a coordinator keeps what it
// knows. The coordinators of groups and of transactions make theirs when they first need it.
#pragma once

#include <string>
#include <string_view>

#include "actors/messages/messages.hpp"

namespace penstock {

inline create_topic_request internal_topic(std::string_view name, std::int32_t partitions) {
  return create_topic_request::make([&](wire::CreateTopicRequest::Builder out) {
    out.setName(std::string{name}.c_str());
    out.setPartitions(partitions);
    out.setInternal(true);
    auto settings = out.initSettings(2);
    settings[0].setName("cleanup.policy");
    settings[0].setValue("compact");
    settings[1].setName("segment.bytes");
    settings[1].setValue("104857600");
  });
}

}  // namespace penstock
