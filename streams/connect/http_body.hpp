// Records as bodies of HTTP requests: each becomes a piece once, pieces are put together for every
// attempt. And what Elasticsearch answers to a bulk request, item by item. Pure.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/plan/sink_options.hpp"

namespace penstock {

/// Appends a record's part of a body. `json`: the value is a JSON document; otherwise it is text,
/// which Loki gets as a line and the others as {"message":"…"}. Documents for Elasticsearch get
/// "@timestamp" unless they seem to have one.
void append_piece(const http_body& as, bytes_view value, bool json, timestamp time, bytes& to);

/// The body of a request with these pieces, in order.
bytes assemble(const http_body& as, std::span<const bytes_view> pieces);

/// Content-Type of such bodies.
std::string_view content_type(const http_body& as);

/// What became of one item of a bulk request.
struct bulk_outcome {
  int status = 0;
  std::string reason;  // when it was not taken
};

/// Outcomes in the order of the request; empty when all were taken. `corrupt` when the answer is
/// not about `count` items.
result<std::vector<bulk_outcome>> parse_bulk_answer(bytes_view answer, std::size_t count);

}  // namespace penstock
