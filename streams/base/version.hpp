#pragma once
/// The version of Penstock that this program was built with.  Programs print it for `--version`;
/// nothing on disk depends on it, because formats carry versions of their own.

#include <string_view>

namespace penstock {

/// The project's version as `major.minor.patch`; the view is valid for ever.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace penstock
