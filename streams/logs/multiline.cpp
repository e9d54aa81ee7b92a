#include "streams/logs/multiline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "streams/logs/pattern.hpp"

namespace penstock::logs {

namespace {

constexpr std::size_t rules_max = 256;
constexpr std::size_t begin_state = 0;
constexpr std::size_t line_state = 1;

struct transition {
  compiled_pattern pattern;
  std::size_t to = line_state;
};

/// The rules from one state. Most lines follow none: one look says so for all of them together.
struct state_rules {
  std::vector<transition> all;
  std::string together;
  compiled_pattern any;
};

result<compiled_pattern> compile_optional(std::string_view what, const std::string& pattern) {
  if (pattern.empty()) return compiled_pattern{};
  return compile_pattern(what, pattern);
}

}  // namespace

struct event_assembler::compiled {
  compiled_pattern start;
  compiled_pattern continues;
  bool start_alone = false;  // the start pattern is all there is
  bool every_line = false;   // there is nothing: each line is an event
  std::vector<state_rules> states;
  std::size_t max_bytes = 0;
  std::size_t max_lines = 0;
  std::chrono::nanoseconds flush_after{0};

  result<void> add_rules(const std::vector<multiline_rule>& rules);

  // The rule of the state that takes the line.
  const transition* next(std::size_t state, std::string_view line) const {
    const state_rules& rules = states[state];
    if (rules.any != nullptr && !found_in(*rules.any, line)) return nullptr;
    for (const transition& one : rules.all) {
      if (found_in(*one.pattern, line)) return &one;
    }
    return nullptr;
  }
};

result<void> event_assembler::compiled::add_rules(const std::vector<multiline_rule>& rules) {
  if (rules.size() > rules_max) {
    return error{errc::invalid_argument, fmt::format("multi-line events have {} rules; {} may be",
                                                     rules.size(), rules_max)};
  }
  std::map<std::string, std::size_t> names{{"begin", begin_state}, {"line", line_state}};
  const auto number = [&](const std::string& name) {
    return names.emplace(name, names.size()).first->second;
  };
  states.resize(2);
  for (const multiline_rule& rule : rules) {
    if (rule.from.empty() || rule.to.empty() || rule.to == "begin" || rule.pattern.empty()) {
      return error{errc::invalid_argument,
                   fmt::format("the multi-line rule \"{}\" needs states it is from, a pattern, and "
                               "a state other than \"begin\" to go to",
                               rule.pattern)};
    }
    PENSTOCK_ASSIGN(compiled_pattern pattern,
                    compile_pattern("the pattern of a multi-line rule", rule.pattern));
    const std::size_t to = number(rule.to);
    for (const std::string& from : rule.from) {
      const std::size_t state = number(from);
      if (states.size() < names.size()) states.resize(names.size());
      states[state].all.push_back({pattern, to});
      states[state].together += (states[state].together.empty() ? "(?:" : "|(?:") + rule.pattern;
      states[state].together += ')';
    }
    if (states.size() < names.size()) states.resize(names.size());
  }
  for (state_rules& state : states) {
    if (state.all.size() < 2) continue;
    // Together they may be more than a pattern can be; then each is tried.
    auto any = compile_pattern("the rules", state.together);
    if (any) state.any = *std::move(any);
  }
  return {};
}

result<event_assembler> event_assembler::make(const multiline& how) {
  if (how.max_bytes == 0 || how.max_lines == 0 || how.flush_after.count() < 0) {
    return error{errc::invalid_argument,
                 fmt::format("multi-line events need limits greater than zero and a time to flush "
                             "that is not negative: max_bytes {}, max_lines {}, flush_after {} ms",
                             how.max_bytes, how.max_lines, how.flush_after.count())};
  }
  auto made = std::make_shared<compiled>();
  PENSTOCK_ASSIGN(made->start,
                  compile_optional("the start pattern of multi-line events", how.start_pattern));
  PENSTOCK_ASSIGN(made->continues, compile_optional("the continue pattern of multi-line events",
                                                    how.continue_pattern));
  PENSTOCK_TRY(made->add_rules(how.rules));
  const bool others = made->continues != nullptr || !how.rules.empty();
  made->start_alone = made->start != nullptr && !others;
  made->every_line = made->start == nullptr && !others;
  made->max_bytes = how.max_bytes;
  made->max_lines = how.max_lines;
  made->flush_after = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::min(how.flush_after, duration{std::chrono::hours{24 * 365}}));
  return event_assembler{std::move(made)};
}

