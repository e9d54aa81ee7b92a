#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "streams/plan/connector.hpp"
#include "streams/plan/layout.hpp"

namespace penstock::detail {

namespace {

/// Kafka's rule for topic names, which step names obey too: they become parts of topic names.
bool is_legal(std::string_view name, std::size_t length_max) {
  return !name.empty() && name.size() <= length_max && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

constexpr std::string_view legal_characters = "letters, digits, '.', '_' and '-'";

void check_names(const std::string& name, const std::vector<step>& steps,
                 std::vector<std::string>& problems) {
  if (!is_legal(name, 100)) {
    problems.push_back(
        fmt::format("the topology's name \"{}\" must be 1 to 100 {}", name, legal_characters));
  }
  std::map<std::string_view, int> seen;
  for (const step& s : steps) {
    if (!s.topic.empty() && s.name == s.topic) continue;  // topic ends are named by their topic
    if (!is_legal(s.name, 100)) {
      problems.push_back(fmt::format("the name \"{}\" of a {} step must be 1 to 100 {}", s.name,
                                     s.verb, legal_characters));
    }
    if (++seen[s.name] == 2) {
      problems.push_back(
          fmt::format("two steps are called \"{}\": every step needs a name of its own", s.name));
    }
  }
}

bool is_source(const step& s) {
  return s.kind == step_kind::source || s.kind == step_kind::table_source;
}

void check_topics(const std::vector<step>& steps, const bad_record_policy& on_bad,
                  std::vector<std::string>& problems) {
  std::map<std::string_view, const step*> first;
  std::set<std::string_view> read;
  for (const step& s : steps) {
    if (s.topic.empty()) {
      const bool topic_end = is_source(s) || s.kind == step_kind::sink;
      if (topic_end) problems.push_back("a topic has no name");
      continue;
    }
    if (!is_legal(s.topic, 249)) {
      problems.push_back(
          fmt::format("the topic name \"{}\" must be 1 to 249 {}", s.topic, legal_characters));
    }
    const auto [at, added] = first.emplace(s.topic, &s);
    if (!added && at->second->formats != s.formats) {
      problems.push_back(fmt::format(
          "topic \"{}\" is used with different types or formats: key {} and value {}, and key {} "
          "and value {}",
          s.topic, at->second->formats.key, at->second->formats.value, s.formats.key,
          s.formats.value));
    }
    if (is_source(s) && !read.insert(s.topic).second) {
      problems.push_back(fmt::format(
          "topic \"{}\" is read twice: as a stream and as a table, or as two tables", s.topic));
    }
  }
  for (const step& s : steps) {
    if (s.kind == step_kind::sink && read.contains(s.topic)) {
      problems.push_back(fmt::format(
          "topic \"{}\" is read and written by the same topology, which would never end", s.topic));
    }
  }
  if (on_bad.what == bad_record_policy::action::dead_letter) {
    if (!is_legal(on_bad.topic, 249)) {
      problems.push_back(fmt::format("the dead-letter topic name \"{}\" must be 1 to 249 {}",
                                     on_bad.topic, legal_characters));
    }
    if (read.contains(on_bad.topic)) {
      problems.push_back(fmt::format(
          "topic \"{}\" is read by the topology and is its dead-letter topic", on_bad.topic));
    }
  }
}

/// What a connector cannot share with another: a stream that is read once, a file that is written.
void check_connectors(const std::vector<step>& steps, std::vector<std::string>& problems) {
  std::map<std::string, std::string> streams;
  std::map<std::string, std::string> written;
  const auto once = [&](auto& taken, const std::string& place, const step& s, const char* how) {
    const auto [at, added] = taken.emplace(place, s.name);
    if (added) return;
    problems.push_back(fmt::format("steps \"{}\" and \"{}\" both {} {}: give each its own",
                                   at->second, s.name, how, place));
  };
  for (const step& s : steps) {
    if (s.reads_from) {
      for (std::string& one : problems_of(s.name, *s.reads_from))
        problems.push_back(std::move(one));
      if (std::holds_alternative<lines_source>(s.reads_from->how)) {
        once(streams, place_of(*s.reads_from), s, "read");
      }
    }
    if (s.writes_to) {
      for (std::string& one : problems_of(s.name, *s.writes_to)) problems.push_back(std::move(one));
      if (std::holds_alternative<file_sink>(s.writes_to->how)) {
        once(written, place_of(*s.writes_to), s, "write");
      }
    }
  }
}

/// One source cannot both go idle and never go idle.
void check_idleness(const std::vector<step>& steps, std::vector<std::string>& problems) {
  for (const step& closing : steps) {
    if (closing.verb != "on_close" || closing.idle_after) continue;
    std::set<step_id> sources;
    const std::function<void(step_id)> up = [&](step_id id) {
      const step& s = steps[index_of(id)];
      if (is_source(s)) sources.insert(id);
      for (const step_id input : s.inputs) up(input);
    };
    up(closing.id);
    for (const step& other : steps) {
      if (!other.idle_after) continue;
      const std::set<step_id> mine = std::exchange(sources, {});
      up(other.id);
      const bool shared = std::any_of(sources.begin(), sources.end(),
                                      [&](step_id id) { return mine.contains(id); });
      sources = mine;
      if (!shared) continue;
      problems.push_back(fmt::format(
          "\"{}\" never lets its input go idle and \"{}\" does, but they have an input in common: "
          "decide for one of the two",
          steps[index_of(closing.inputs.front())].name,
          steps[index_of(other.inputs.front())].name));
    }
  }
}

}  // namespace

std::vector<std::string> find_problems(const std::string& name, const std::vector<step>& steps,
                                       const bad_record_policy& on_bad) {
  std::vector<std::string> problems;
  check_names(name, steps, problems);
  check_topics(steps, on_bad, problems);
  check_connectors(steps, problems);
  check_idleness(steps, problems);
  if (std::none_of(steps.begin(), steps.end(), is_source)) {
    problems.push_back("the topology reads no topic: begin with from(topic) or table(name, topic)");
  }
  return problems;
}

}  // namespace penstock::detail
