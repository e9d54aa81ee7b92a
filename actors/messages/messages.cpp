#include "actors/messages/messages.hpp"

namespace penstock {

error error_of(wire::Failure::Reader failure) {
  if (failure.getCode() == 0) return {};
  return error{static_cast<errc>(failure.getCode()), std::string{view(failure.getMessage())}};
}

void set_failure(wire::Failure::Builder to, const error& why) {
  to.setCode(static_cast<std::uint8_t>(why.code()));
  if (!why.message().empty()) to.setMessage(text_of(why.message()));
}

}  // namespace penstock
