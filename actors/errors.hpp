// Our errors as CAF's and back: the same 8-bit code, category `penstock`, the words as context.
#pragma once

#include <caf/error.hpp>
#include <string>

#include "streams/base/error.hpp"

namespace penstock {

/// The category under which our codes travel inside a `caf::error`.
caf::atom_value error_category();

caf::error to_caf(const error& from);

/// What CAF reports (a dead actor, a time-out, an exit reason) in our terms.
error from_caf(const caf::error& from);

}  // namespace penstock
