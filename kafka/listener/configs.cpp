// Describe-configs, alter-configs, incremental-alter-configs, list-config-resources.
#include <algorithm>

#include "actors/messages/settings.hpp"
#include "kafka/listener/descriptions.hpp"
#include "streams/topic/foreign_settings.hpp"

namespace penstock::kafka {

namespace {

// Kafka's numbers: what a setting belongs to, what kind it is, and what an incremental change does
// with it.
enum resource : std::int8_t {
  of_topic = 2,
  of_broker = 4,
  of_broker_logger = 8,
  of_client_metrics = 16,
  of_group = 32
};
enum operation : std::int8_t { to_set = 0, to_delete = 1, to_append = 2, to_subtract = 3 };

std::int8_t type_number(setting_type type) {
  switch (type) {
    case setting_type::boolean:
      return 1;
    case setting_type::integer:
      return 3;
    case setting_type::byte_count:
    case setting_type::milliseconds:
      return 5;
    case setting_type::ratio:
      return 6;
    case setting_type::choices:
      return 7;
    case setting_type::choice:
    case setting_type::text:
      return 2;
  }
  return 0;
}

using described = describe_configs_response::describe_configs_result;
using asked_resource = describe_configs_request::describe_configs_resource;

bool wants(const asked_resource& asked, std::string_view name) {
  return !asked.configuration_keys || asked.configuration_keys->empty() ||
         std::find(asked.configuration_keys->begin(), asked.configuration_keys->end(), name) !=
             asked.configuration_keys->end();
}

// Kafka's name for what all topics have of a setting unless they say otherwise.
std::string name_for_all(std::string_view setting) {
  static const std::map<std::string_view, std::string_view> irregular{
      {"compression.type", "compression.type"},
      {"delete.retention.ms", "log.cleaner.delete.retention.ms"},
      {"flush.ms", "log.flush.interval.ms"},
      {"max.message.bytes", "message.max.bytes"},
      {"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"},
      {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"},
      {"segment.ms", "log.roll.ms"}};
  if (const auto at = irregular.find(setting); at != irregular.end())
    return std::string{at->second};
  return (setting.starts_with("penstock.") ? "" : "log.") + std::string{setting};
}

void describe_topic(described& to, const asked_resource& asked, wire::Topic::Reader topic,
                    const session& with, const describe_configs_request& in) {
  std::map<std::string_view, std::string_view> own;
  for (auto each : topic.getSettings()) own[view(each.getName())] = view(each.getValue());
  const auto& defaults = with.settings().topic_defaults;
  for (const auto& info : topic_setting_table()) {
    if (!wants(asked, info.name)) continue;
    auto& line = to.configs.emplace_back();
    line.name = std::string{info.name};
    line.config_type = type_number(info.type);
    if (in.include_documentation) line.documentation = std::string{info.doc};
    // The first that has a value wins; the others are its synonyms.
    if (auto at = own.find(info.name); at != own.end())
      line.synonyms.push_back({line.name, std::string{at->second}, set_for_topic});
    if (auto at = defaults.find(info.name); at != defaults.end())
      line.synonyms.push_back({name_for_all(info.name), at->second, set_in_file});
    line.synonyms.push_back({name_for_all(info.name), std::string{info.default_value}, by_default});
    line.value = line.synonyms.front().value;
    line.config_source = line.synonyms.front().source;
    if (!in.include_synonyms) line.synonyms.clear();
  }
}

void describe_broker(described& to, const asked_resource& asked, const session& with,
                     const describe_configs_request& in) {
  for (const auto& each : with.settings().broker) {
    if (!wants(asked, each.name)) continue;
    auto& line = to.configs.emplace_back();
    line.name = each.name;
    line.value = each.value;
    line.read_only = true;
    line.config_source = each.is_default ? by_default : set_in_file;
    line.config_type = 2;
    if (in.include_documentation)
      line.documentation = "Kafka's setting of this name, as the node was started with it.";
    if (in.include_synonyms) line.synonyms.push_back({each.name, each.value, line.config_source});
  }
}

// The broker of this name: the node itself, or (empty) what all brokers have in common.
bool is_this_node(const session& with, const std::string& name) {
  return name.empty() || name == std::to_string(with.settings().node_id);
}

template <class Answer>
void refuse(Answer& to, error_code code, std::string words) {
  to.error_code = number(code);
  to.error_message = std::move(words);
}

std::vector<std::string> topics_among(const auto& resources) {
  std::vector<std::string> names;
  for (const auto& each : resources)
    if (each.resource_type == of_topic) names.push_back(each.resource_name);
  return names;
}

// With the topics that are named, if any.
void with_topics(session& with, const std::vector<std::string>& names,
                 std::function<void(const topics_reply&)> then) {
  if (names.empty()) return then(topics_reply{});
  with.ask<topics_reply>(topics_named(names), std::move(then));
}

}  // namespace

void serve(session& with, exchange_ptr<describe_configs_request> x) {
  with_topics(with, topics_among(x->in.resources), [&with, x](const topics_reply& found) {
    describe_configs_response out;
    auto from = found.open();
    for (const auto& asked : x->in.resources) {
      auto& to = out.results.emplace_back();
      to.resource_type = asked.resource_type;
      to.resource_name = asked.resource_name;
      if (asked.resource_type == of_topic) {
        refuse(to, error_code::unknown_topic_or_partition, "the topic does not exist");
        for (auto topic : from->getTopics()) {
          if (view(topic.getName()) != asked.resource_name) continue;
          to.error_code = 0;
          to.error_message.reset();
          describe_topic(to, asked, topic, with, x->in);
        }
      } else if (asked.resource_type == of_broker && is_this_node(with, asked.resource_name)) {
        if (!asked.resource_name.empty()) describe_broker(to, asked, with, x->in);
      } else if (asked.resource_type != of_broker_logger) {
        refuse(to, error_code::invalid_request,
               "there is no resource of this type and name: topics (2) and this node (4) have "
               "settings");
      }
    }
    x->answer(out);
  });
}

// --- changes

namespace {

// What is to become of one topic.
struct change {
  topic_settings::values set;
  std::vector<std::string> reset;
};

result<void> check(const change& what) {
  topic_settings checked;
  for (const auto& [name, value] : what.set) PENSTOCK_TRY(checked.set(name, value));
  for (const auto& name : what.reset) PENSTOCK_TRY(checked.reset(name));
  return {};
}

template <class Request>
struct altering {
  exchange_ptr<Request> x;
  typename Request::response out;
};

template <class Work>
void alter_topic(session& with, const std::shared_ptr<Work>& work,
                 const std::shared_ptr<gathering>& all, std::size_t at, const change& what) {
  const auto& name = work->x->in.resources[at].resource_name;
  if (auto fine = check(what); !fine || work->x->in.validate_only) {
    if (!fine) refuse(work->out.responses[at], error_code::invalid_config, words_of(fine.error()));
    return;
  }
  all->expect();
  auto request = alter_topic_request::make(
      name.size() + what.set.size() * 128, [&](wire::AlterTopicRequest::Builder out) {
        out.setName(text_of(name));
        out.setPartitions(-1);
        write_settings(out.initSet(static_cast<unsigned>(what.set.size())), what.set);
        auto list = out.initReset(static_cast<unsigned>(what.reset.size()));
        for (unsigned i = 0; i < what.reset.size(); ++i) list.set(i, text_of(what.reset[i]));
      });
  with.ask<admin_reply>(request, [work, all, at](const admin_reply& reply) {
    if (auto why = error_of(reply.open()->getFailure()))
      refuse(work->out.responses[at], code_of(why.code()), words_of(why));
    all->arrived();
  });
}

// Refuses what has no settings that could be changed; true: it is a topic.
template <class Work>
bool begin_answer(Work& work, std::size_t at) {
  const auto& asked = work.x->in.resources[at];
  auto& to = work.out.responses[at];
  to.resource_type = asked.resource_type;
  to.resource_name = asked.resource_name;
  if (asked.resource_type == of_topic) return true;
  if (asked.configs.empty()) return false;
  refuse(
      to,
      asked.resource_type == of_broker ? error_code::invalid_config : error_code::invalid_request,
      "only settings of topics can be changed while the node runs: change the file it was "
      "started with, and restart it");
  return false;
}

// "a,b" with a word more or less.
std::string changed_list(std::string_view list, std::string_view words, bool add) {
  const auto split = [](std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
      const auto comma = std::min(text.find(','), text.size());
      if (comma > 0) parts.emplace_back(text.substr(0, comma));
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
  };
  auto have = split(list);
  for (const auto& word : split(words)) {
    std::erase(have, word);
    if (add) have.push_back(word);
  }
  std::string joined;
  for (const auto& each : have) joined += (joined.empty() ? "" : ",") + each;
  return joined;
}

std::string value_now(const session& with, wire::Topic::Reader topic, const std::string& name) {
  for (auto each : topic.getSettings())
    if (view(each.getName()) == name) return std::string{view(each.getValue())};
  const auto& defaults = with.settings().topic_defaults;
  if (auto at = defaults.find(name); at != defaults.end()) return at->second;
  for (const auto& info : topic_setting_table())
    if (info.name == name) return std::string{info.default_value};
  return {};
}

result<change> change_of(const session& with, wire::Topic::Reader topic,
                         const incremental_alter_configs_request::alter_configs_resource& asked) {
  change what;
  for (const auto& each : asked.configs) {
    const auto name = each.name;
    if (is_foreign_setting(name)) continue;
    if (each.config_operation == to_delete) {
      what.reset.push_back(name);
      continue;
    }
    if (!each.value) return error{errc::invalid_setting, "setting " + name + " has a null value"};
    if (each.config_operation == to_set) {
      what.set[name] = *each.value;
      continue;
    }
    const auto table = topic_setting_table();
    const bool is_list = std::any_of(table.begin(), table.end(), [&](const setting_info& info) {
      return info.name == name && info.type == setting_type::choices;
    });
    if (!is_list || each.config_operation > to_subtract || each.config_operation < 0)
      return error{errc::invalid_setting, "setting " + name + " is no list: it can only be set"};
    what.set[name] =
        changed_list(value_now(with, topic, name), *each.value, each.config_operation == to_append);
  }
  return what;
}

// Everything that is given is set, everything else goes back to its default.
result<change> change_of(const session&, wire::Topic::Reader topic,
                         const alter_configs_request::alter_configs_resource& asked) {
  change what;
  for (const auto& each : asked.configs)
    if (each.value && !is_foreign_setting(each.name)) what.set[each.name] = *each.value;
  for (auto each : topic.getSettings())
    if (std::string name{view(each.getName())};
        !what.set.contains(name) && !name.starts_with("penstock."))  // unknown to the clients
      what.reset.push_back(std::move(name));
  return what;
}

template <class Request>
void alter(session& with, exchange_ptr<Request> x) {
  with_topics(with, topics_among(x->in.resources), [&with, x](const topics_reply& found) {
    auto work = std::make_shared<altering<Request>>();
    work->x = x;
    work->out.responses.resize(x->in.resources.size());
    auto all = gather([work] { work->x->answer(work->out); });
    auto from = found.open();
    for (std::size_t at = 0; at < x->in.resources.size(); ++at) {
      if (!begin_answer(*work, at)) continue;
      const auto& asked = x->in.resources[at];
      result<change> what{errc::unknown_topic, "the topic does not exist"};
      for (auto topic : from->getTopics())
        if (view(topic.getName()) == asked.resource_name) what = change_of(with, topic, asked);
      if (what) {
        alter_topic(with, work, all, at, *what);
      } else {
        refuse(work->out.responses[at], code_of(what.error().code()), words_of(what.error()));
      }
    }
    all->arrived();
  });
}

}  // namespace

void serve(session& with, exchange_ptr<alter_configs_request> x) {
  alter(with, std::move(x));
}

void serve(session& with, exchange_ptr<incremental_alter_configs_request> x) {
  alter(with, std::move(x));
}

// --- what has settings

namespace {

// Of groups and of metrics there are none that could be set.
bool has_settings(std::int8_t type) {
  return type == of_topic || type == of_broker || type == of_broker_logger ||
         type == of_client_metrics || type == of_group;
}

}  // namespace

void serve(session& with, exchange_ptr<list_config_resources_request> x) {
  // The first version asks for metrics alone; afterwards no types mean all.
  auto types = x->in.resource_types;
  if (x->version() == 0) {
    types = {of_client_metrics};
  } else if (types.empty()) {
    types = {of_topic, of_broker, of_broker_logger, of_client_metrics, of_group};
  }
  auto out = std::make_shared<list_config_resources_response>();
  if (!std::all_of(types.begin(), types.end(), has_settings)) {
    out->error_code = number(error_code::unsupported_version);
    return x->answer(*out);
  }
  const auto asked = [&](resource type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  for (const auto type : {of_broker, of_broker_logger})
    if (asked(type))
      out->config_resources.push_back({std::to_string(with.settings().node_id), type});
  if (!asked(of_topic)) return x->answer(*out);
  with.ask<topics_reply>(topics_named({}), [x, out](const topics_reply& found) {
    auto in = found.open();
    for (auto topic : in->getTopics())
      out->config_resources.push_back({std::string{view(topic.getName())}, of_topic});
    x->answer(*out);
  });
}

}  // namespace penstock::kafka
