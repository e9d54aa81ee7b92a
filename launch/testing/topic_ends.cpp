#include "launch/testing/topic_ends.hpp"

#include <algorithm>

#include "streams/record/serde_text.hpp"

namespace penstock::testing {

namespace {

nlohmann::json shown(const std::optional<bytes>& raw, const rendering& as) {
  if (!raw) return nullptr;
  bytes text;
  as.to_json(*raw, text);
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  return parsed.is_discarded() ? nlohmann::json(text) : parsed;
}

}  // namespace

topic_ends::topic_ends(const plan& p) {
  for (const sub_topology& part : p.sub_topologies()) {
    for (const plan_source& one : part.sources) {
      if (!one.repartition && read(one.topic) == nullptr)
        read_.emplace_back(one.topic, one.formats);
    }
    for (const plan_sink& one : part.sinks) {
      if (!one.repartition && written(one.topic) == nullptr)
        written_.emplace_back(one.topic, one.formats);
    }
  }
  for (const plan_connector& one : p.connectors()) {
    for (auto& end : one.source ? read_ : written_) {
      if (end.topic == one.topic) end.step = one.name;
    }
  }
}

const topic_end* topic_ends::find(const std::vector<topic_end>& in, const std::string& name) {
  const auto found = std::find_if(in.begin(), in.end(), [&](const auto& one) {
    return one.topic == name || (!one.step.empty() && one.step == name);
  });
  return found == in.end() ? nullptr : &*found;
}

std::vector<std::string> topic_ends::names(const std::vector<topic_end>& of) {
  std::vector<std::string> all;
  for (const auto& one : of) all.push_back(one.step.empty() ? one.topic : one.step);
  return all;
}

nlohmann::json as_json(const std::optional<bytes>& raw) {
  static const rendering text{"text"};
  return shown(raw, text);
}

nlohmann::json as_json(const record& r, const topic_end& in) {
  nlohmann::json all;
  all["key"] = shown(r.key, in.key);
  all["value"] = shown(r.value, in.value);
  bytes time;
  encode_text(r.time, time);
  all["at"] = time;
  all["headers"] = nlohmann::json::object();
  for (const auto& one : r.headers) all["headers"][one.name] = as_json(one.value);
  return all;
}

}  // namespace penstock::testing
