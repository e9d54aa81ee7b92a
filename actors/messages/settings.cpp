#include "actors/messages/settings.hpp"

#include <string>
#include <utility>
#include <vector>

namespace penstock {

result<topic_settings> parse_settings(capnp::List<wire::Setting>::Reader from) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(from.size());
  for (auto each : from) pairs.emplace_back(view(each.getName()), view(each.getValue()));
  return topic_settings::parse(pairs);
}

void write_settings(capnp::List<wire::Setting>::Builder to, const topic_settings::values& from) {
  unsigned i = 0;
  for (const auto& [name, value] : from) {
    to[i].setName(text_of(name));
    to[i].setValue(text_of(value));
    ++i;
  }
}

}  // namespace penstock
