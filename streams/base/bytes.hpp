// Bytes as the whole project passes them. `bytes_view` borrows, `bytes` owns; both are byte strings
// without an encoding, so keys compare and hash as the standard library does it.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// Borrowed bytes; valid as long as what they point into.
using bytes_view = std::string_view;

/// Owned bytes.
using bytes = std::string;

}  // namespace penstock
