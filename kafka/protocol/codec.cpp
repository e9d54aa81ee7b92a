#include "kafka/protocol/codec.hpp"

#include <algorithm>
#include <cstring>

#include "kafka/protocol/apis.hpp"

namespace penstock::kafka {

uuid uuid::of(bytes_view from) {
  uuid made;
  if (from.size() == made.bytes.size()) std::memcpy(made.bytes.data(), from.data(), from.size());
  return made;
}

const api_info* find_api(std::int16_t key) {
  const auto rows = all_apis();
  const auto at = std::lower_bound(rows.begin(), rows.end(), key,
                                   [](const api_info& row, std::int16_t k) { return row.key < k; });
  return at != rows.end() && at->key == key ? &*at : nullptr;
}

}  // namespace penstock::kafka
