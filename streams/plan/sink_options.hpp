// How sinks deliver, in the words of those who write topologies: when a file is rotated, how
// records gather into requests, how what fails is tried again, what a request's body looks like.
// Plain data, held by the connector of a step (streams/plan/connector.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/record/batch.hpp"

namespace penstock {

/// When the file of `to_file` is put aside as PATH.TIME and a new one begun; what is 0 does not
/// count.
struct rotate {
  std::uint64_t bytes = 0;       // before the file grows beyond it
  duration every{0};             // when its first line is this old
  std::uint32_t keep = 0;        // how many rotated files stay, the newest; 0: all
  codec compress = codec::none;  // of rotated files: none, gzip or zstd
};

/// How records gather into one request: it is sent when the first limit is reached.
struct batch {
  std::size_t records = 500;
  std::size_t bytes = std::size_t{1} << 20;  // of the body; a larger record goes alone
  duration age = 1s;                         // of the first record
  std::int32_t in_flight = 1;  // requests at once, each for records of its own keys, in order
};

/// How a request that failed for a passing reason is repeated, for as long as it takes: after a
/// wait that doubles from `first` to `most`, each time a random part of its second half shorter.
struct retry {
  duration first = 200ms;
  duration most = 30s;
  duration timeout = 30s;  // of one request, connecting included
  duration at_end = 60s;   // a job that ends by itself waits so long for a sink that is down
};

/// A JSON document per line.
struct ndjson {};

/// What Elasticsearch and OpenSearch take at /_bulk: documents to be created in an index.
struct elastic_bulk {
  std::string index;
};

/// What Loki takes at /loki/api/v1/push: lines of one stream with these labels.
struct loki_push {
  std::vector<std::pair<std::string, std::string>> labels;
};

using http_body = std::variant<ndjson, elastic_bulk, loki_push>;

/// The value of a header that stands in an environment variable of the job, as secrets do. It is
/// looked up when the job starts; `before` is put in front of it: "Bearer ".
struct from_environment {
  std::string variable;
  std::string before = {};
};

/// The value of a header that is the content of a file, white space at its end left off. The file
/// is read for every request, so that a token that is renewed there is used.
struct from_file {
  std::string path;
  std::string before = {};
};

/// A header of one's own for requests. Values are never shown: not in logs, not in `describe`.
struct http_header {
  std::string name;
  std::variant<std::string, from_environment, from_file> value;
};

/// How a sink presents itself to its server, and which server it believes.
struct http_client {
  std::vector<http_header> headers = {};
  std::string ca_file = {};  // https: PEM of the authorities to trust; empty: the system's
};

}  // namespace penstock
