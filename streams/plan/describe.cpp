#include <fmt/format.h>

#include <algorithm>

#include "streams/plan/connector.hpp"
#include "streams/plan/layout.hpp"
#include "streams/record/serde_json.hpp"

namespace penstock {

namespace {

using detail::index_of;

std::string policy_words(const bad_record_policy& on_bad) {
  switch (on_bad.what) {
    case bad_record_policy::action::skip:
      return "skip";
    case bad_record_policy::action::dead_letter:
      return "dead letter to " + on_bad.topic;
    case bad_record_policy::action::stop:
      break;
  }
  return "stop";
}

std::string formats_words(const topic_formats& f) {
  return f.key.empty() ? f.value : f.key + " -> " + f.value;
}

bool reads_here(const sub_topology& part, step_id id) {
  return std::any_of(part.sources.begin(), part.sources.end(),
                     [&](const plan_source& s) { return s.repartition && s.from == id; });
}

/// Where a step's connector reads or writes; empty when it has none.
std::string place_of(const step& s) {
  if (s.reads_from) return penstock::place_of(*s.reads_from);
  return s.writes_to ? penstock::place_of(*s.writes_to) : std::string{};
}

/// Text between quotes of a diagram.
std::string unquoted(std::string text) {
  std::replace(text.begin(), text.end(), '"', '\'');
  std::replace(text.begin(), text.end(), '\\', '/');
  return text;
}

/// What a line says behind verb and name.
std::string notes(const plan& p, const sub_topology& part, const step& s) {
  std::vector<std::string> all;
  if (reads_here(part, s.id)) return "from " + p.repartition_topic(s.id);
  if (!s.details.empty()) all.push_back(s.details);
  if (const auto place = place_of(s); !place.empty()) {
    all.push_back((s.reads_from ? "from " : "into ") + place);
    all.push_back("topic " + s.topic);
  }
  if (s.kind == step_kind::table_source) all.push_back("topic " + s.topic);
  if (!s.topic.empty()) all.push_back(formats_words(s.formats));
  if (s.kind == step_kind::stateful || s.kind == step_kind::table_source) {
    all.push_back("keeps state");
  }
  if (s.kind == step_kind::key_by) {
    all.push_back(p.moves(s.id)
                      ? "hop " + p.repartition_topic(s.id) + " (" + formats_words(s.formats) + ")"
                      : "hop none");
  }
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

std::string verb_of(const sub_topology& part, const step& s) {
  return reads_here(part, s.id) ? "hop" : s.verb;
}

/// The inputs that a step has inside the part, unless it is simply the line above.
std::string inputs_words(const plan& p, const sub_topology& part, std::size_t line) {
  const step& s = p.steps()[index_of(part.steps[line])];
  if (reads_here(part, s.id) || s.inputs.empty()) return {};
  if (s.inputs.size() == 1 && line > 0 && s.inputs[0] == part.steps[line - 1]) return {};
  std::string text = "  <- ";
  for (std::size_t i = 0; i < s.inputs.size(); ++i) {
    text += (i == 0 ? "" : ", ") + p.steps()[index_of(s.inputs[i])].name;
  }
  return text;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string as_text(const plan& p) {
  std::string out =
      fmt::format("topology {}\nbad records: {}\n", p.name(), policy_words(p.on_bad_record()));
  std::size_t verbs = 0, names = 0;
  for (const step& s : p.steps()) {
    verbs = std::max(verbs, s.verb.size());
    names = std::max(names, s.name.size());
  }
  for (const sub_topology& part : p.sub_topologies()) {
    out += fmt::format("\nsub-topology {}\n", part.index);
    for (std::size_t i = 0; i < part.steps.size(); ++i) {
      const step& s = p.steps()[index_of(part.steps[i])];
      out += trimmed(fmt::format("  {:<{}}  {:<{}}  {}{}", verb_of(part, s), verbs, s.name, names,
                                 notes(p, part, s), inputs_words(p, part, i))) +
             "\n";
    }
  }
  for (const std::string& problem : p.problems()) out += "\nproblem: " + problem + "\n";
  return out;
}

/// The name of a step's box: a moving key_by has one on each side.
std::string box(const sub_topology& part, step_id id) {
  return fmt::format("s{}{}", id, reads_here(part, id) ? "in" : "");
}

/// `line(from, to)` for each edge inside the part.
template <class Line>
void each_edge(const plan& p, const sub_topology& part, Line&& line) {
  for (const step_id id : part.steps) {
    if (reads_here(part, id)) continue;
    for (const step_id input : p.steps()[index_of(id)].inputs) {
      line(box(part, input), box(part, id));
    }
  }
}

std::string as_mermaid(const plan& p) {
  std::string out = "flowchart TB\n";
  for (const sub_topology& part : p.sub_topologies()) {
    out += fmt::format("  subgraph part{}[\"sub-topology {}\"]\n", part.index, part.index);
    for (const step_id id : part.steps) {
      const step& s = p.steps()[index_of(id)];
      const bool topic_end = !s.topic.empty();
      out += fmt::format("    {}{}\"{} {}\"{}\n", box(part, id), topic_end ? "([" : "[",
                         verb_of(part, s), s.name, topic_end ? "])" : "]");
    }
    each_edge(p, part, [&](const std::string& from, const std::string& to) {
      out += fmt::format("    {} --> {}\n", from, to);
    });
    out += "  end\n";
  }
  for (const step& s : p.steps()) {
    if (const auto place = place_of(s); !place.empty()) {
      out += fmt::format("  x{}[/\"{}\"/]\n  {}{} --> {}{}\n", s.id, unquoted(place),
                         s.reads_from ? 'x' : 's', s.id, s.reads_from ? 's' : 'x', s.id);
    }
    if (p.moves(s.id)) {
      out += fmt::format("  s{} == \"{}\" ==> s{}in\n", s.id, p.repartition_topic(s.id), s.id);
    }
  }
  return out;
}

std::string as_dot(const plan& p) {
  std::string out = fmt::format("digraph \"{}\" {{\n  node [shape=box];\n", p.name());
  for (const sub_topology& part : p.sub_topologies()) {
    out += fmt::format("  subgraph cluster{} {{\n    label=\"sub-topology {}\";\n", part.index,
                       part.index);
    for (const step_id id : part.steps) {
      const step& s = p.steps()[index_of(id)];
      out += fmt::format("    {} [label=\"{} {}\"{}];\n", box(part, id), verb_of(part, s), s.name,
                         s.topic.empty() ? "" : ", shape=cylinder");
    }
    each_edge(p, part, [&](const std::string& from, const std::string& to) {
      out += fmt::format("    {} -> {};\n", from, to);
    });
    out += "  }\n";
  }
  for (const step& s : p.steps()) {
    if (const auto place = place_of(s); !place.empty()) {
      out +=
          fmt::format("  x{} [label=\"{}\", shape=note];\n  {}{} -> {}{};\n", s.id, unquoted(place),
                      s.reads_from ? 'x' : 's', s.id, s.reads_from ? 's' : 'x', s.id);
    }
    if (p.moves(s.id)) {
      out += fmt::format("  s{} -> s{}in [style=bold, label=\"{}\"];\n", s.id, s.id,
                         p.repartition_topic(s.id));
    }
  }
  return out + "}\n";
}

std::string json_text(std::string_view text) {
  bytes out;
  detail::append_json(text, out);
  return out;
}

std::string step_as_json(const plan& p, const step& s) {
  std::string out = fmt::format("{{\"id\":{},\"name\":{},\"verb\":{},\"inputs\":[{}]", s.id,
                                json_text(s.name), json_text(s.verb), fmt::join(s.inputs, ","));
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format(",{}:{}", json_text(name), json_text(value));
  };
  add("details", s.details);
  add(s.reads_from ? "reads" : "writes", place_of(s));
  add("topic", s.topic);
  add("key_format", s.formats.key);
  add("value_format", s.formats.value);
  add("state", s.state_fingerprint);
  if (s.kind == step_kind::key_by) {
    add("hop", p.moves(s.id) ? p.repartition_topic(s.id) : "none");
  }
  return out + "}";
}

std::string as_json(const plan& p) {
  std::string out =
      fmt::format("{{\"topology\":{},\"fingerprint\":\"{:016x}\",\"on_bad_record\":{}",
                  json_text(p.name()), p.fingerprint(), json_text(policy_words(p.on_bad_record())));
  out += ",\"steps\":[";
  for (const step& s : p.steps()) out += (s.id == 0 ? "" : ",") + step_as_json(p, s);
  out += "],\"sub_topologies\":[";
  for (const sub_topology& part : p.sub_topologies()) {
    std::vector<std::string> sources, sinks, stores;
    for (const plan_source& s : part.sources) sources.push_back(json_text(s.topic));
    for (const plan_sink& s : part.sinks) sinks.push_back(json_text(s.topic));
    for (const plan_store& s : part.stores) stores.push_back(json_text(s.step));
    out += fmt::format(
        "{}{{\"index\":{},\"steps\":[{}],\"sources\":[{}],\"sinks\":[{}],\"stores\":[{}]}}",
        part.index == 0 ? "" : ",", part.index, fmt::join(part.steps, ","), fmt::join(sources, ","),
        fmt::join(sinks, ","), fmt::join(stores, ","));
  }
  out += "],\"problems\":[";
  for (std::size_t i = 0; i < p.problems().size(); ++i) {
    out += (i == 0 ? "" : ",") + json_text(p.problems()[i]);
  }
  return out + "]}\n";
}

}  // namespace

std::string plan::describe(describe_format as) const {
  switch (as) {
    case describe_format::mermaid:
      return as_mermaid(*this);
    case describe_format::dot:
      return as_dot(*this);
    case describe_format::json:
      return as_json(*this);
    case describe_format::text:
      break;
  }
  return as_text(*this);
}

}  // namespace penstock
