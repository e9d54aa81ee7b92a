// The machine's disk: pread, pwrite, fdatasync, flock. A node has far more files than a process
// may have descriptors, so a `file` is a path whose descriptor is opened when it is needed and
// closed again when others need the room (least recently used first).
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <list>
#include <mutex>
#include <system_error>
#include <utility>

#include "streams/base/disk.hpp"

namespace penstock {
namespace {

namespace fs = boost::filesystem;

enum class purpose { reading, writing, syncing };

std::string reason_of(int code) {
  return std::generic_category().message(code);
}

error failure(purpose why, const char* verb, const std::string& path, int code) {
  std::string text = std::string{"cannot "} + verb + " " + path + ": " + reason_of(code);
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return error{errc::disk_full, text + "; free some space or move the data directory"};
    case ENOENT:
    case ENOTDIR:
      return error{errc::not_found, std::move(text)};
    case EROFS:
    case EACCES:
    case EPERM:
      return error{errc::read_only,
                   text + (why == purpose::reading ? "; it must be readable by this user"
                                                   : "; it must be writable by this user")};
    case EMFILE:
    case ENFILE:
      return error{errc::overloaded, text + "; raise the limit of open files (ulimit -n)"};
    case EISDIR:  // no file, and will not be one
    case EEXIST:
    case ESPIPE:
    case ENXIO:
      return error{errc::invalid_argument, std::move(text)};
    case EINVAL:  // so says a device that has nothing to sync
      if (why == purpose::syncing) return error{errc::invalid_argument, std::move(text)};
      break;
    default:
      break;
  }
  return error{why == purpose::syncing ? errc::sync_failed : errc::io_error, std::move(text)};
}

error failure(purpose why, const char* verb, const std::string& path,
              const boost::system::error_code& code) {
  return failure(why, verb, path, code.value());
}

class posix_file;

/// Which files have a descriptor right now. One for the process; any thread.
class descriptor_pool {
 public:
  descriptor_pool() {
    rlimit limit{};
    std::size_t allowed = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
                              ? static_cast<std::size_t>(limit.rlim_cur)
                              : 1024;
    // Sockets and libraries need the rest.
    open_max_ = std::clamp<std::size_t>(allowed / 2, 16, 4096);
  }

  result<int> acquire(posix_file& of);
  void release(posix_file& of);
  void forget(posix_file& of);
  /// The first descriptor of a file that was just opened.
  void adopt(posix_file& of, int descriptor);

 private:
  void make_room();

  std::mutex mutex_;
  std::list<posix_file*> open_;  // most recently used first
  std::size_t open_max_ = 0;
};

descriptor_pool& pool() {
  // Never destroyed: files in other statics may outlive it.
  static auto& instance = *new descriptor_pool;
  return instance;
}

class posix_file final : public file {
 public:
  posix_file(std::string path, int flags) : path_(std::move(path)), flags_(flags) {}
  ~posix_file() override { pool().forget(*this); }
  posix_file(const posix_file&) = delete;
  posix_file& operator=(const posix_file&) = delete;

  result<std::size_t> read_at(std::uint64_t position, char* to, std::size_t length) override {
    PENSTOCK_ASSIGN(borrowed descriptor, borrow());
    std::size_t got = 0;
    while (got < length) {
      ssize_t n =
          ::pread(descriptor.number(), to + got, length - got, static_cast<off_t>(position + got));
      if (n == 0) break;
      if (n < 0) {
        if (errno == EINTR) continue;
        return failure(purpose::reading, "read", path_, errno);
      }
      got += static_cast<std::size_t>(n);
    }
    return got;
  }

