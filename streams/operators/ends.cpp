#include "streams/operators/ends.hpp"

#include <fmt/format.h>

namespace penstock::detail {

std::string undecodable(std::string_view what, const std::optional<bytes_view>& raw,
                        std::string_view format) {
  if (!raw) return fmt::format("it has no {}, and {} does not allow that", what, format);
  return fmt::format("its {} ({} bytes) is not {}", what, raw->size(), format);
}

}  // namespace penstock::detail
