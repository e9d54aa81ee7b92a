// Events that span lines: a stack trace belongs to the line before it. The assembler takes lines in
// the order of the file and gives events; a source owns one per file or connection. Pure: the time
// comes in as an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"

namespace penstock::logs {

/// A line that follows an event in one of the states `from` belongs to it when `pattern` is found
/// in it, and brings the event to the state `to`. Every event is in a state: a rule from "begin"
/// looks at its first line; where none holds, the state is "line".
struct multiline_rule {
  std::vector<std::string> from;
  std::string pattern;
  std::string to;
};

/// Which lines belong together. A line that has the start pattern begins an event, always. A line
/// that a rule or the continue pattern takes belongs to the event before it. Any other line begins
/// an event, but belongs to the one before where the start pattern is all there is. Where nothing
/// is given, every line is an event.
///
/// Patterns are RE2's, on bytes, found anywhere in the line unless they say `^`. A first line that
/// continues nothing begins an event.
///
/// A limit that is reached ends the event there, and what follows is an event of its own: nothing
/// is lost and nothing is marked. A line longer than `max_bytes` is an event alone, whole.
struct multiline {
  std::string start_pattern = {};
  std::string continue_pattern = {};
  std::size_t max_bytes = 1 << 20;  ///< of an event, with the newlines in it
  std::size_t max_lines = 1000;
  duration flush_after = 1s;  ///< an event that no line was added to for so long is complete
  std::vector<multiline_rule> rules = {};
};

/// Java, and what else the JVM runs: a log line, the exception below it, its frames, `Caused by`,
/// `Suppressed`, `... 12 more`. Two bare traces, one behind the other, are two events. Messages of
/// several lines need a start pattern for the log's own lines instead.
multiline java_traces();

/// Python: a log line and the traceback below it, chained exceptions and groups included.
multiline python_traces();

/// Go: a panic or fatal error with its goroutines. The log line before a panic is not part of it.
multiline go_traces();

/// C++: back traces as gdb and the usual libraries print them, reports of the sanitizers, what
/// `std::terminate` says.
multiline cpp_traces();

/// Makes events of lines. An event's lines are joined by "\n"; no other byte changes, but a
/// carriage return at the end of a line is part of the newline.
///
/// A copy shares the compiled patterns and has a pending event of its own: make one, and copy it
/// for each file before its first line.
class event_assembler {
 public:
  /// Gets an event; valid until it returns. Must not call the assembler.
  using emit_function = std::function<void(std::string_view event)>;

  /// Compiles the patterns. Errors (invalid_argument): a pattern that does not compile, with its
  /// position; a limit of zero; a rule without states.
  static result<event_assembler> make(const multiline& how);

  /// A line without its newline. `now` is any clock that does not go back; it is compared with the
  /// one of `tick` only.
  void add(std::string_view line, std::chrono::nanoseconds now, const emit_function& emit);

  /// Emits the pending event when its last line came `flush_after` before `now` or earlier. To be
  /// called when the source has no line at hand: a source that is merely slow in reading what is
  /// there must not cut events.
  void tick(std::chrono::nanoseconds now, const emit_function& emit);

  /// The input has ended: emits the pending event.
  void finish(const emit_function& emit);

  /// Lines that were added and not yet emitted: a source must be able to read them again.
  std::size_t pending_lines() const { return lines_; }

  /// The bytes of the pending event.
  std::size_t pending_bytes() const { return pending_.size(); }

 private:
  struct compiled;

  explicit event_assembler(std::shared_ptr<const compiled> how) : how_(std::move(how)) {}

  bool continues(std::string_view line);
  void begin(std::string_view line);
  void append(std::string_view line, const emit_function& emit);

  std::shared_ptr<const compiled> how_;
  std::string pending_;
  std::size_t lines_ = 0;
  std::size_t state_ = 0;
  std::chrono::nanoseconds last_{0};
};

}  // namespace penstock::logs