  result<void> write_at(std::uint64_t position, bytes_view data) override {
    PENSTOCK_ASSIGN(borrowed descriptor, borrow());
    while (!data.empty()) {
      ssize_t n =
          ::pwrite(descriptor.number(), data.data(), data.size(), static_cast<off_t>(position));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failure(purpose::writing, "write", path_, errno);
      }
      position += static_cast<std::uint64_t>(n);
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  result<void> sync() override {
    PENSTOCK_ASSIGN(borrowed descriptor, borrow());
    while (::fdatasync(descriptor.number()) != 0) {
      if (errno == EINTR) continue;
      return failure(purpose::syncing, "sync", path_, errno);
    }
    return {};
  }

  result<void> truncate(std::uint64_t size) override {
    PENSTOCK_ASSIGN(borrowed descriptor, borrow());
    while (::ftruncate(descriptor.number(), static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      return failure(purpose::writing, "truncate", path_, errno);
    }
    return {};
  }

  result<std::uint64_t> size() override {
    PENSTOCK_ASSIGN(borrowed descriptor, borrow());
    struct stat found {};
    if (::fstat(descriptor.number(), &found) != 0) {
      return failure(purpose::reading, "stat", path_, errno);
    }
    return static_cast<std::uint64_t>(found.st_size);
  }

  /// Opens the descriptor for the first time.
  result<void> first_open(bool create, purpose why) {
    int opened = ::open(path_.c_str(), flags_ | (create ? O_CREAT : 0), 0644);
    if (opened < 0) return failure(why, create ? "create" : "open", path_, errno);
    struct stat found {};
    if (::fstat(opened, &found) != 0 || S_ISDIR(found.st_mode)) {
      int code = S_ISDIR(found.st_mode) ? EISDIR : errno;
      ::close(opened);
      return failure(why, "open", path_, code);
    }
    device_ = found.st_dev;
    inode_ = found.st_ino;
    pool().adopt(*this, opened);
    return {};
  }

 private:
  friend class descriptor_pool;

  class borrowed {
   public:
    borrowed(posix_file& from, int number) : from_(&from), number_(number) {}
    borrowed(borrowed&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)), number_(other.number_) {}
    borrowed& operator=(borrowed&&) = delete;
    ~borrowed() {
      if (from_ != nullptr) pool().release(*from_);
    }
    int number() const { return number_; }

   private:
    posix_file* from_;
    int number_;
  };

  result<borrowed> borrow() {
    PENSTOCK_ASSIGN(int number, pool().acquire(*this));
    return borrowed{*this, number};
  }

  /// Opens the same file again after its descriptor was given up.
  result<int> reopen() {
    int opened = ::open(path_.c_str(), flags_);
    if (opened < 0) return failure(purpose::reading, "open again", path_, errno);
    struct stat found {};
    if (::fstat(opened, &found) != 0 || found.st_dev != device_ || found.st_ino != inode_) {
      ::close(opened);
      return error{errc::io_error, path_ + " was replaced by another file while it was in use"};
    }
    return opened;
  }

  std::string path_;
  int flags_;
  dev_t device_ = 0;
  ino_t inode_ = 0;

  // Guarded by the pool's mutex.
  int descriptor_ = -1;
  int users_ = 0;
  std::list<posix_file*>::iterator place_;
};

void descriptor_pool::make_room() {
  auto at = open_.end();
  while (open_.size() >= open_max_ && at != open_.begin()) {
    --at;
    posix_file& candidate = **at;
    if (candidate.users_ > 0) continue;
    ::close(std::exchange(candidate.descriptor_, -1));
    at = open_.erase(at);
  }
}

void descriptor_pool::adopt(posix_file& of, int descriptor) {
  std::lock_guard hold{mutex_};
  make_room();
  of.descriptor_ = descriptor;
  of.place_ = open_.insert(open_.begin(), &of);
}

result<int> descriptor_pool::acquire(posix_file& of) {
  std::lock_guard hold{mutex_};
  if (of.descriptor_ < 0) {
    make_room();
    PENSTOCK_ASSIGN(of.descriptor_, of.reopen());
    of.place_ = open_.insert(open_.begin(), &of);
  } else if (of.place_ != open_.begin()) {
    open_.splice(open_.begin(), open_, of.place_);
  }
  ++of.users_;
  return of.descriptor_;
}

void descriptor_pool::release(posix_file& of) {
  std::lock_guard hold{mutex_};
  --of.users_;
}

void descriptor_pool::forget(posix_file& of) {
  std::lock_guard hold{mutex_};
  if (of.descriptor_ < 0) return;
  ::close(std::exchange(of.descriptor_, -1));
  open_.erase(of.place_);
}

class posix_lock final : public directory_lock {
 public:
  explicit posix_lock(int descriptor) : descriptor_(descriptor) {}
  // The file stays: removing it would let two processes lock two files of one name.
  ~posix_lock() override { ::close(descriptor_); }
  posix_lock(const posix_lock&) = delete;
  posix_lock& operator=(const posix_lock&) = delete;

