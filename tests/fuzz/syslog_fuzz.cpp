// A stream of syslog messages: however it is cut into reads, the framer gives the same messages,
// within its cap; and each of them is read or refused.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "streams/base/assert.hpp"
#include "streams/logs/framing.hpp"
#include "streams/logs/syslog.hpp"

using namespace penstock;

namespace {

constexpr std::size_t most = logs::syslog_framer::least_cap;

std::vector<std::string> messages(std::string_view stream, std::size_t step,
                                  logs::syslog_framer::mode how, bool& failed) {
  std::vector<std::string> all;
  logs::syslog_framer framer{most, how};
  const auto add = [&](std::string_view message) {
    PENSTOCK_ASSERT(!message.empty() && message.size() <= most, message.size());
    all.emplace_back(message);
  };
  while (!stream.empty()) {
    framer.add(stream.substr(0, step), add);
    PENSTOCK_ASSERT(framer.pending_bytes() <= most + 1, framer.pending_bytes());
    stream.remove_prefix(std::min(step, stream.size()));
  }
  framer.finish(add);
  failed = !framer.error();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream{reinterpret_cast<const char*>(data), size};
  using mode = logs::syslog_framer::mode;
  for (const mode how : {mode::automatic, mode::newline, mode::octets}) {
    bool failed = false, again = false;
    const auto whole = messages(stream, std::max<std::size_t>(size, 1), how, failed);
    PENSTOCK_ASSERT(whole == messages(stream, 1, how, again) && failed == again);
    PENSTOCK_ASSERT(whole == messages(stream, 7, how, again) && failed == again);
    for (const std::string& message : whole) {
      (void)logs::read_syslog(message, from_millis(1'700'000'000'000));
    }
  }
  if (const auto m = logs::read_syslog(stream, from_millis(0), 60min)) {
    PENSTOCK_ASSERT(m->facility >= 0 && m->facility < 24, m->facility);
    PENSTOCK_ASSERT(m->data.repeated() == nullptr);
    bytes stored;
    logs::syslog_message back;
    serde<logs::syslog_message>::encode(*m, stored);
    PENSTOCK_ASSERT(serde<logs::syslog_message>::decode(stored, back));
    PENSTOCK_ASSERT(back.message == m->message && back.data == m->data);
  }
  return 0;
}
