// The requests that Kafka's clients make: which there are, in which versions we answer them, and
// what ApiVersions announces. The rows are made of the same tables as the messages themselves.
#pragma once

#include <cstdint>
#include <span>

namespace penstock::kafka {

struct api_info {
  std::int16_t key;
  const char* name;
  std::int16_t oldest_known;  // what the tables describe
  std::int16_t newest_known;
  std::int16_t oldest_served;  // what a node answers; none when the newest is below the oldest
  std::int16_t newest_served;
  std::int16_t oldest_announced;  // produce is announced from 0: clients look for that
  std::int16_t newest_announced;
  std::int16_t flexible_from;

  bool served() const { return newest_served >= oldest_served; }
  bool serves(std::int16_t version) const {
    return version >= oldest_served && version <= newest_served;
  }
  /// Headers of requests have tagged fields from the first flexible version on; those of responses
  /// too, except for ApiVersions, which must be readable by clients of any age.
  bool flexible(std::int16_t version) const { return version >= flexible_from; }
};

/// Sorted by key.
std::span<const api_info> all_apis();

/// Null when the tables do not have it.
const api_info* find_api(std::int16_t key);

}  // namespace penstock::kafka
