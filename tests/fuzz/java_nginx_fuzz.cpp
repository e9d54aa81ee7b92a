// Events of log4j and of nginx's error log: read or refused, and what is read is no longer than the
// event.

#include <cstdint>

#include "streams/base/assert.hpp"
#include "streams/logs/log4j.hpp"
#include "streams/logs/nginx_error.hpp"

using namespace penstock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view event{reinterpret_cast<const char*>(data), size};
  if (const auto e = logs::log4j(event)) {
    const std::size_t total =
        e->level.size() + e->thread.size() + e->logger.size() + e->message.size() + e->trace.size();
    PENSTOCK_ASSERT(!e->level.empty() && total <= size, total);
  } else {
    PENSTOCK_ASSERT(e.error().message().size() < 1'000);
  }
  if (const auto e = logs::nginx_error(event)) {
    const std::size_t total = e->level.size() + e->message.size() + e->client.size() +
                              e->server.size() + e->request.size() + e->upstream.size() +
                              e->host.size() + e->referrer.size();
    PENSTOCK_ASSERT(total <= size, total);
  } else {
    PENSTOCK_ASSERT(e.error().message().size() < 1'000);
  }
  return 0;
}
