#include "launch/process_memory.hpp"

#include <malloc.h>

namespace penstock {

void keep_freed_memory() {
  // What more than this is free at the end of a heap is given back.
  constexpr int bytes = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_TRIM_THRESHOLD, bytes);
}

}  // namespace penstock
