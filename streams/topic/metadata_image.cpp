#include <algorithm>

#include <fmt/format.h>

#include "streams/topic/metadata.hpp"
#include "streams/topic/name.hpp"

namespace penstock {
namespace {

error refused(std::string what) {
  return error{errc::corrupt,
               "the metadata log contradicts itself: " + std::move(what) +
                   "; it was damaged, or two controllers wrote it: restore it from a copy"};
}

// A setting that a newer program wrote must not be ignored: the topic would behave otherwise.
result<topic_settings> settings_of(const std::string& topic, const topic_settings::values& from) {
  auto parsed = topic_settings::parse(from);
  if (parsed) return parsed;
  return {errc::unsupported_version,
          fmt::format("topic {} has a setting that this program does not accept ({}): reset it "
                      "with the program that set it, or use that",
                      topic, parsed.error().message())};
}

}  // namespace

result<void> metadata_image::apply(const metadata_record& fact) {
  return std::visit([this](const auto& one) { return add(one); }, fact);
}

result<void> metadata_image::apply(bytes_view key, std::optional<bytes_view> value) {
  if (!value) return {};
  PENSTOCK_ASSIGN(auto fact, decode_metadata(*value));
  if (std::holds_alternative<unknown_fact>(fact)) return {};
  if (metadata_key(fact) != key)
    return refused("a record's key is not that of the fact in its value");
  return apply(fact);
}

result<void> metadata_image::add(const topic_created& fact) {
  if (auto fine = check_topic_name(fact.name); !fine) return refused(fine.error().message());
  if (fact.partitions < 1 || fact.partitions > topic_partitions_max)
    return refused(fmt::format("topic {} has {} partitions", fact.name, fact.partitions));
  if (find_topic(fact.name)) return refused(fmt::format("topic {} is created twice", fact.name));
  if (names_.contains(fact.id))
    return refused(fmt::format("topics {} and {} have one id", fact.name, names_.at(fact.id)));
  PENSTOCK_ASSIGN(auto settings, settings_of(fact.name, fact.settings));
  topics_.emplace(fact.name,
                  topic_metadata{fact.id, fact.name, fact.partitions, std::move(settings)});
  names_.emplace(fact.id, fact.name);
  return {};
}

result<void> metadata_image::add(const partitions_added& fact) {
  auto* topic = with_id(fact.name, fact.id);
  if (!topic) return {};
  if (fact.partitions < topic->partitions || fact.partitions > topic_partitions_max)
    return refused(fmt::format("topic {} goes from {} to {} partitions", fact.name,
                               topic->partitions, fact.partitions));
  topic->partitions = fact.partitions;
  return {};
}

result<void> metadata_image::add(const topic_altered& fact) {
  auto* topic = with_id(fact.name, fact.id);
  if (!topic) return {};
  PENSTOCK_ASSIGN(topic->settings, settings_of(fact.name, fact.settings));
  return {};
}

result<void> metadata_image::add(const topic_deleted& fact) {
  if (!with_id(fact.name, fact.id)) return {};
  names_.erase(fact.id);
  topics_.erase(fact.name);
  return {};
}

result<void> metadata_image::add(const producer_ids_reserved& fact) {
  if (fact.next < next_producer_id_)
    return refused(fmt::format("producer ids go back from {} to {}", next_producer_id_, fact.next));
  next_producer_id_ = fact.next;
  return {};
}

result<void> metadata_image::add(const job_state_registered& fact) {
  job_states_.insert_or_assign({fact.topology, fact.step}, fact);
  return {};
}

result<void> metadata_image::add(const job_state_dropped& fact) {
  job_states_.erase({fact.topology, fact.step});
  return {};
}

result<void> metadata_image::add(const feature_level_set& fact) {
  if (fact.level > feature_level_max)
    return {errc::unsupported_version,
            fmt::format("the metadata log needs feature level {}, this program has {}: use a newer "
                        "one",
                        fact.level, feature_level_max)};
  if (fact.level < feature_level_)
    return refused(fmt::format("feature level {} follows {}", fact.level, feature_level_));
  feature_level_ = fact.level;
  return {};
}

result<void> metadata_image::add(const unknown_fact&) {
  return {};
}

const topic_metadata* metadata_image::find_topic(std::string_view name) const {
  auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

const topic_metadata* metadata_image::find_topic(const topic_id& id) const {
  auto found = names_.find(id);
  return found == names_.end() ? nullptr : find_topic(found->second);
}

topic_metadata* metadata_image::with_id(std::string_view name, const topic_id& id) {
  auto found = topics_.find(name);
  return found == topics_.end() || found->second.id != id ? nullptr : &found->second;
}

std::vector<job_state_registered> metadata_image::job_states(std::string_view topology) const {
  std::vector<job_state_registered> states;
  auto from = job_states_.lower_bound({std::string{topology}, {}});
  for (; from != job_states_.end() && from->first.first == topology; ++from)
    states.push_back(from->second);
  return states;
}

std::vector<metadata_record> metadata_image::facts() const {
  std::vector<metadata_record> all;
  all.push_back(feature_level_set{feature_level_});
  for (const auto& [name, topic] : topics_)
    all.push_back(
        topic_created{topic.id, name, topic.partitions, topic.settings.explicit_values()});
  for (const auto& [unused, state] : job_states_) all.push_back(state);
  if (next_producer_id_ > 0) all.push_back(producer_ids_reserved{next_producer_id_});
  return all;
}

}  // namespace penstock
