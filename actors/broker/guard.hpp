// What every actor of the broker shares: an exception (a failed assertion, out of memory, a
// library's) ends that actor alone, with its words as the exit reason, so that its supervisor can
// say them.
#pragma once

#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <exception>
#include <string>
#include <string_view>

#include "actors/errors.hpp"

namespace penstock {

/// Installs the exception handler on an actor.
template <class Self>
void guard(Self* self) {
  self->set_exception_handler([](std::exception_ptr& what) -> caf::error {
    try {
      std::rethrow_exception(what);
    } catch (const std::exception& e) {
      return to_caf(error{errc::internal, e.what()});
    } catch (...) {
      return to_caf(error{errc::internal, "an exception of unknown type"});
    }
  });
}

/// One line on the node's log: what happened to which thing.
void log_line(std::string_view thing, std::string_view what);

}  // namespace penstock
