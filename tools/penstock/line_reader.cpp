#include "tools/penstock/line_reader.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/penstock/stop_signal.hpp"

namespace penstock::tool {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

}  // namespace

line_reader::line_reader(int descriptor, std::string name, std::size_t line_bytes_max)
    : descriptor_(descriptor),
      name_(std::move(name)),
      line_bytes_max_(line_bytes_max),
      capacity_(std::max(buffer_bytes, line_bytes_max + 2)),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

result<bool> line_reader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (true) {
    if (stop_requested()) return error{errc::cancelled, "interrupted"};
    const auto got = ::read(descriptor_, buffer_.get() + end_, capacity_ - end_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return error{errc::io_error, fmt::format("cannot read {}: {}", name_, std::strerror(errno))};
    }
    end_ += static_cast<std::size_t>(got);
    return got > 0;
  }
}

result<std::optional<bytes_view>> line_reader::next() {
  ++number_;
  std::size_t searched = 0;
  while (true) {
    const char* from = buffer_.get() + begin_;
    const auto have = end_ - begin_;
    const auto* found =
        have > searched
            ? static_cast<const char*>(std::memchr(from + searched, '\n', have - searched))
            : nullptr;
    const auto length = found != nullptr ? static_cast<std::size_t>(found - from) : have;
    if (length > line_bytes_max_) {
      return error{errc::record_too_large, fmt::format("line {} of {} is longer than {} bytes",
                                                       number_, name_, line_bytes_max_)};
    }
    if (found != nullptr) {
      begin_ += length + 1;
      return std::optional<bytes_view>{bytes_view{from, length}};
    }
    if (ended_) {
      begin_ = end_;
      if (have == 0) return std::optional<bytes_view>{};
      return std::optional<bytes_view>{bytes_view{from, have}};
    }
    searched = have;
    PENSTOCK_ASSIGN(const bool more, fill());
    ended_ = !more;
  }
}

}  // namespace penstock::tool