 private:
  int descriptor_;
};

std::string owner_of(int descriptor) {
  char text[32] = {};
  ssize_t n = ::pread(descriptor, text, sizeof text - 1, 0);
  std::string owner{text, static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  owner.erase(std::find_if_not(owner.begin(), owner.end(),
                               [](unsigned char c) { return c >= '0' && c <= '9'; }),
              owner.end());
  return owner.empty() ? "unknown" : owner;
}

class posix_disk final : public disk {
 public:
  result<std::shared_ptr<file>> open(const std::string& path, open_mode mode) override {
    int flags = (mode == open_mode::read ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    auto opened = std::make_shared<posix_file>(path, flags);
    purpose why = mode == open_mode::read ? purpose::reading : purpose::writing;
    PENSTOCK_TRY(opened->first_open(mode == open_mode::create, why));
    return std::shared_ptr<file>{std::move(opened)};
  }

  result<bool> exists(const std::string& path) override {
    boost::system::error_code code;
    fs::file_status found = fs::status(path, code);
    if (found.type() == fs::file_not_found) return false;
    if (code) return failure(purpose::reading, "stat", path, code);
    return true;
  }

  result<std::vector<std::string>> list(const std::string& folder) override {
    boost::system::error_code code;
    std::vector<std::string> names;
    fs::directory_iterator at{folder, code};
    if (code) return failure(purpose::reading, "list", folder, code);
    for (; at != fs::directory_iterator{};) {
      names.push_back(at->path().filename().string());
      at.increment(code);
      if (code) return failure(purpose::reading, "list", folder, code);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  result<void> make_folder(const std::string& folder) override {
    boost::system::error_code code;
    fs::create_directories(folder, code);
    if (code) return failure(purpose::writing, "make folder", folder, code);
    return {};
  }

  result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return failure(purpose::writing, "remove", path, errno);
    }
    return {};
  }

  result<void> remove_folder(const std::string& folder) override {
    boost::system::error_code code;
    fs::remove_all(folder, code);
    if (code) return failure(purpose::writing, "remove", folder, code);
    return {};
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    boost::system::error_code code;
    fs::rename(from, to, code);
    if (code) return failure(purpose::writing, "rename", from, code);
    return {};
  }

  result<void> sync_folder(const std::string& folder) override {
    int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return failure(purpose::syncing, "open", folder, errno);
    int code = ::fsync(opened) == 0 ? 0 : errno;
    ::close(opened);
    // Some file systems have nothing to sync in a folder and say so with EINVAL.
    if (code != 0 && code != EINVAL) return failure(purpose::syncing, "sync", folder, code);
    return {};
  }

  result<std::unique_ptr<directory_lock>> lock(const std::string& folder) override {
    const std::string path = folder + "/.lock";
    int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (opened < 0) return failure(purpose::writing, "lock", path, errno);
    if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
      int code = errno;
      std::string owner = owner_of(opened);
      ::close(opened);
      if (code != EWOULDBLOCK) return failure(purpose::writing, "lock", path, code);
      return error{errc::locked, "the data directory " + folder + " is in use by process " + owner +
                                     "; end it or choose another directory"};
    }
    // The number is for people who find the directory locked; the lock itself is the kernel's.
    std::string owner = std::to_string(::getpid()) + "\n";
    if (::ftruncate(opened, 0) != 0 ||
        ::pwrite(opened, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
      int code = errno;
      ::close(opened);
      return failure(purpose::writing, "write", path, code);
    }
    return std::unique_ptr<directory_lock>{std::make_unique<posix_lock>(opened)};
  }

  result<std::uint64_t> free_bytes(const std::string& folder) override {
    struct statvfs found {};
    if (::statvfs(folder.c_str(), &found) != 0) {
      return failure(purpose::reading, "stat the file system of", folder, errno);
    }
    return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
  }
};

}  // namespace

disk& machine_disk() {
  static posix_disk instance;
  return instance;
}

}  // namespace penstock
