// Bytes as a client could send them: a frame's header, then the body of whatever it says it is.
// What can be read must be writable, and read back the same.
#include <cstdint>
#include <cstdlib>

#include "kafka/protocol/header.hpp"
#include "kafka/protocol/messages.hpp"

using namespace penstock;
using namespace penstock::kafka;

namespace {

template <class Message>
void try_as(bytes_view body, int version) {
  if (version < Message::oldest || version > Message::newest) return;
  auto read = decode<Message>(body, version);
  if (!read) return;
  bytes again;
  encode(*read, version, again);
  auto second = decode<Message>(again, version);
  bytes third;
  if (!second) std::abort();
  encode(*second, version, third);
  if (third != again) std::abort();  // compared as bytes: a NaN is not equal to itself
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view frame{reinterpret_cast<const char*>(data), size};
  auto header = parse_request_header(frame);
  if (!header) return 0;
  for_each_message([&]<class Message>() {
    if (Message::api_key == header->api->key) try_as<Message>(header->body, header->version);
  });
  return 0;
}
