#include "dsl/topology.hpp"

namespace penstock {

topology::topology(std::string name) : graph_(std::make_shared<detail::graph>()) {
  graph_->name = std::move(name);
}

template <class K, class V>
stream<K, V> topology::from_connector(std::string name, std::string verb,
                                      source_connector connector) {
  const topic<K, V> in{source_topic(graph_->name, name), format::text};
  step s;
  s.name = std::move(name);
  s.topic = in.name();
  s.kind = step_kind::source;
  s.verb = std::move(verb);
  s.formats = {in.key_formatting().name(), in.value_formatting().name()};
  s.reads_from = std::make_shared<const source_connector>(std::move(connector));
  s.make = [key = in.key_formatting(),
            value = in.value_formatting()](task_context& task) -> std::unique_ptr<operator_base> {
    return std::make_unique<detail::topic_source<K, V>>(task, key, value);
  };
  return stream<K, V>{add_source(std::move(s), typeid(topic<K, V>))};
}

stream<no_key, std::string> topology::lines(std::string name, lines_from from) {
  lines_source what;
  what.path = std::move(from.path);
  what.partitions = from.partitions;
  what.line_bytes_max = from.line_bytes_max;
  what.multiline = std::move(from.multiline);
  return from_connector<no_key, std::string>(std::move(name), "lines", {std::move(what)});
}

stream<std::string, std::string> topology::tail(std::string name, std::string glob,
                                                tail_options options) {
  tail_source what;
  what.glob = std::move(glob);
  what.from_head = options.from_head;
  what.partitions = options.partitions;
  what.line_bytes_max = options.line_bytes_max;
  what.multiline = std::move(options.multiline);
  what.poll = options.poll;
  what.forget_after = options.forget_after;
  return from_connector<std::string, std::string>(std::move(name), "tail", {std::move(what)});
}

stream<std::string, std::string> topology::syslog(std::string name, std::string address,
                                                  syslog_options options) {
  syslog_source what;
  what.address = std::move(address);
  what.partitions = options.partitions;
  what.message_bytes_max = options.message_bytes_max;
  what.connections_max = options.connections_max;
  what.multiline = std::move(options.multiline);
  return from_connector<std::string, std::string>(std::move(name), "syslog", {std::move(what)});
}

stream<no_key, std::string> topology::http_in(std::string name, std::string address,
                                              http_options options) {
  http_source what;
  what.address = std::move(address);
  what.partitions = options.partitions;
  what.body_bytes_max = options.body_bytes_max;
  what.line_bytes_max = options.line_bytes_max;
  what.connections_max = options.connections_max;
  what.request_timeout = options.request_timeout;
  what.multiline = std::move(options.multiline);
  return from_connector<no_key, std::string>(std::move(name), "http_in", {std::move(what)});
}

void topology::on_bad_record(stop_t) {
  graph_->on_bad = {bad_record_policy::action::stop, {}};
}

void topology::on_bad_record(skip_t) {
  graph_->on_bad = {bad_record_policy::action::skip, {}};
}

void topology::on_bad_record(dead_letter where) {
  graph_->on_bad = {bad_record_policy::action::dead_letter, std::move(where.topic)};
}

plan topology::plan(plan_options options) const {
  return {graph_->name, graph_->steps, graph_->on_bad, options, graph_->problems};
}

std::string topology::describe(describe_format as) const {
  return plan().describe(as);
}

std::optional<step_id> topology::known_source(const std::string& topic,
                                              const topic_formats& formats,
                                              std::type_index type) const {
  for (const auto& [id, known] : graph_->sources) {
    const step& s = graph_->steps[static_cast<std::size_t>(id)];
    if (s.topic == topic && s.formats == formats && known == type) return id;
  }
  return std::nullopt;
}

detail::graph_end topology::add_source(step s, std::type_index type) {
  const step_id id = graph_->add(std::move(s));
  graph_->sources.emplace_back(id, type);
  return {graph_, id};
}

}  // namespace penstock
