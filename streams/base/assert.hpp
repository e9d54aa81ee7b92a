// Assertions for bugs, always on. A failed one prints its condition and values; inside a guarded
// actor (a partition or a task) it throws `assertion_failed`, which ends that actor alone,
// elsewhere it aborts the process.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace penstock {

/// Thrown by a failed assertion on a thread that runs inside an `assertion_guard`.
class assertion_failed : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// While one lives, failed assertions on this thread throw instead of aborting. Nestable.
class assertion_guard {
 public:
  assertion_guard();
  ~assertion_guard();
  assertion_guard(const assertion_guard&) = delete;
  assertion_guard& operator=(const assertion_guard&) = delete;
};

namespace detail {

[[noreturn]] void assertion_failure(const char* condition, const char* file, int line,
                                    const std::string& values);

template <class... Ts>
std::string print_values(const Ts&... values) {
  std::ostringstream out;
  ((out << ' ' << values), ...);
  return out.str();
}

}  // namespace detail

/// `PENSTOCK_ASSERT(base <= next, base, next)`: states what must hold; prints the values if not.
#define PENSTOCK_ASSERT(condition, ...)                                        \
  (static_cast<bool>(condition)                                                \
       ? void(0)                                                               \
       : ::penstock::detail::assertion_failure(#condition, __FILE__, __LINE__, \
                                               ::penstock::detail::print_values(__VA_ARGS__)))

}  // namespace penstock
