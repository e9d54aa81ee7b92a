#include "streams/base/file_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace penstock {

namespace {

error failure(const char* verb, const std::string& path, int why) {
  const auto code = why == ENOENT || why == ENOTDIR  ? errc::not_found
                    : why == EACCES || why == EPERM  ? errc::read_only
                    : why == EMFILE || why == ENFILE ? errc::overloaded
                                                     : errc::io_error;
  return error{code, fmt::format("cannot {} {}: {}", verb, path, std::strerror(why))};
}

file_facts facts_of(const struct stat& is) {
  file_facts facts;
  facts.device = is.st_dev;
  facts.number = is.st_ino;
  facts.size = static_cast<std::uint64_t>(is.st_size);
  facts.changed_ns = std::int64_t{is.st_mtim.tv_sec} * 1'000'000'000 + is.st_mtim.tv_nsec;
  facts.regular = S_ISREG(is.st_mode);
  return facts;
}

class posix_readable final : public readable_file {
 public:
  posix_readable(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~posix_readable() override { ::close(fd_); }
  posix_readable(const posix_readable&) = delete;
  posix_readable& operator=(const posix_readable&) = delete;

  result<file_facts> facts() override {
    struct stat is {};
    if (::fstat(fd_, &is) != 0) return failure("look at", path_, errno);
    return facts_of(is);
  }

  result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) override {
    std::size_t done = 0;
    while (done < length) {
      const auto got = ::pread(fd_, to + done, length - done, static_cast<off_t>(position + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failure("read", path_, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  int fd_;
  std::string path_;
};

// glob(3) has no argument for what its error function should know.
thread_local std::vector<std::string>* glob_notices = nullptr;

int on_glob_error(const char* path, int why) {
  if (why != ENOENT && why != ENOTDIR)
    glob_notices->push_back(failure("look into", path, why).message());
  return 0;
}

class posix_tree final : public file_tree {
 public:
  result<found_files> match(const std::string& pattern) override {
    found_files found;
    glob_notices = &found.notices;
    glob_t matched{};
    const int how = ::glob(pattern.c_str(), 0, on_glob_error, &matched);
    if (how == GLOB_NOSPACE) return error{errc::io_error, "no memory to match " + pattern};
    for (std::size_t i = 0; how == 0 && i < matched.gl_pathc; ++i) {
      const char* path = matched.gl_pathv[i];
      struct stat is {};
      // What is gone by now was renamed or deleted: the next look finds it.
      if (::lstat(path, &is) != 0) continue;
      const bool link = S_ISLNK(is.st_mode);
      if (link && ::stat(path, &is) != 0) continue;
      found.files.push_back({path, facts_of(is), link});
    }
    ::globfree(&matched);
    return found;
  }

  result<std::unique_ptr<readable_file>> open(const std::string& path) override {
    // Whatever has been put in the place of the file must not hold us up.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return failure("open", path, errno);
    auto opened = std::make_unique<posix_readable>(fd, path);
    PENSTOCK_ASSIGN(const auto facts, opened->facts());
    if (!facts.regular) return error{errc::invalid_argument, path + " is no regular file"};
    return std::unique_ptr<readable_file>{std::move(opened)};
  }
};

}  // namespace

file_tree& machine_files() {
  static posix_tree files;
  return files;
}

std::string pattern_of(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::optional<std::string> path_of(const std::string& pattern) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[') return std::nullopt;
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    path += pattern[i];
  }
  return path;
}

}  // namespace penstock
