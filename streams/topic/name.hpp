// What a topic may be called: Kafka's rules, so that every name is also a safe folder name and any
// Kafka client can use it.
#pragma once

#include <cstddef>
#include <string_view>

#include "streams/base/result.hpp"

namespace penstock {

inline constexpr std::size_t topic_name_length_max = 249;

/// Fine when `name` has 1 to 249 characters of `a-z A-Z 0-9 . _ -` and is neither "." nor "..".
/// `invalid_topic` otherwise, naming the value, what is wrong with it, and a name that would do.
result<void> check_topic_name(std::string_view name);

/// True for topics that Penstock keeps for itself: names that begin with two underscores.
bool is_internal_topic(std::string_view name);

}  // namespace penstock
