// Api-versions, metadata, find-coordinator, describe-cluster, describe-log-dirs.
#include <algorithm>

#include "kafka/listener/descriptions.hpp"
#include "kafka/listener/session.hpp"
#include "streams/topic/name.hpp"

namespace penstock::kafka {

namespace {

// As `topic_operations`.
constexpr std::int32_t cluster_operations = 0x1FA0;

topics_reply empty_topics() {
  return topics_reply{};
}

}  // namespace

topics_request topics_named(const std::vector<std::string>& names, bool with_partitions) {
  std::size_t size = 0;
  for (const auto& each : names) size += each.size() + 16;
  return topics_request::make(size, [&](wire::TopicsRequest::Builder out) {
    auto list = out.initNames(static_cast<unsigned>(names.size()));
    for (unsigned i = 0; i < names.size(); ++i) list.set(i, text_of(names[i]));
    out.setWithPartitions(with_partitions);
  });
}

topics_request topics_named(const std::vector<std::string>& names, const std::vector<uuid>& ids) {
  std::size_t size = ids.size() * 32;
  for (const auto& each : names) size += each.size() + 16;
  return topics_request::make(size, [&](wire::TopicsRequest::Builder out) {
    auto texts = out.initNames(static_cast<unsigned>(names.size()));
    for (unsigned i = 0; i < names.size(); ++i) texts.set(i, text_of(names[i]));
    auto list = out.initIds(static_cast<unsigned>(ids.size()));
    for (unsigned i = 0; i < ids.size(); ++i) list.set(i, data_of(ids[i].view()));
  });
}

void serve(session&, exchange_ptr<api_versions_request> x) {
  api_versions_response out;
  for (const auto& row : all_apis())
    if (row.served()) out.api_keys.push_back({row.key, row.oldest_announced, row.newest_announced});
  x->answer(out);
}

// --- metadata

namespace {

struct looking_up {
  session* with;
  exchange_ptr<metadata_request> x;
  bool all = false;
  bool create = false;
  std::vector<std::string> names;  // asked for by name, in order
  std::vector<uuid> ids;           // asked for by id
};
using lookup_ptr = std::shared_ptr<looking_up>;

metadata_response::metadata_response_topic describe(const looking_up& what,
                                                    wire::Topic::Reader from) {
  const auto node = what.with->settings().node_id;
  metadata_response::metadata_response_topic out;
  describe_topic(from, out);
  if (what.x->in.include_topic_authorized_operations)
    out.topic_authorized_operations = topic_operations;
  for (auto each : from.getPartitions())
    describe_partition(each, node, out.partitions.emplace_back());
  return out;
}

metadata_response::metadata_response_topic missing(std::optional<std::string> name, const uuid& id,
                                                   error_code why) {
  metadata_response::metadata_response_topic out;
  out.name = std::move(name);
  out.topic_id = id;
  out.error_code = number(why);
  return out;
}

// What is said of a topic that is not there, and is not made.
error_code code_without(const std::string& name) {
  return check_topic_name(name) ? error_code::unknown_topic_or_partition
                                : error_code::invalid_topic_exception;
}

void answer(const lookup_ptr& what, const topics_reply& reply,
            const std::map<std::string, error_code>& refused) {
  const auto& settings = what->with->settings();
  metadata_response out;
  out.brokers.push_back({settings.node_id, settings.host, settings.port, std::nullopt});
  out.cluster_id = settings.cluster_id;
  out.controller_id = settings.node_id;
  if (what->x->in.include_cluster_authorized_operations)
    out.cluster_authorized_operations = cluster_operations;
  auto in = reply.open();
  std::map<std::string_view, unsigned> by_name;
  std::map<uuid, unsigned> by_id;
  auto topics = in->getTopics();
  for (unsigned i = 0; i < topics.size(); ++i) {
    if (what->all) {
      out.topics.push_back(describe(*what, topics[i]));
      continue;
    }
    by_name[view(topics[i].getName())] = i;
    by_id[id_of(topics[i])] = i;
  }
  for (const auto& name : what->names) {
    auto found = by_name.find(name);
    auto why = refused.find(name);
    out.topics.push_back(
        found != by_name.end()
            ? describe(*what, topics[found->second])
            : missing(name, {}, why == refused.end() ? code_without(name) : why->second));
  }
  for (const auto& id : what->ids) {
    auto found = by_id.find(id);
    out.topics.push_back(found != by_id.end()
                             ? describe(*what, topics[found->second])
                             : missing(std::nullopt, id, error_code::unknown_topic_id));
  }
  what->x->answer(out);
}

// Makes the topics that are not there. As from Kafka, this answer still says that they are unknown,
// and clients ask again: one that has just deleted a topic must not hear that it is there.
void create_missing(const lookup_ptr& what, const topics_reply& found) {
  std::set<std::string> absent{what->names.begin(), what->names.end()};
  auto there = found.open();
  for (auto each : there->getTopics()) absent.erase(std::string{view(each.getName())});
  if (absent.empty()) return answer(what, found, {});
  auto refused = std::make_shared<std::map<std::string, error_code>>();
  auto all = gather([what, found, refused] { answer(what, found, *refused); });
  for (const auto& name : absent) {
    all->expect();
    what->with->ask<admin_reply>(
        create_topic_request::make(name.size(),
                                   [&](wire::CreateTopicRequest::Builder out) {
                                     out.setName(text_of(name));
                                     out.setPartitions(-1);
                                   }),
        [all, refused, name](const admin_reply& reply) {
          if (auto why = error_of(reply.open()->getFailure());
              why && why.code() != errc::topic_exists)
            (*refused)[name] = code_of(why.code());
          all->arrived();
        });
  }
  all->arrived();
}

}  // namespace

void serve(session& with, exchange_ptr<metadata_request> x) {
  auto what = std::make_shared<looking_up>();
  what->with = &with;
  what->x = x;
  // Version 0 has no null: there, none means all.
  what->all = !x->in.topics || (x->version() == 0 && x->in.topics->empty());
  if (!what->all) {
    for (const auto& each : *x->in.topics) {
      if (each.name) {
        what->names.push_back(*each.name);
      } else {
        what->ids.push_back(each.topic_id);
      }
    }
    if (what->names.empty() && what->ids.empty()) return answer(what, empty_topics(), {});
  }
  const bool create =
      with.settings().auto_create_topics && (x->version() < 4 || x->in.allow_auto_topic_creation);
  with.ask<topics_reply>(topics_named(what->names, what->ids),
                         [what, create](const topics_reply& reply) {
                           if (create && !what->names.empty() && what->ids.empty()) {
                             create_missing(what, reply);
                           } else {
                             answer(what, reply, {});
                           }
                         });
}

// --- the rest

void serve(session& with, exchange_ptr<find_coordinator_request> x) {
  const auto& settings = with.settings();
  find_coordinator_response out;
  const bool known_type = x->in.key_type == 0 || x->in.key_type == 1;
  const auto wrong = number(known_type ? error_code::none : error_code::invalid_request);
  const auto words = known_type ? std::nullopt : std::optional<std::string>{"unknown key type"};
  if (x->version() >= 4) {
    for (const auto& key : x->in.coordinator_keys)
      out.coordinators.push_back({key, known_type ? settings.node_id : -1,
                                  known_type ? settings.host : "", known_type ? settings.port : -1,
                                  wrong, words});
  } else {
    out.error_code = wrong;
    out.error_message = words.value_or("NONE");
    out.node_id = settings.node_id;
    out.host = settings.host;
    out.port = settings.port;
  }
  x->answer(out);
}

void serve(session& with, exchange_ptr<describe_cluster_request> x) {
  const auto& settings = with.settings();
  describe_cluster_response out;
  out.endpoint_type = x->in.endpoint_type;
  if (x->in.endpoint_type != 1) {
    constexpr std::int16_t unsupported_endpoint_type = 115;
    out.error_code = unsupported_endpoint_type;
    out.error_message = "only the brokers' addresses are known here";
    return x->answer(out);
  }
  out.cluster_id = settings.cluster_id;
  out.controller_id = settings.node_id;
  out.brokers.push_back({settings.node_id, settings.host, settings.port, std::nullopt, false});
  if (x->in.include_cluster_authorized_operations)
    out.cluster_authorized_operations = cluster_operations;
  x->answer(out);
}

void serve(session& with, exchange_ptr<describe_log_dirs_request> x) {
  std::vector<std::string> names;
  if (x->in.topics)
    for (const auto& each : *x->in.topics) names.push_back(each.topic);
  auto answer = [x, directory = with.settings().directory](const topics_reply& reply) {
    auto in = reply.open();
    describe_log_dirs_response out;
    auto& result = out.results.emplace_back();
    result.log_dir = directory;
    result.error_code = number_of(error_of(in->getFailure()));
    for (auto topic : in->getTopics()) {
      describe_log_dirs_response::describe_log_dirs_topic to;
      to.name = std::string{view(topic.getName())};
      const describe_log_dirs_request::describable_log_dir_topic* only = nullptr;
      if (x->in.topics)
        for (const auto& each : *x->in.topics)
          if (each.topic == to.name) only = &each;
      for (auto part : topic.getPartitions()) {
        if (only != nullptr && std::find(only->partitions.begin(), only->partitions.end(),
                                         part.getIndex()) == only->partitions.end())
          continue;
        to.partitions.push_back(
            {part.getIndex(), static_cast<std::int64_t>(part.getBytes()), 0, false});
      }
      result.topics.push_back(std::move(to));
    }
    x->answer(out);
  };
  if (x->in.topics && names.empty()) return answer(empty_topics());
  with.ask<topics_reply>(topics_named(names, true), answer);
}

}  // namespace penstock::kafka
