#include "streams/record/record.hpp"

#include "streams/record/record_layout.hpp"

namespace penstock {

std::vector<header_view> headers_of(const record_view& r) {
  std::vector<header_view> headers;
  const char* at = r.raw_headers.data();
  const char* const end = at + r.raw_headers.size();
  for (std::int32_t i = 0; i < r.header_count; ++i) {
    const char *name = nullptr, *value = nullptr;
    std::size_t name_length = 0, value_length = 0;
    at = record_layout::parse_header(at, end, name, name_length, value, value_length);
    if (at == nullptr) break;  // the batch was not validated
    header_view& h = headers.emplace_back();
    h.name = bytes_view{name, name_length};
    if (value != nullptr) h.value.emplace(value, value_length);
  }
  return headers;
}

record own(const record_view& r) {
  record owned;
  owned.offset = r.offset;
  owned.time = r.time;
  if (r.key) owned.key.emplace(*r.key);
  if (r.value) owned.value.emplace(*r.value);
  for (const header_view& h : headers_of(r)) {
    record_header& copy = owned.headers.emplace_back();
    copy.name = h.name;
    if (h.value) copy.value.emplace(*h.value);
  }
  return owned;
}

}  // namespace penstock
