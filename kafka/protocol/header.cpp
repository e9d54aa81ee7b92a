#include "kafka/protocol/header.hpp"

#include <fmt/format.h>

#include "streams/base/coding.hpp"

namespace penstock::kafka {

namespace {

constexpr std::int16_t api_versions_key = 18;

// Tagged fields that nobody knows yet are skipped by their size.
void skip_tags(byte_reader& in) {
  const auto count = in.uvarint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    in.uvarint();
    in.take(in.uvarint());
  }
}

}  // namespace

result<request_header> parse_request_header(bytes_view frame) {
  if (frame.size() < request_header_bytes_min)
    return error{errc::corrupt,
                 fmt::format("a request of {} bytes is shorter than its header", frame.size())};
  byte_reader in{frame};
  request_header header;
  const auto key = in.be<std::int16_t>();
  header.version = in.be<std::int16_t>();
  header.correlation = in.be<std::int32_t>();
  header.api = find_api(key);
  if (header.api == nullptr || !header.api->served())
    return error{errc::unsupported_version, fmt::format("a request with the unknown key {}", key)};
  const bool any_version = key == api_versions_key && header.version >= 0;
  if (!header.api->serves(header.version) && !any_version)
    return error{errc::unsupported_version,
                 fmt::format("{} in version {}: versions {} to {} are served", header.api->name,
                             header.version, header.api->oldest_served, header.api->newest_served)};
  // The client id is the one string that stayed as it was when the headers became flexible.
  const auto length = in.be<std::int16_t>();
  if (length < -1) return error{errc::corrupt, "a client id of negative length"};
  if (length >= 0) header.client_id = std::string{in.take(static_cast<std::uint64_t>(length))};
  if (header.api->flexible(header.version)) skip_tags(in);
  if (!in.ok()) return error{errc::corrupt, "a request that ends within its header"};
  header.body = in.rest();
  return header;
}

void put_response_header(bytes& to, const request_header& request) {
  put_be(to, request.correlation);
  if (request.api->flexible(request.version) && request.api->key != api_versions_key)
    to.push_back('\0');  // no tagged fields
}

}  // namespace penstock::kafka