void event_assembler::add(std::string_view line, std::chrono::nanoseconds now,
                          const emit_function& emit) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (how_->every_line) {
    emit(line);
    return;
  }
  last_ = now;
  if (lines_ != 0 && continues(line)) {
    append(line, emit);
    return;
  }
  finish(emit);
  begin(line);
  // One that is over the limit already is not copied; what continues it is an event of its own.
  if (line.size() > how_->max_bytes || how_->max_lines == 1) {
    emit(line);
  } else {
    pending_ = line;
    lines_ = 1;
  }
}

// Whether the line belongs to the pending event, which it then brings to its next state.
bool event_assembler::continues(std::string_view line) {
  if (how_->start != nullptr && found_in(*how_->start, line)) return false;
  if (how_->start_alone) return true;
  if (const transition* taken = how_->next(state_, line)) {
    state_ = taken->to;
    return true;
  }
  return how_->continues != nullptr && found_in(*how_->continues, line);
}

void event_assembler::begin(std::string_view line) {
  const transition* first = how_->next(begin_state, line);
  state_ = first != nullptr ? first->to : line_state;
}

void event_assembler::append(std::string_view line, const emit_function& emit) {
  // The state stays as it is when a limit cuts the event: its remaining lines stay together.
  const bool full = lines_ >= how_->max_lines || pending_.size() >= how_->max_bytes ||
                    line.size() >= how_->max_bytes - pending_.size();
  if (!full) {
    pending_ += '\n';
    pending_ += line;
    ++lines_;
    return;
  }
  finish(emit);
  if (line.size() > how_->max_bytes) {
    emit(line);
  } else {
    pending_ = line;
    lines_ = 1;
  }
}

void event_assembler::tick(std::chrono::nanoseconds now, const emit_function& emit) {
  if (lines_ != 0 && now - last_ >= how_->flush_after) finish(emit);
}

void event_assembler::finish(const emit_function& emit) {
  if (lines_ == 0) return;
  emit(pending_);
  pending_.clear();
  lines_ = 0;
  // One huge event must not hold its memory for as long as the file lives.
  if (pending_.capacity() > (64u << 10)) pending_.shrink_to_fit();
}

namespace {

const std::string blank = R"(^\s*$)";

}  // namespace

multiline java_traces() {
  // With a package, so that a plain "Error: disk full" stays a line of the log.
  const std::string header =
      R"(^(?:Exception in thread ".*" )?(?:[A-Za-z_$][\w$]*[./])+[\w$]*)"
      R"((?:Exception|Error|Throwable|Failure|Interrupt|Death)[\w$]*(?:: |:?\s*$))";
  multiline how;
  how.rules = {
      {{"begin", "line"}, header, "trace"},
      {{"begin", "line", "trace"}, R"(^\s+at\s)", "trace"},
      {{"begin", "line", "trace"}, R"(^\s*(?:Caused by|Suppressed|Wrapped by): )", "trace"},
      {{"line", "trace"}, R"(^\s+\.\.\. \d+ (?:more|common frames omitted|filtered))", "trace"},
      {{"trace"}, R"(^\s*\[CIRCULAR REFERENCE)", "trace"},
      {{"trace"}, R"(^\s+\S)", "trace"},
  };
  return how;
}

