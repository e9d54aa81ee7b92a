// What stands before the body of every request and response. A frame is four bytes of length and
// then this: the reader of the listener has taken the length off already.
// Bytes: docs/protocol/kafka.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kafka/protocol/apis.hpp"
#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock::kafka {

inline constexpr std::size_t frame_length_bytes = 4;

/// The shortest frame that can be a request: key, version, correlation id, length of the client id.
inline constexpr std::size_t request_header_bytes_min = 10;

struct request_header {
  const api_info* api = nullptr;
  std::int16_t version = 0;
  std::int32_t correlation = 0;
  std::optional<std::string> client_id;
  bytes_view body;  // of the frame
};

/// `corrupt` when the bytes are no header; `unsupported_version` for an API or version that is not
/// served: such a request has no answer, except ApiVersions, which is returned with its body unread
/// and its version as it came (the caller answers error 35 in version 0).
result<request_header> parse_request_header(bytes_view frame);

/// Appends the response's header (without the frame's length).
void put_response_header(bytes& to, const request_header& request);

}  // namespace penstock::kafka
