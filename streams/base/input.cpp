#include "streams/base/input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace penstock {

namespace {

error failure(const char* verb, const std::string& name) {
  const int why = errno;
  const auto code = why == ENOENT || why == ENOTDIR ? errc::not_found
                    : why == EACCES                 ? errc::read_only
                                                    : errc::io_error;
  return error{code, fmt::format("cannot {} {}: {}", verb, name, std::strerror(why))};
}

class descriptor_input final : public input {
 public:
  descriptor_input(int fd, bool own, std::string name)
      : fd_(fd), own_(own), name_(std::move(name)) {}
  ~descriptor_input() override {
    if (own_) ::close(fd_);
  }
  descriptor_input(const descriptor_input&) = delete;
  descriptor_input& operator=(const descriptor_input&) = delete;

  result<std::optional<std::size_t>> read_some(char* to, std::size_t length,
                                               std::chrono::milliseconds wait) override {
    pollfd one{fd_, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(wait.count()));
    if (ready == 0 || (ready < 0 && errno == EINTR)) return std::optional<std::size_t>{};
    if (ready < 0) return failure("wait for", name_);
    const auto got = ::read(fd_, to, length);
    if (got >= 0) return std::optional{static_cast<std::size_t>(got)};
    if (errno == EINTR || errno == EAGAIN) return std::optional<std::size_t>{};
    return failure("read", name_);
  }

 private:
  int fd_;
  bool own_;
  std::string name_;
};

}  // namespace

result<std::unique_ptr<input>> open_input(const std::string& path) {
  const bool standard = path.empty();
  const std::string name = standard ? "standard input" : path;
  // A pipe without a writer must not hold up whoever opens it.
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failure("open", name);
  auto opened = std::make_unique<descriptor_input>(fd, !standard, name);
  struct stat is {};
  if (::fstat(fd, &is) != 0) return failure("look at", name);
  if (S_ISDIR(is.st_mode)) {
    return error{errc::invalid_argument, name + " is a folder: name a file or a pipe"};
  }
  return std::unique_ptr<input>{std::move(opened)};
}

}  // namespace penstock
