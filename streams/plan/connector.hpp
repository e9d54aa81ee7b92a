// What stands outside of a topology and feeds it or is fed by it: files, streams, servers, as plain
// data that a step holds. A source connector fills the topic of its step, a sink connector empties
// it; which actor does so is the engine's affair (`actors/connect`). Built by the DSL's words,
// checked and described by the plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "streams/base/time.hpp"

namespace penstock {

/// lines(name, …): the lines of one stream of bytes, once, from its beginning.
struct lines_source {
  std::string path;                       // empty: standard input
  std::int32_t partitions = 1;            // of its topic
  std::size_t line_bytes_max = 1u << 20;  // a longer line comes in pieces of this size
};

/// to_file(name, path): a line per record.
struct file_sink {
  std::string path;
  std::int32_t partitions = 1;  // of its topic
};

/// What fills the topic of a source, and what empties the topic of a sink.
struct source_connector {
  std::variant<lines_source> how;
};
struct sink_connector {
  std::variant<file_sink> how;
};

/// "standard input", a path or an address: what a person knows it by.
std::string place_of(const source_connector& from);
std::string place_of(const sink_connector& to);

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
