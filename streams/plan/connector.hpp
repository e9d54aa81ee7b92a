// What stands outside of a topology and feeds it or is fed by it: files, streams, servers, as plain
// data that a step holds. A source connector fills the topic of its step, a sink connector empties
// it; which actor does so is the engine's affair (`actors/connect`). Built by the DSL's words,
// checked and described by the plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/logs/multiline.hpp"
#include "streams/plan/sink_options.hpp"

namespace penstock {

/// lines(name, …): the lines of one stream of bytes, once, from its beginning.
struct lines_source {
  std::string path;                               // empty: standard input
  std::int32_t partitions = 1;                    // of its topic
  std::size_t line_bytes_max = 1u << 20;          // a longer line comes in pieces of this size
  std::optional<logs::multiline> multiline = {};  // lines that belong together; none: a line each
};

/// tail(name, glob): the lines of files that others write and rotate, keyed by path.
struct tail_source {
  std::string glob;
  bool from_head = true;                  // else files of the first start begin at their end
  std::int32_t partitions = 1;            // of its topic
  std::size_t line_bytes_max = 1u << 20;  // a longer line comes in pieces of this size
  std::optional<logs::multiline> multiline = {};  // lines that belong together; none: a line each
  duration poll = 250ms;                          // between looks when nothing gives a hint
  duration forget_after = 168h;  // a file that is gone for so long is not recognised any more
};

/// syslog(name, address): messages as they come, keyed by the sender's address.
struct syslog_source {
  std::string address;                            // "udp://HOST:PORT" or "tcp://HOST:PORT"
  std::int32_t partitions = 1;                    // of its topic
  std::size_t message_bytes_max = 256u << 10;     // TCP: the rest of a longer message is cut off
  std::size_t connections_max = 1000;             // TCP: more are closed at once
  std::optional<logs::multiline> multiline = {};  // messages of a sender that belong together
};

/// http_in(name, address): lines of bodies that are posted.
struct http_source {
  std::string address;                            // "HOST:PORT"
  std::int32_t partitions = 1;                    // of its topic
  std::size_t body_bytes_max = 8u << 20;          // a larger body is refused
  std::size_t line_bytes_max = 1u << 20;          // a body with a longer line is refused
  std::size_t connections_max = 1000;             // more are refused
  std::chrono::seconds request_timeout{30};       // for a whole request, and for taking the answer
  std::optional<logs::multiline> multiline = {};  // lines of a body that belong together
};

/// A place in a network: "udp://127.0.0.1:514", "[::1]:8080".
struct network_address {
  std::string scheme;  // "udp", "tcp"; empty
  std::string host;
  std::uint16_t port = 0;
};

/// `invalid_argument` naming the value.
result<network_address> parse_address(const std::string& text);

/// to_file(name, path, rotate): a line per record.
struct file_sink {
  std::string path;
  rotate put_aside;
  std::int32_t partitions = 1;  // of its topic
};

/// to_http(name, url, batch, retry, body): requests with many records each.
struct http_sink {
  std::string url;
  batch gather;
  retry tries;
  http_body body;
  http_client as;
  std::int32_t partitions = 1;  // of its topic: one request at a time for each
};

/// What fills the topic of a source, and what empties the topic of a sink.
struct source_connector {
  std::variant<lines_source, tail_source, syslog_source, http_source> how;
};
struct sink_connector {
  std::variant<file_sink, http_sink> how;
};

/// "standard input", a path or an address: what a person knows it by.
std::string place_of(const source_connector& from);
std::string place_of(const sink_connector& to);

/// How the source puts lines together to events; null where a line is a record.
const logs::multiline* multiline_of(const source_connector& from);

/// Whether the source can be used up, so that a job may end by itself.
bool has_end(const source_connector& from);

/// Whether the source remembers in a topic of its own how far it has read.
bool has_checkpoint(const source_connector& from);

/// Whether the source can be read again from its beginning, so that starting over may drop what
/// was read.
bool can_be_read_again(const source_connector& from);

std::int32_t partitions_of(const source_connector& from);
std::int32_t partitions_of(const sink_connector& to);

/// What is wrong with it by itself, a sentence each, naming the step.
std::vector<std::string> problems_of(const std::string& step, const source_connector& from);
std::vector<std::string> problems_of(const std::string& step, const sink_connector& to);

/// The names of a connector's topics.
std::string source_topic(const std::string& topology, const std::string& step);
std::string sink_topic(const std::string& topology, const std::string& step);
std::string checkpoint_topic(const std::string& topology, const std::string& step);

}  // namespace penstock
