#include "tests/support/paths.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace penstock::test {

namespace {

std::optional<std::string> from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string{value};
}

}  // namespace

std::string source_dir() {
  return PENSTOCK_SOURCE_DIR;
}

std::string binary_dir() {
  return PENSTOCK_BINARY_DIR;
}

std::optional<std::string> data_dir() {
  return from_environment("PENSTOCK_TEST_DATA");
}

std::optional<std::string> peers_dir() {
  return from_environment("PENSTOCK_PEERS");
}

scratch_dir::scratch_dir() {
  auto pattern = (std::filesystem::temp_directory_path() / "penstock-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
  path_ = pattern;
}

scratch_dir::~scratch_dir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace penstock::test
