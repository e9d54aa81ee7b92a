#include "streams/logs/all_traces.hpp"

#include <string>
#include <utility>

namespace penstock::logs {

multiline all_traces() {
  const std::pair<std::string, multiline> languages[] = {{"java", java_traces()},
                                                         {"python", python_traces()},
                                                         {"go", go_traces()},
                                                         {"cpp", cpp_traces()}};
  multiline all;
  for (const auto& [language, how] : languages) {
    // Within a trace the rules of its language alone hold.
    const auto named = [&](const std::string& state) {
      return state == "begin" || state == "line" ? state : language + ' ' + state;
    };
    for (const multiline_rule& rule : how.rules) {
      multiline_rule& one = all.rules.emplace_back();
      for (const std::string& from : rule.from) one.from.push_back(named(from));
      one.pattern = rule.pattern;
      one.to = named(rule.to);
    }
  }
  return all;
}

}  // namespace penstock::logs
