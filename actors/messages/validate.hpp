// The border check of messages that come from another process: a whole Cap'n Proto message is
// walked once (every pointer, text and list, with limits), so that nobody behind the border can
// meet a malformed one. Called by links, on their own thread, before an envelope reaches an actor.
#pragma once

#include <capnp/schema.h>

#include "actors/messages/envelope.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// Fine when `message` is a message of `schema` in which every pointer stays inside, every text
/// ends in NUL, nothing nests deeper than 16, nothing is reachable so often that the walk reads
/// more words than the message has, and no bytes follow it. `corrupt` otherwise, with
/// the place. A null frame is the message of defaults and fine.
result<void> validate_message(const frame* message, capnp::StructSchema schema);

/// An envelope of bytes from a border; `corrupt` as above, or when the size is no whole number of
/// words or above `envelope_bytes_max`.
template <class Envelope>
result<Envelope> adopt(bytes_view wire) {
  using schema = typename Envelope::schema;
  if (wire.empty()) return Envelope{};
  if (wire.size() % sizeof(capnp::word) != 0 || wire.size() > envelope_bytes_max) {
    return error{errc::corrupt, "a message of " + std::to_string(wire.size()) +
                                    " bytes is not a whole number of 8-byte words up to " +
                                    std::to_string(envelope_bytes_max) + " bytes"};
  }
  auto taken = Envelope::adopt_unchecked(wire);
  PENSTOCK_TRY(validate_message(taken.held().get(), capnp::Schema::from<schema>()));
  return taken;
}

}  // namespace penstock
