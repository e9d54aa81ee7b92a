// A topology: what a job does, written down. Building it runs nothing; `plan()` validates it as a
// whole, `run` (dsl/run.hpp) and `test_driver` run it.
#pragma once

#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "dsl/stream.hpp"
#include "dsl/table.hpp"
#include "dsl/topic.hpp"
#include "streams/plan/connector.hpp"

namespace penstock {

/// The job ends at the first bad record, naming it. The default.
struct stop_t {};
inline constexpr stop_t stop{};

/// Bad records are counted and skipped.
struct skip_t {};
inline constexpr skip_t skip{};

/// Bad records go to a topic: key, value, time and headers as they came, and the headers
/// penstock.reason, penstock.step, penstock.topic, penstock.partition and penstock.offset; where
/// that topic is the job's own, penstock.origin names what feeds it. `penstock dead-letters` works
/// on it.
struct dead_letter {
  explicit dead_letter(std::string to) : topic(std::move(to)) {}
  std::string topic;
};

/// What `lines` reads: standard input, or a file or pipe by its path.
struct lines_from {
  std::string path = {};                          // empty: standard input
  std::int32_t partitions = 1;                    // of its topic; the order of lines holds in each
  std::size_t line_bytes_max = 1u << 20;          // a longer line comes in pieces of this size
  std::optional<logs::multiline> multiline = {};  // lines that belong together: stack traces, …
};

/// How `tail` reads files.
struct tail_options {
  bool from_head = true;                  // else files that are there at the very first start are
                                          // begun at their end
  std::int32_t partitions = 1;            // of its topic; a file's lines are in one, in order
  std::size_t line_bytes_max = 1u << 20;  // a longer line comes in pieces of this size
  std::optional<logs::multiline> multiline = {};  // lines that belong together: stack traces, …
  duration poll = 250ms;         // how soon news are found where the system gives no hints
  duration forget_after = 168h;  // a file that is gone for so long is not recognised any more
};

/// What `syslog` takes.
struct syslog_options {
  std::int32_t partitions = 1;  // of its topic; a sender's messages are in one, in order
  std::size_t message_bytes_max = 256u << 10;     // TCP: the rest of a longer message is cut off
  std::size_t connections_max = 1000;             // TCP: more are closed at once
  std::optional<logs::multiline> multiline = {};  // messages that belong together: over TCP those
                                                  // of a connection, over UDP those of a sender
};

/// What `http_in` takes.
struct http_options {
  std::int32_t partitions = 1;                    // of its topic
  std::size_t body_bytes_max = 8u << 20;          // a larger body is answered 413
  std::size_t line_bytes_max = 1u << 20;          // a body with a longer line is answered 400
  std::size_t connections_max = 1000;             // more are answered 503
  std::chrono::seconds request_timeout{30};       // for a whole request, and for taking the answer
  std::optional<logs::multiline> multiline = {};  // lines of one body that belong together; bodies
                                                  // of JSON have a document in each line
};

/// `t.lines("in", standard_input)`
inline const lines_from standard_input{};

/// ```
/// topology t{"word-count"};
/// t.from(lines).flat_map("split", words).key_by("by-word", same).count("counts").to(counts);
/// ```
/// The name is the consumer group and the front of every internal topic's name. Copies are the same
/// topology.
class topology {
 public:
  explicit topology(std::string name);

  const std::string& name() const { return graph_->name; }

  /// The records of a topic. Asked for again, it is the same step.
  template <class K, class V>
  stream<K, V> from(const topic<K, V>& in) {
    const auto format = [&] { return std::pair{in.key_formatting(), in.value_formatting()}; };
    const topic_formats formats{in.key_formatting().name(), in.value_formatting().name()};
    if (const auto known = known_source(in.name(), formats, typeid(topic<K, V>))) {
      return stream<K, V>{{graph_, *known}};
    }
    step s;
    s.name = s.topic = in.name();
    s.kind = step_kind::source;
    s.verb = "from";
    s.formats = formats;
    s.make = [f = format()](task_context& task) -> std::unique_ptr<operator_base> {
      return std::make_unique<detail::topic_source<K, V>>(task, f.first, f.second);
    };
    return stream<K, V>{add_source(std::move(s), typeid(topic<K, V>))};
  }

  /// A topic as a table: the newest value of each key, nulls delete. Its state is named by the
  /// first argument.
  template <class K, class V>
  requires key_type<K> penstock::table<K, V> table(std::string name, const topic<K, V>& in) {
    step s;
    s.name = std::move(name);
    s.topic = in.name();
    s.kind = step_kind::table_source;
    s.verb = "table";
    s.formats = {in.key_formatting().name(), in.value_formatting().name()};
    s.state_fingerprint = "table " + serde<K>::name() + " -> " + serde<V>::name();
    s.make = [key = in.key_formatting(),
              value = in.value_formatting()](task_context& task) -> std::unique_ptr<operator_base> {
      return std::make_unique<detail::table_source<K, V>>(task, key, value);
    };
    return penstock::table<K, V>{add_source(std::move(s), typeid(penstock::table<K, V>))};
  }

  /// The lines of a stream of bytes, once and from its beginning, in order. They stand in the topic
  /// `<topology>-<name>-source`; a job that is started again adds what it reads then.
  stream<no_key, std::string> lines(std::string name, lines_from from);

  /// The lines of files that other programs write, rotate, truncate and compress, of all that match
  /// the shell pattern, and of those that will: key: the path under which the file was seen first;
  /// value: a line, or an event of several. They stand in the topic `<topology>-<name>-source`,
  /// each once: a job that is started again goes on where it was.
  stream<std::string, std::string> tail(std::string name, std::string glob,
                                        tail_options options = {});

  /// Syslog messages that arrive at "udp://HOST:PORT" or "tcp://HOST:PORT" (octet counting or a
  /// newline behind each), as they came: `logs::syslog` reads them. Keyed by the sender's address.
  stream<std::string, std::string> syslog(std::string name, std::string address,
                                          syslog_options options = {});

  /// The lines of bodies that are posted to "HOST:PORT", answered when they are durable.
  stream<no_key, std::string> http_in(std::string name, std::string address,
                                      http_options options = {});

  /// What happens to records that a step cannot process: bytes that do not decode, an error from
  /// `try_map`, a function that throws, an impossible time. Chosen once for the whole topology.
  void on_bad_record(stop_t);
  void on_bad_record(skip_t);
  void on_bad_record(dead_letter where);

  /// Validates the whole: `problems()` of the plan has every mistake that types cannot see.
  penstock::plan plan(plan_options options = {}) const;

  /// The topology for a person or a tool, every data movement shown.
  std::string describe(describe_format as = describe_format::text) const;

 private:
  std::optional<step_id> known_source(const std::string& topic, const topic_formats& formats,
                                      std::type_index type) const;
  detail::graph_end add_source(step s, std::type_index type);
  template <class K, class V>
  stream<K, V> from_connector(std::string name, std::string verb, source_connector connector);

  std::shared_ptr<detail::graph> graph_;
};

}  // namespace penstock
