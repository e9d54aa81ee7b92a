// How a program calls itself in front of what it says on stderr about its command line.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// The last part of argv[0]; "penstock" where there is none.
inline std::string program_name(int argc, const char* const* argv) {
  if (argc < 1) return "penstock";
  const std::string_view path = argv[0];
  return std::string{path.substr(path.rfind('/') + 1)};
}

}  // namespace penstock
