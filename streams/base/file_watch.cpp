#include "streams/base/file_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace penstock {

namespace {

class inotify_watch final : public file_watch {
 public:
  inotify_watch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
  ~inotify_watch() override {
    if (fd_ >= 0) ::close(fd_);
  }
  inotify_watch(const inotify_watch&) = delete;
  inotify_watch& operator=(const inotify_watch&) = delete;

  void add_folder(const std::string& folder) override {
    // A folder that was made again is another one: adding it twice costs nothing.
    if (fd_ >= 0)
      ::inotify_add_watch(fd_, folder.c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR);
  }

  bool wait(std::chrono::milliseconds wait) override {
    // Without a descriptor poll only waits.
    pollfd one{fd_, POLLIN, 0};
    if (::poll(&one, 1, static_cast<int>(wait.count())) <= 0) return false;
    std::array<char, 16'384> events;
    while (::read(fd_, events.data(), events.size()) > 0) {
    }
    return true;
  }

 private:
  int fd_;
};

}  // namespace

std::unique_ptr<file_watch> watch_files() {
  return std::make_unique<inotify_watch>();
}

}  // namespace penstock
