// Create-topics, delete-topics, create-partitions.
#include <algorithm>

#include "actors/messages/settings.hpp"
#include "kafka/listener/descriptions.hpp"
#include "streams/topic/foreign_settings.hpp"
#include "streams/topic/metadata.hpp"
#include "streams/topic/name.hpp"

namespace penstock::kafka {

namespace {

using wanted_topic = create_topics_request::creatable_topic;
using created_topic = create_topics_response::creatable_topic_result;

struct refusal {
  error_code code = error_code::none;
  std::string words;
};

// What a node alone can say of replicas: there is one, and it is this one.
refusal check_replicas(const wanted_topic& wanted, std::int32_t node) {
  if (wanted.assignments.empty()) {
    if (wanted.replication_factor == -1 || wanted.replication_factor == 1) return {};
    return {error_code::invalid_replication_factor,
            "Replication factor " + std::to_string(wanted.replication_factor) +
                " cannot be met: there is one node, give 1 or -1"};
  }
  if (wanted.num_partitions != -1 || wanted.replication_factor != -1)
    return {error_code::invalid_request,
            "with replica assignments both partitions and replication factor must be -1"};
  std::set<std::int32_t> indexes;
  for (const auto& each : wanted.assignments) {
    if (each.broker_ids.size() != 1 || each.broker_ids[0] != node)
      return {error_code::invalid_replica_assignment,
              "every partition must be assigned to node " + std::to_string(node) + " alone"};
    indexes.insert(each.partition_index);
  }
  const auto count = static_cast<std::int32_t>(wanted.assignments.size());
  if (indexes.size() != wanted.assignments.size() || *indexes.begin() != 0 ||
      *indexes.rbegin() != count - 1)
    return {error_code::invalid_replica_assignment, "partitions must be numbered from 0 on"};
  return {};
}

created_topic refused(const std::string& name, error_code code, std::string words) {
  created_topic out;
  out.name = name;
  out.error_code = number(code);
  out.error_message = std::move(words);
  out.topic_config_error_code = 0;
  return out;
}

result<topic_settings> settings_of(const wanted_topic& wanted) {
  topic_settings settings;
  for (const auto& each : wanted.configs) {
    if (is_foreign_setting(each.name)) continue;  // it has no effect, here and on one node of Kafka
    if (!each.value)
      return error{errc::invalid_setting, "setting " + each.name + " has a null value"};
    PENSTOCK_TRY(settings.set(each.name, *each.value));
  }
  return settings;
}

// The partition count is wrong, not the request as a whole.
error_code creation_code(const error& why) {
  if (why == errc::invalid_argument) return error_code::invalid_partitions;
  if (why == errc::overloaded || why == errc::closed) return error_code::request_timed_out;
  return code_of(why.code());
}

void fill_settings(created_topic& to, const topic_settings::values& own,
                   const topic_settings::values& of_node) {
  to.replication_factor = 1;
  auto& configs = to.configs.emplace();
  for (const auto& info : topic_setting_table()) {
    auto& line = configs.emplace_back();
    line.name = std::string{info.name};
    if (const auto at = own.find(line.name); at != own.end()) {
      line.value = at->second;
      line.config_source = set_for_topic;
    } else if (const auto file = of_node.find(line.name); file != of_node.end()) {
      line.value = file->second;
      line.config_source = set_in_file;
    } else {
      line.value = std::string{info.default_value};
      line.config_source = by_default;
    }
  }
}

struct creating {
  exchange_ptr<create_topics_request> x;
  create_topics_response out;
};

// What the controller would say, without asking it to do anything.
void check_one(session& with, const std::shared_ptr<creating>& work,
               const std::shared_ptr<gathering>& all, std::size_t at, std::int32_t partitions) {
  const auto& name = work->x->in.topics[at].name;
  auto& to = work->out.topics[at];
  if (auto fine = check_topic_name(name); !fine) {
    to = refused(name, error_code::invalid_topic_exception, words_of(fine.error()));
    return;
  }
  if (partitions != -1 && (partitions < 1 || partitions > topic_partitions_max)) {
    to = refused(name, error_code::invalid_partitions, "the number of partitions is not possible");
    return;
  }
  all->expect();
  with.ask<topics_reply>(topics_named({name}), [work, all, at](const topics_reply& found) {
    if (found.open()->getTopics().size() > 0)
      work->out.topics[at] = refused(work->x->in.topics[at].name, error_code::topic_already_exists,
                                     "the topic exists already");
    all->arrived();
  });
}

void create_one(session& with, const std::shared_ptr<creating>& work,
                const std::shared_ptr<gathering>& all, std::size_t at) {
  const auto& wanted = work->x->in.topics[at];
  auto& to = work->out.topics[at];
  to.name = wanted.name;
  if (auto no = check_replicas(wanted, with.settings().node_id); no.code != error_code::none) {
    to = refused(wanted.name, no.code, std::move(no.words));
    return;
  }
  auto settings = settings_of(wanted);
  if (!settings) {
    to = refused(wanted.name, error_code::invalid_config, words_of(settings.error()));
    return;
  }
  const auto partitions = wanted.assignments.empty()
                              ? wanted.num_partitions
                              : static_cast<std::int32_t>(wanted.assignments.size());
  const auto& values = settings->explicit_values();
  to.num_partitions = partitions;
  fill_settings(to, values, with.settings().topic_defaults);
  if (work->x->in.validate_only) return check_one(with, work, all, at, partitions);
  all->expect();
  auto request = create_topic_request::make(
      wanted.name.size() + values.size() * 128, [&](wire::CreateTopicRequest::Builder out) {
        out.setName(text_of(wanted.name));
        out.setPartitions(partitions);
        write_settings(out.initSettings(static_cast<unsigned>(values.size())), values);
      });
  with.ask<admin_reply>(request, [&with, work, all, at](const admin_reply& reply) {
    const auto& name = work->x->in.topics[at].name;
    if (auto why = error_of(reply.open()->getFailure())) {
      work->out.topics[at] = refused(name, creation_code(why), words_of(why));
      return all->arrived();
    }
    with.ask<topics_reply>(topics_named({name}), [work, all, at](const topics_reply& found) {
      auto in = found.open();
      if (in->getTopics().size() == 1) {
        auto& made = work->out.topics[at];
        made.topic_id = id_of(in->getTopics()[0]);
        made.num_partitions = static_cast<std::int32_t>(in->getTopics()[0].getPartitions().size());
      }
      all->arrived();
    });
  });
}

}  // namespace

void serve(session& with, exchange_ptr<create_topics_request> x) {
  auto work = std::make_shared<creating>();
  work->x = x;
  work->out.topics.resize(x->in.topics.size());
  std::map<std::string_view, int> times;
  for (const auto& each : x->in.topics) ++times[each.name];
  auto all = gather([work] { work->x->answer(work->out); });
  for (std::size_t at = 0; at < x->in.topics.size(); ++at) {
    if (times[x->in.topics[at].name] > 1) {
      work->out.topics[at] = refused(x->in.topics[at].name, error_code::invalid_request,
                                     "the request names this topic more than once");
      continue;
    }
    create_one(with, work, all, at);
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<delete_topics_request> x) {
  struct asked {
    std::optional<std::string> name;
    uuid id;
  };
  auto wanted = std::make_shared<std::vector<asked>>();
  for (const auto& name : x->in.topic_names) wanted->push_back({name, {}});
  for (const auto& each : x->in.topics) wanted->push_back({each.name, each.topic_id});
  std::vector<std::string> names;
  std::vector<uuid> ids;
  for (const auto& each : *wanted) each.name ? names.push_back(*each.name) : ids.push_back(each.id);
  if (wanted->empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names, ids), [&with, x, wanted](const topics_reply& found) {
    auto out = std::make_shared<delete_topics_response>();
    auto all = gather([x, out] { x->answer(*out); });
    auto in = found.open();
    out->responses.resize(wanted->size());
    for (std::size_t at = 0; at < wanted->size(); ++at) {
      const auto& each = (*wanted)[at];
      auto& to = out->responses[at];
      to.name = each.name;
      to.topic_id = each.id;
      bool there = false;
      for (auto topic : in->getTopics()) {
        if (each.name ? view(topic.getName()) != *each.name : id_of(topic) != each.id) continue;
        there = true;
        to.name = std::string{view(topic.getName())};
        to.topic_id = id_of(topic);
      }
      if (!there) {
        to.error_code = number(each.name ? error_code::unknown_topic_or_partition
                                         : error_code::unknown_topic_id);
        continue;
      }
      if (to.name->starts_with("__")) {
        to.error_code = number(error_code::invalid_topic_exception);
        to.error_message = "internal topics are not deleted";
        continue;
      }
      if (!with.settings().delete_topics) {
        to.error_code = number(error_code::topic_deletion_disabled);
        to.error_message = "delete.topic.enable is false";
        continue;
      }
      all->expect();
      with.ask<admin_reply>(
          delete_topic_request::make(to.name->size(),
                                     [&](wire::DeleteTopicRequest::Builder to_wire) {
                                       to_wire.setName(text_of(*to.name));
                                     }),
          [out, all, at](const admin_reply& reply) {
            if (auto why = error_of(reply.open()->getFailure())) {
              out->responses[at].error_code = number(creation_code(why));
              out->responses[at].error_message = words_of(why);
            }
            all->arrived();
          });
    }
    all->arrived();
  });
}

namespace {

refusal check_count(const create_partitions_request::create_partitions_topic& wanted,
                    wire::Topic::Reader topic, std::int32_t node) {
  const auto now = static_cast<std::int32_t>(topic.getPartitions().size());
  if (wanted.count <= now)
    return {error_code::invalid_partitions,
            "Topic already has " + std::to_string(now) + " partitions; only more can be asked for"};
  if (!wanted.assignments) return {};
  if (wanted.assignments->size() != static_cast<std::size_t>(wanted.count - now))
    return {error_code::invalid_replica_assignment,
            "there must be one assignment for each new partition"};
  for (const auto& each : *wanted.assignments)
    if (each.broker_ids != std::vector<std::int32_t>{node})
      return {error_code::invalid_replica_assignment,
              "every partition must be assigned to node " + std::to_string(node) + " alone"};
  return {};
}

}  // namespace

void serve(session& with, exchange_ptr<create_partitions_request> x) {
  std::vector<std::string> names;
  for (const auto& each : x->in.topics) names.push_back(each.name);
  if (names.empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names), [&with, x](const topics_reply& found) {
    auto out = std::make_shared<create_partitions_response>();
    auto all = gather([x, out] { x->answer(*out); });
    auto in = found.open();
    out->results.resize(x->in.topics.size());
    for (std::size_t at = 0; at < x->in.topics.size(); ++at) {
      const auto& wanted = x->in.topics[at];
      auto& to = out->results[at];
      to.name = wanted.name;
      refusal no{error_code::unknown_topic_or_partition, "the topic does not exist"};
      for (auto topic : in->getTopics())
        if (view(topic.getName()) == wanted.name)
          no = check_count(wanted, topic, with.settings().node_id);
      if (no.code != error_code::none) {
        to.error_code = number(no.code);
        to.error_message = no.words;
        continue;
      }
      if (x->in.validate_only) continue;
      all->expect();
      auto request = alter_topic_request::make(wanted.name.size(),
                                               [&](wire::AlterTopicRequest::Builder to_wire) {
                                                 to_wire.setName(text_of(wanted.name));
                                                 to_wire.setPartitions(wanted.count);
                                               });
      with.ask<admin_reply>(request, [out, all, at](const admin_reply& reply) {
        if (auto why = error_of(reply.open()->getFailure())) {
          out->results[at].error_code = number(creation_code(why));
          out->results[at].error_message = words_of(why);
        }
        all->arrived();
      });
    }
    all->arrived();
  });
}

}  // namespace penstock::kafka
