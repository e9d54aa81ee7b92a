// One record: a key that may be absent, a value that may be absent (a tombstone in a compacted
// topic), a time and headers. `record_view` borrows from a batch, `record` owns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/time.hpp"

namespace penstock {

struct header_view {
  bytes_view name;
  std::optional<bytes_view> value;
};

struct record_header {
  std::string name;
  std::optional<bytes> value;

  friend bool operator==(const record_header&, const record_header&) = default;
};

/// A record inside a batch; every view points into the batch (or its decompressed copy).
struct record_view {
  offset_t offset = 0;
  timestamp time = no_timestamp;
  std::optional<bytes_view> key;
  std::optional<bytes_view> value;

  /// Undecoded headers: `header_count` of them in the Kafka v2 encoding. `headers_of` decodes.
  bytes_view raw_headers;
  std::int32_t header_count = 0;
};

struct record {
  offset_t offset = 0;
  timestamp time = no_timestamp;
  std::optional<bytes> key;
  std::optional<bytes> value;
  std::vector<record_header> headers;

  friend bool operator==(const record&, const record&) = default;
};

/// Decodes the headers of a record that came out of a validated batch.
std::vector<header_view> headers_of(const record_view& r);

/// An owned copy.
record own(const record_view& r);

}  // namespace penstock
