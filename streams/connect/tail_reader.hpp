// Follows log files that other programs write, rotate, truncate, compress and delete: which file is
// which, what of it has not been read, and where each line ends. Pure: files come from a
// `file_tree`, time as an argument. Owned by the actor of a `tail` source, which makes the lines
// durable and the positions behind them. docs/formats/checkpoint.md has what a position is on disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/file_tree.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/connect/content_stream.hpp"
#include "streams/connect/line_cutter.hpp"
#include "streams/logs/multiline.hpp"

namespace penstock {

struct tail_settings {
  std::string glob;
  bool from_head = true;  // else files that are there at the very first start begin at their end
  std::size_t line_bytes_max = 1u << 20;
  std::optional<logs::event_assembler> events;  // copied for each file; none: a line is an event
  std::size_t block_bytes = 256u << 10;
  duration rotated_wait = 2s;    // a rotated file that was silent for so long is complete
  duration forget_after = 168h;  // what is gone for so long is not recognised any more
  std::size_t files_max = 100'000;
};

/// A place in a content, with checksums by which the content is known again: of its first bytes and
/// of those before the place.
struct content_mark {
  static constexpr std::uint64_t sum_bytes_max = 1024;

  std::uint64_t offset = 0;
  std::uint64_t head_sum = 0;  // CRC-64 of the first bytes, up to 1 KiB, not beyond `offset`
  std::uint64_t tail_sum = 0;  // CRC-64 of up to 1 KiB in front of `offset`

  friend bool operator==(const content_mark&, const content_mark&) = default;
};

/// How far one content has been read. A content keeps its number when its file is renamed, copied
/// and truncated, or compressed.
struct tail_position {
  std::uint64_t number = 0;
  std::string key;   // path under which it was seen first
  std::string path;  // … and last
  std::uint64_t device = 0;
  std::uint64_t file = 0;  // inode
  std::uint64_t size = 0;  // of the file when it was looked at last
  content_mark at;         // what is before this place has been given
  bool gone = false;       // deleted, or replaced by another content
  bool complete = false;   // compressed, and read to its end
  timestamp seen = no_timestamp;
  content_mark start;  // where reading it began; not remembered
};

class tail_reader {
 public:
  /// Gets a line (or event) and the key of its file. Both live until it returns.
  using emit_function = std::function<void(const std::string& key, std::string_view line)>;

  tail_reader(tail_settings settings, file_tree& files);
  ~tail_reader();
  tail_reader(const tail_reader&) = delete;
  tail_reader& operator=(const tail_reader&) = delete;

  /// What an earlier run had read; before the first `scan`.
  void restore(std::vector<tail_position> positions);

  /// Looks which files there are and what has become of those known. `wall` is remembered in
  /// positions, `now` is any clock that does not go back.
  void scan(timestamp wall, std::chrono::nanoseconds now);

  /// Reads up to about `budget` bytes and gives their lines. False when nothing is at hand until
  /// the next scan.
  bool read(std::size_t budget, std::chrono::nanoseconds now, const emit_function& emit);

  /// Nothing more will come of what the last scan saw: gives half lines and events that are open.
  void finish(const emit_function& emit);

  /// Positions that changed since they were taken last: everything in front of them has been given.
  std::vector<tail_position> take_changed();

  /// Numbers of contents that will not be recognised any more.
  std::vector<std::uint64_t> take_forgotten() { return std::exchange(forgotten_, {}); }

  /// What a person should know, each once.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

  /// Bytes that the last scan saw and that are unread (compressed files count as they are).
  std::uint64_t unread_bytes() const;
  std::uint64_t lines_cut() const;
  std::size_t files() const { return open_.size(); }

  /// The last scan left out a file that is still being compressed.
  bool waits() const { return deferred_; }

 private:
  struct content;
  struct loaded;
  struct copy {
    file_facts facts;          // when it was compared
    std::uint64_t number = 0;  // of what it is a copy of
  };

  void notice_once(const std::string& what);
  bool replaced(content& c, const file_facts& now);
  void set_aside(std::size_t index, bool was_replaced);
  bool adopt(const found_file& found, bool known_only);
  void resume(std::unique_ptr<content> fresh, loaded state, const content_mark& at);
  void begin_new(const found_file& found, std::unique_ptr<readable_file> handle,
                 file_coding coding);
  std::optional<loaded> load(readable_file& from, file_coding coding, const content_mark& at);
  const tail_position* replaced_by_copy(const found_file& found, readable_file& handle);
  bool same_bytes(readable_file& a, readable_file& b, std::uint64_t size);
  std::optional<content_mark> mark_at(readable_file& from, std::uint64_t offset, loaded& state);
  void take_over(const tail_position& known, const found_file& found, file_coding coding);
  bool is_copy(const found_file& found, readable_file& handle, file_coding coding, bool& wait);
  void look_around();
  void retire(timestamp wall, std::chrono::nanoseconds now);
  bool read_block(content& c, std::chrono::nanoseconds now, const emit_function& emit);
  bool take_block(content& c, bytes_view block, std::chrono::nanoseconds now,
                  const emit_function& emit);
  void close_lines(content& c, const emit_function& emit);
  tail_position position_of(const content& c) const;

  tail_settings settings_;
  file_tree& files_;
  std::vector<std::unique_ptr<content>> open_;   // read from
  std::vector<std::unique_ptr<content>> ended_;  // replaced: what waits in them is given next
  std::map<std::uint64_t, tail_position> idle_;  // restored and not found yet, or gone
  std::set<std::uint64_t> changed_idle_;
  std::set<std::uint64_t> fresh_idle_;  // gone since the last scan: a copy may be there
  std::map<std::pair<std::uint64_t, std::uint64_t>, copy> copies_;  // of open files, by file
  std::vector<std::uint64_t> forgotten_;
  std::vector<std::string> notices_;
  std::set<std::string> noticed_;
  std::uint64_t next_number_ = 1;
  std::size_t turn_ = 0;
  std::uint64_t lines_cut_ = 0;  // in contents that are not open any more
  bool first_scan_ = true;
  bool knows_ = false;  // of an earlier run
  bool deferred_ = false;
  timestamp wall_ = no_timestamp;  // of the last scan
  bytes block_;
};

}  // namespace penstock
