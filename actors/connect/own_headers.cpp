#include "actors/connect/own_headers.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "streams/plan/http_url.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t value_bytes_max = 16u << 10;

result<std::string> look_up(const std::string& value, disk&) {
  return value;
}

result<std::string> look_up(const from_environment& where, disk&) {
  const char* const value = std::getenv(where.variable.c_str());
  if (value == nullptr)
    return error{errc::invalid_argument,
                 fmt::format("the environment variable {} is not set", where.variable)};
  if (*value == '\0' || !is_header_value(value))
    return error{errc::invalid_argument,
                 fmt::format("the environment variable {} is empty, or has control characters",
                             where.variable)};
  return where.before + value;
}

result<std::string> look_up(const from_file& where, disk& files) {
  PENSTOCK_ASSIGN(auto value, read_file(files, where.path, value_bytes_max));
  value.erase(value.find_last_not_of(" \t\r\n") + 1);
  if (value.empty() || !is_header_value(value))
    return error{errc::invalid_argument,
                 fmt::format("{} is empty, or has more than one line", where.path)};
  return where.before + value;
}

}  // namespace

result<http_fields> values_of(const std::vector<http_header>& headers, disk& files) {
  http_fields out;
  for (const auto& each : headers) {
    auto value = std::visit([&](const auto& where) { return look_up(where, files); }, each.value);
    if (!value)
      return value.error().with_context(fmt::format("no value for the header {}", each.name));
    out.emplace_back(each.name, std::move(*value));
  }
  return out;
}

}  // namespace penstock