multiline python_traces() {
  const std::string chained = R"(^[\s|]*(?:During handling of the above exception|)"
                              R"(The above exception was the direct cause))";
  multiline how;
  how.rules = {
      {{"begin", "line", "chain"}, R"(^Traceback \(most recent call last\):)", "frames"},
      {{"begin", "line", "chain"}, R"(^\s*\+ Exception Group Traceback )", "group"},
      {{"begin", "line"}, R"(^  File "[^"]*", line \d+)", "frames"},
      {{"frames"}, R"(^[ \t]+\S)", "frames"},
      {{"frames"}, R"(^[A-Za-z_\x80-\xff][\w.\x80-\xff]*(?:: |:?\s*$))", "error"},
      {{"error"}, R"(^[ \t]+\S)", "error"},
      {{"group"}, R"(^[ \t]+\S)", "group"},
      {{"error", "group", "gap"}, chained, "chain"},
      {{"error", "group", "gap"}, blank, "gap"},
      {{"chain"}, blank, "chain"},
  };
  return how;
}

multiline go_traces() {
  const std::string goroutine = R"(^goroutine \d+ .*\[.*\]:$)";
  const std::string call = R"(^(?:\S+\.\S+|panic)\(.*\)(?: in goroutine \d+)?$)";
  multiline how;
  how.rules = {
      {{"begin"},
       R"(^(?:panic: |fatal error: |runtime: |unexpected fault address |SIG[A-Z]+: ))",
       "panic"},
      {{"begin", "line", "panic", "frames", "gap"}, goroutine, "frames"},
      {{"panic"}, R"(^(?:\s+panic: |fatal error: |\[signal |runtime: |PC=|\t))", "panic"},
      {{"panic"}, blank, "panic"},
      {{"frames"}, R"(^\t)", "frames"},
      {{"frames"}, R"(^created by )", "frames"},
      {{"frames"}, call, "frames"},
      {{"frames"}, R"(^\.\.\.\s?(?:\d+|additional) frames elided)", "frames"},
      {{"frames", "gap"}, R"(^r\w+\s+0x[0-9a-f]+$)", "gap"},
      {{"frames", "gap"}, R"(^exit status \d+$)", "line"},
      {{"gap"}, call, "frames"},
      {{"frames", "gap"}, blank, "gap"},
  };
  return how;
}

multiline cpp_traces() {
  const std::string report_head = R"(^(?:==\d+==|(?:WARNING|ERROR|FATAL): \w+Sanitizer))";
  const std::string banner = R"(^={10,}$)";
  multiline how;
  how.rules = {
      // What the sanitizers print, up to its summary.
      {{"begin"}, banner, "banner"},
      {{"begin", "banner"}, report_head, "report"},
      {{"report"}, R"(^SUMMARY: )", "summary"},
      {{"report"}, report_head, "report"},
      {{"report"}, R"(^\s*$|^\s+\S|^0x[0-9a-f]+ |^=>|^-{5,})", "report"},
      {{"report"},
       R"(^(?:READ|WRITE|HINT|NOTE|Hint|Note|Thread|Address|Direct leak|Indirect leak|freed|)"
       R"(previously|allocated|Shadow|Objects leaked|Uninitialized|The signal|This frame|)"
       R"(Location))",
       "report"},
      {{"summary"}, R"(^(?:Shadow|\s+\S|=>0x|==\d+==))", "summary"},
      {{"summary"}, banner, "line"},
      // std::terminate and glibc.
      {{"begin"}, R"(^terminate called )", "terminate"},
      {{"terminate"}, R"(^\s+what\(\): )", "terminate"},
      {{"terminate", "frames"}, R"(^(?:Aborted|Segmentation fault)(?: \(core dumped\))?$)", "line"},
      // Frames: "#1  0x… in main ()" of gdb and the sanitizers, " 1# main" of Boost and std.
      {{"begin", "line", "terminate", "thread"},
       R"(^\s*(?:#\d+\s+(?:0x|.*\(.*\))|\d+# \S))",
       "frames"},
      {{"begin"}, R"(^Thread \d+ .*:$|^Stack trace \(most recent call last\))", "thread"},
      {{"frames"}, R"(^\s*(?:#[1-9]\d*\s|[1-9]\d*# ))", "frames"},
      {{"frames"}, R"(^\s+[^#\s0-9])", "frames"},
      {{"frames"}, R"(^(?:No locals\.|\(More stack frames follow|Backtrace stopped:))", "frames"},
  };
  return how;
}

}  // namespace penstock::logs
