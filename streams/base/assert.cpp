#include "streams/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace penstock {
namespace {

thread_local int guards = 0;

}  // namespace

assertion_guard::assertion_guard() {
  ++guards;
}
assertion_guard::~assertion_guard() {
  --guards;
}

namespace detail {

void assertion_failure(const char* condition, const char* file, int line,
                       const std::string& values) {
  std::string text = std::string{"assertion failed: "} + condition + " (" + file + ":" +
                     std::to_string(line) + ")";
  if (!values.empty()) text += " with" + values;
  if (guards > 0) throw assertion_failed{text};
  std::fprintf(stderr, "penstock: %s\n", text.c_str());
  std::abort();
}

}  // namespace detail
}  // namespace penstock
