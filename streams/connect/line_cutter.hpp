// Blocks of bytes become lines: the one place that knows what a line is, for every source that
// reads lines. Pure; one object per stream or file. What is behind the last newline waits for the
// next block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "streams/base/bytes.hpp"

namespace penstock {

/// A line ends at '\n' or "\r\n", which are not part of it. A line of more than `line_bytes_max`
/// bytes comes in pieces of that size, so that memory stays bounded and no byte is lost.
class line_cutter {
 public:
  explicit line_cutter(std::size_t line_bytes_max) : max_(line_bytes_max) {}

  /// Calls `emit(std::string_view)` for each line that is complete now, in order; the views live
  /// until it returns.
  template <class Emit>
  void add(bytes_view block, Emit&& emit) {
    while (!block.empty()) {
      const auto* const at =
          static_cast<const char*>(std::memchr(block.data(), '\n', block.size()));
      const std::size_t found =
          at == nullptr ? block.size() : static_cast<std::size_t>(at - block.data());
      if (at != nullptr && pending_.empty() && !cut_ && found <= max_) {
        taken_ += found + 1;  // the usual case: nothing is copied
        give(block.substr(0, found), emit);
      } else {
        gather(block.substr(0, found), emit);
        if (at != nullptr) end_line(emit, 1);
      }
      block.remove_prefix(at == nullptr ? found : found + 1);
    }
  }

  /// The stream has ended: what has no newline is a line too.
  template <class Emit>
  void finish(Emit&& emit) {
    if (!pending_.empty()) end_line(emit, 0);
    cut_ = false;
  }

  /// Bytes that wait for their newline.
  std::size_t pending() const { return pending_.size(); }

  /// Bytes of the stream, newlines included, up to the end of the line that `emit` has last been
  /// called with.
  std::uint64_t taken() const { return taken_; }

  /// How many lines were too long.
  std::uint64_t too_long() const { return too_long_; }

 private:
  template <class Emit>
  void give(bytes_view line, Emit&& emit) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    emit(std::string_view{line});
  }

  template <class Emit>
  void gather(bytes_view part, Emit&& emit) {
    while (pending_.size() + part.size() > max_) {
      const std::size_t room = max_ - pending_.size();
      pending_.append(part.substr(0, room));
      part.remove_prefix(room);
      taken_ += pending_.size();
      emit(std::string_view{pending_});
      pending_.clear();
      if (!cut_) ++too_long_;
      cut_ = true;
    }
    pending_.append(part);
  }

  template <class Emit>
  void end_line(Emit&& emit, std::size_t newline) {
    taken_ += pending_.size() + newline;
    // The end of a line that was cut at its very end is no line.
    if (!cut_ || !(pending_.empty() || pending_ == "\r")) give(pending_, emit);
    pending_.clear();
    cut_ = false;
  }

  std::size_t max_;
  bytes pending_;
  bool cut_ = false;  // pieces of the current line have been given
  std::uint64_t taken_ = 0;
  std::uint64_t too_long_ = 0;
};

}  // namespace penstock
