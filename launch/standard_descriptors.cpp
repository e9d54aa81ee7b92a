#include "launch/standard_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "launch/exit_status.hpp"

namespace penstock {

void keep_standard_descriptors() {
  // `open` gives the lowest free number, so the first one that is beyond them ends it.
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

int finish_standard_output(const char* who, int status) {
  const bool before = std::ferror(stdout) != 0;
  const bool now = std::fflush(stdout) != 0;
  if ((!before && !now) || (now && errno == EPIPE)) return status;
  std::fprintf(stderr, "%s: cannot write to standard output: %s\n", who,
               now ? std::strerror(errno) : "some of it is lost");
  return status == exit_ok ? static_cast<int>(exit_failed) : status;
}

}  // namespace penstock
