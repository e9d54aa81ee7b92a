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
#include <unordered_map>
#include <vector>

#include "streams/base/file_tree.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/connect/content_mark.hpp"
#include "streams/connect/content_match.hpp"
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
  duration rotated_wait = 2s;          // a rotated file that was silent for so long is complete
  std::size_t look_bytes = 16u << 20;  // between two scans: so much is kept to compare copies with
  duration forget_after = 168h;        // what is gone for so long is not recognised any more
  std::size_t files_max = 100'000;
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
  // A copy of this content: everything in front of the place was given as that content's. 0: none.
  std::uint64_t copy_of = 0;
  timestamp seen = no_timestamp;
  content_points points;  // places before `at`
  content_mark start;     // where reading it began; not remembered
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
  /// positions, `now` is any clock that does not go back. `last`: what could only be told by
  /// waiting is decided, as if nothing more came of it.
  void scan(timestamp wall, std::chrono::nanoseconds now, bool last = false);

  /// Reads up to about `budget` bytes and gives their lines. False when nothing is at hand until
  /// the next scan.
  bool read(std::size_t budget, std::chrono::nanoseconds now, const emit_function& emit);

  /// Nothing more will come of what the last scan saw: gives half lines and events that are open.
  void finish(const emit_function& emit);

  /// Positions that changed since they were taken last: everything in front of them has been given.
  std::vector<tail_position> take_changed();

  /// Numbers of contents that will not be recognised any more.
  std::vector<std::uint64_t> take_forgotten() { return std::exchange(forgotten_, {}); }

  /// Why files that match have not been read to their ends: those that could not be opened or read
  /// since the last scan, and those that are damaged or, after `finish`, not all there. What is no
  /// regular file does not count.
  std::vector<std::string> left_out() const;

  /// What a person should know, each once.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

  /// Bytes that the last scan saw and that are unread (compressed files count as they are).
  std::uint64_t unread_bytes() const;
  std::uint64_t lines_cut() const;
  std::size_t files() const { return open_.size(); }

  /// Much was read since the last scan: nothing more is until the next.
  bool wants_scan() const { return read_since_scan_ >= settings_.look_bytes; }

  /// The next scan may see what the last one did not: a file that is still being compressed, or the
  /// copy of one that was just cut off.
  bool waits() const;

 private:
  struct content;
  struct loaded;
  struct verdict;
  using file_id = std::pair<std::uint64_t, std::uint64_t>;
  static file_id id_of(const file_facts& facts) { return {facts.device, facts.number}; }

  void notice_once(const std::string& what);
  void read_later(const std::string& path, const std::string& why);
  void leave_out_rest(const std::string& why);
  std::map<file_id, const found_file*> names_to_follow(
      const std::vector<found_file>& found, const std::map<file_id, content*>& open) const;
  void add_open(std::unique_ptr<content> c);
  std::unique_ptr<content> take_open(std::size_t index);
  void add_idle(tail_position known);
  std::map<std::uint64_t, tail_position>::iterator erase_idle(
      std::map<std::uint64_t, tail_position>::iterator at);
  std::size_t index_of(const content& c) const;
  void replace_deleted(timestamp wall, std::chrono::nanoseconds now);
  bool replaced(content& c, const file_facts& now);
  void set_aside(std::size_t index, bool was_replaced, std::chrono::nanoseconds now);
  bool adopt(const found_file& found, bool known_only);
  void resume(std::unique_ptr<content> fresh, loaded state, const content_mark& at);
  bool begin_new(const found_file& found, std::unique_ptr<readable_file> handle,
                 file_coding coding);
  std::optional<loaded> go_to(readable_file& from, file_coding coding, std::uint64_t offset,
                              const std::uint64_t* head_sum = nullptr);
  std::optional<loaded> load(readable_file& from, file_coding coding, const content_mark& at);
  bool begin_at(const found_file& found, std::unique_ptr<readable_file> handle, file_coding coding,
                const verdict& as);
  bool begin_judged(const found_file& found, std::unique_ptr<readable_file> handle,
                    file_coding coding, const verdict& as);
  bool take_over(const tail_position& known, const found_file& found,
                 std::unique_ptr<readable_file> handle, file_coding coding);
  verdict judge(const found_file& found, readable_file& handle, file_coding coding,
                const content* itself);
  verdict judge_gone(const tail_position& known, readable_file& handle, file_coding coding,
                     bool same_path, std::uint64_t read) const;
  verdict judge_renumbered(const std::string& path, readable_file& handle, file_coding coding,
                           const content* itself);
  const std::vector<std::uint64_t>& gone_of_log(const std::string& log);
  std::uint64_t given_of(std::uint64_t number) const;
  void learn_names(std::uint64_t number, const std::string& path, const std::string& key);
  std::vector<std::uint64_t> possible_kin(const std::string& path, std::uint64_t also) const;
  void forget_names();
  content* open_as(std::uint64_t number) const;
  void become_copy(content& c, const verdict& as);
  void judge_begun(std::uint64_t first_number);
  void settle_copies(std::chrono::nanoseconds now, bool last);
  bool settle_doubt(std::size_t index);
  bool settle(std::size_t index, std::chrono::nanoseconds now, bool last);
  bool release(std::size_t index, const verdict& as);
  void look_around(std::chrono::nanoseconds now);
  using listings = std::map<std::string, std::vector<found_file>>;  // by folder, paths in order
  std::vector<found_file> files_beside(const std::string& path, listings* folders);
  void look_beside(const tail_position& known, const std::vector<found_file>& beside);
  void forget_memories(std::chrono::nanoseconds now);
  void retire(timestamp wall, std::chrono::nanoseconds now);
  void order_logs();
  bool waits_for_older(const content& c) const;
  bool is_complete(const content& c) const;
  bool read_block(content& c, std::chrono::nanoseconds now, const emit_function& emit);
  bool take_block(content& c, bytes_view block, std::chrono::nanoseconds now,
                  const emit_function& emit);
  void close_lines(content& c, const emit_function& emit);
  tail_position position_of(const content& c) const;

  tail_settings settings_;
  file_tree& files_;
  std::vector<std::unique_ptr<content>> open_;                // read from
  std::unordered_map<std::uint64_t, content*> open_numbers_;  // of those
  std::vector<std::unique_ptr<content>> ended_;  // replaced: what waits in them is given next
  std::map<std::uint64_t, tail_position> idle_;  // restored and not found yet, or gone
  std::set<std::pair<file_id, std::uint64_t>> idle_files_;  // files and numbers of those
  std::set<std::uint64_t> changed_idle_;
  std::set<std::uint64_t> fresh_idle_;  // gone since the last scan: a copy may be there
  struct memory {
    content_memory bytes;
    std::chrono::nanoseconds since{0};
    bool replaced = false;  // its file has another content now
  };
  std::map<std::uint64_t, memory> memories_;  // of what was set aside, by number
  // By the beginnings of their names: numbers whose copies may be called so, and some more.
  std::unordered_map<std::string, std::vector<std::uint64_t>> names_;
  std::size_t names_learned_ = 0;
  // By log: numbers of what the last scan did not find where it was; made when it is asked for.
  std::optional<std::unordered_map<std::string, std::vector<std::uint64_t>>> gone_logs_;
  std::vector<std::uint64_t> forgotten_;
  std::vector<std::string> notices_;
  std::set<std::string> noticed_;
  std::map<std::string, std::string> unread_;  // since the last scan, by path, and why
  std::vector<std::string> broken_;            // whose rest was left out
  std::uint64_t next_number_ = 1;
  std::size_t turn_ = 0;
  std::size_t read_since_scan_ = 0;
  std::uint64_t lines_cut_ = 0;  // in contents that are not open any more
  bool first_scan_ = true;
  bool knows_ = false;  // of an earlier run
  bool deferred_ = false;
  std::chrono::nanoseconds began_{0};  // when the first scan was
  bool beginning_ = false;             // with nothing known, and not long ago
  std::set<file_id> held_files_;  // compressed ones that the first scan saw and could not read yet
  std::set<std::string> held_logs_;  // of those
  timestamp wall_ = no_timestamp;    // of the last scan
  bool last_ = false;                // that one was to decide everything
  bytes block_;
};

}  // namespace penstock
