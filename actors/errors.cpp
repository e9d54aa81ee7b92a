#include "actors/errors.hpp"

#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

namespace penstock {

caf::atom_value error_category() {
  return caf::atom("penstock");
}

caf::error to_caf(const error& from) {
  return caf::error{static_cast<std::uint8_t>(from.code()), error_category(),
                    caf::make_message(from.message())};
}

error from_caf(const caf::error& from) {
  if (!from) return {};
  if (from.category() == error_category()) {
    std::string words;
    if (from.context().match_elements<std::string>()) words = from.context().get_as<std::string>(0);
    return error{static_cast<errc>(from.code()), std::move(words)};
  }
  if (from == caf::sec::request_timeout) return error{errc::timed_out, "no answer in time"};
  if (from == caf::sec::request_receiver_down || from == caf::exit_reason::user_shutdown ||
      from == caf::exit_reason::unreachable || from == caf::exit_reason::kill ||
      from == caf::exit_reason::normal)
    return error{errc::closed, "the actor has ended"};
  return error{errc::internal, caf::to_string(from)};
}

}  // namespace penstock
