// What `tail_reader` holds of an open file. For its own sources alone.
#pragma once

#include "streams/base/assert.hpp"
#include "streams/connect/tail_reader.hpp"

namespace penstock {

// A short beginning that two files have in common makes none of them a copy: better twice than
// never.
inline constexpr std::uint64_t copy_bytes_least = 256;

/// One open file and how far it has been read.
struct tail_reader::content {
  explicit content(const tail_settings& settings)
      : cutter(settings.line_bytes_max), events(settings.events) {}

  std::uint64_t number = 0;
  std::string key;
  std::string path;
  file_facts facts;  // when last looked at
  std::unique_ptr<readable_file> handle;
  file_coding coding = file_coding::plain;
  std::unique_ptr<content_stream> stream;  // of a compressed file
  std::uint64_t begun = 0;                 // where `cutter` began
  std::uint64_t read = 0;                  // up to here
  bytes head;                              // the first bytes, up to 1 KiB
  bytes window;                            // the bytes in front of `read`
  line_cutter cutter;
  std::optional<logs::event_assembler> events;
  std::deque<std::uint64_t> starts;  // where the lines in `events` begin
  bool hot = true;                   // may have more than the last look said
  bool present = true;
  bool last_part = false;  // read only what is left of it
  bool complete = false;
  bool damaged = false;  // what is behind `read` cannot be unpacked
  // In the files of its log: number of what is read before it, and whether something is behind.
  std::uint64_t older = 0;
  bool has_newer = false;
  // A copy of the content with this number: what is in front of `read` was given as that one's, and
  // nothing is read of it. 0: none.
  std::uint64_t copy_of = 0;
  bool undecided = false;    // too short, or too long, to be certain of that
  bool doubtful = false;     // it was undecided, and read then
  bool ahead = true;         // the other has not been given so far yet
  std::uint64_t alike = 0;   // bytes that both have
  file_facts judged;         // when that was found
  bool judged_open = false;  // the other was open then
  content_points points;
  std::uint64_t looked_at = 0;  // `read` when it was looked at last
  int looks = 0;                // since it was set aside
  content_mark start;
  std::optional<content_mark> fixed;  // of one that was complete when it was opened
  bool changed = false;
  std::chrono::nanoseconds grew{0};  // when it last did
  timestamp seen = no_timestamp;

  bool rotated() const { return !present || last_part || path != key; }

  /// Compressed, and not known to its end: half a line in front of it waits for a file that is
  /// whole.
  bool cut_short() const { return coding != file_coding::plain && !complete; }

  /// Something is open that an end would give.
  bool has_open_lines() const { return cut_short() ? !starts.empty() : read > safe(); }

  /// Where the first byte is that has not been given.
  std::uint64_t safe() const { return starts.empty() ? begun + cutter.taken() : starts.front(); }

  content_mark mark() const {
    if (fixed) return *fixed;
    content_mark m;
    m.offset = safe();
    const auto length = std::min(content_mark::sum_bytes_max, m.offset);
    m.head_sum = content_sum(bytes_view{head}.substr(0, length));
    const std::uint64_t window_at = read - window.size();
    PENSTOCK_ASSERT(window_at + length <= m.offset, window_at, m.offset);
    m.tail_sum = content_sum(bytes_view{window}.substr(m.offset - length - window_at, length));
    return m;
  }
};

/// A content opened at a place: what `content` needs to go on there.
struct tail_reader::loaded {
  bytes head;
  bytes window;
  std::unique_ptr<content_stream> stream;

  content_mark mark_at(std::uint64_t offset) const {
    return {offset, content_sum(head), content_sum(window)};
  }
};

/// What a file was found to be.
struct tail_reader::verdict {
  enum class kind : std::uint8_t {
    own,        // nothing that is known
    later,      // it changes, or what it was compared with does
    copy,       // what is known up to `alike`, where it ends
    undecided,  // perhaps a copy: time tells
    rest,       // goes on with a content that is nowhere else
    behind,     // its own from `alike` on
  };
  kind what = kind::own;
  std::uint64_t of = 0;     // number of the other
  std::uint64_t alike = 0;  // bytes
};

}  // namespace penstock
