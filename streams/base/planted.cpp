// Nothing else may live in this file: a test program replaces it at link time.
#include "streams/base/planted.hpp"

namespace penstock {

bool planted(planted_bug) {
  return false;
}

}  // namespace penstock
