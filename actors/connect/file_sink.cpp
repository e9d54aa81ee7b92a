// to_file(name, path, …): the values of a topic as lines of a file, which is rotated and
// compressed. One round is: fetch, append, sync, commit the offsets in the job's group together
// with the length of the file. After a crash the file is cut back to what is committed, so a line
// is in it once. While the file cannot be written, the topic is the buffer.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/connect/topic_reader.hpp"
#include "streams/connect/file_archive.hpp"
#include "streams/connect/rotation.hpp"

namespace penstock {
namespace {

constexpr duration try_again = 1s;         // a file that cannot be written
constexpr duration look_again = 1s;        // at the age of a file
constexpr duration patience_at_end = 60s;  // of a job that ends by itself

class file_connector final : public connector {
 public:
  file_connector(self_pointer self, connector_config config)
      : connector(self, std::move(config)),
        what_(std::get<file_sink>(self_step().writes_to->how)),
        reader_(*this, [this] { work(); }),
        archive_(*config_.files, what_.path, what_.put_aside) {}

 protected:
  void begin() override {
    reader_.open([this] { overtake(); });
  }

  void finish() override {
    if (finishing_) return;
    finishing_ = true;
    finishing_since_ = now();
    reader_.finish();
  }

  void stop() override {
    stopping_ = true;
    work();
  }

  connector_numbers numbers() const override {
    connector_numbers n = delivered_;
    n.waiting = reader_.waiting();
    return n;
  }

 private:
  std::chrono::nanoseconds now() const { return config_.time->monotonic(); }
  disk& files() { return *config_.files; }

  // --- after a start

  /// A commit of the run before this one may be on its way still, of more than the file will have.
  /// What was found is committed again, behind it, before the file is cut back to that.
  void overtake() {
    const auto note = reader_.note(0);
    std::vector<offset_t> offsets;
    for (std::size_t p = 0; p < reader_.partitions(); ++p) offsets.push_back(reader_.next(p));
    if (note.empty() || !reader_.commit(offsets, note, true, [this] { recover(); })) recover();
  }

  void recover() {
    if (stopping_) return ended();
    if (auto done = restore(); !done) {
      const auto& why = done.error();
      const bool refused = why == errc::read_only || why == errc::not_found;
      return try_later(refused ? error{errc::invalid_argument, why.message()} : why,
                       [this] { recover(); });
    }
    works();
    running();
    busy_ = false;
    if (what_.put_aside.every.count() > 0) watch_age();
    tidy();
    work();
  }

  /// Makes the file what the last commit says.
  result<void> restore() {
    PENSTOCK_TRY(make_folder_durably(files(), archive_.folder()));
    begun_ = config_.time->now();
    // Made at once: what stands in its way is said now rather than with the first line.
    PENSTOCK_ASSIGN(const auto opened, files().open(what_.path, open_mode::create));
    PENSTOCK_ASSIGN(size_, opened->size());
    const auto note = parse_file_note(reader_.note(0));
    if (!note || note->path != what_.path || note->closed) return {};
    open_ = true;
    if (note->rotating != no_timestamp) return finish_rotation(*note);
    if (size_ < note->bytes) return {};  // somebody took it away: a new one
    if (size_ > note->bytes) PENSTOCK_TRY(cut(note->bytes));
    if (size_ > 0) begun_ = note->begun;
    known_ = true;
    return {};
  }

  /// The last run ended between saying that it would put the file aside and saying more.
  result<void> finish_rotation(const file_note& note) {
    PENSTOCK_ASSIGN(const bool done, archive_.is_there(note.rotating));
    if (done) {
      // Not cut: a crash in the middle of a rename may leave both names on the same file.
      PENSTOCK_TRY(files().remove(what_.path));
      size_ = 0;
      return files().sync_folder(archive_.folder());
    }
    if (size_ > note.bytes) PENSTOCK_TRY(cut(note.bytes));
    if (size_ < note.bytes || size_ == 0) return {};
    PENSTOCK_TRY(archive_.put_aside(note.rotating));
    size_ = 0;
    return {};
  }

  result<void> cut(std::uint64_t to) {
    spdlog::warn(
        "{} \"{}\": cut {} from {} to {} bytes: the rest was not committed and comes again",
        self_step().verb, name(), what_.path, size_, to);
    PENSTOCK_ASSIGN(const auto opened, files().open(what_.path, open_mode::read_write));
    PENSTOCK_TRY(opened->truncate(to));
    size_ = to;
    return opened->sync();
  }

  // --- rounds

  void work() {
    if (busy_ || is_over()) return;
    if (stopping_) return close();
    if (!known_ && has_records()) return make_known();
    if (take()) return write();
    if (is_over()) return;
    if (full_ || rotation_due(what_.put_aside, size_, begun_, config_.time->now()))
      return put_aside();
    for (std::size_t p = 0; p < reader_.partitions(); ++p) reader_.fetch(p);
    if (used_up() && !tidying_) close();
  }

  bool used_up() const {
    for (std::size_t p = 0; p < reader_.partitions(); ++p)
      if (!reader_.at_end(p)) return false;
    return true;
  }

  bool has_records() const {
    for (std::size_t p = 0; p < reader_.partitions(); ++p)
      if (reader_.has(p)) return true;
    return false;
  }

  /// The length of the file before the first line of this run, so that a crash knows where to cut.
  void make_known() {
    busy_ = true;
    commit(false, no_timestamp, [this] {
      known_ = true;
      busy_ = false;
      work();
    });
  }

  /// What has been fetched and has room in the file, as lines; true when there is anything to write
  /// or commit.
  bool take() {
    text_.clear();
    round_ = {};
    full_ = false;
    bool taken = false;
    for (std::size_t p = 0; p < reader_.partitions() && !full_; ++p) {
      if (!reader_.has(p)) continue;
      const auto from = reader_.next(p);
      auto read = reader_.take(p, [&](const record_view& r) {
        if (!r.value) return true;
        full_ = !has_room(what_.put_aside, size_ + text_.size(), r.value->size() + 1);
        if (full_) return false;
        text_.append(*r.value).push_back('\n');
        ++round_.records;
        round_.bytes += r.value->size();
        return true;
      });
      if (!read) {
        fail(read.error());
        return false;
      }
      taken = taken || reader_.next(p) > from;
    }
    return taken;
  }

  void write() {
    busy_ = true;
    if (auto written = append(); !written) {
      file_.reset();
      return try_later(written.error(), [this] { write(); });
    }
    works();
    commit(false, no_timestamp, [this] {
      delivered_.records += round_.records;
      delivered_.bytes += round_.bytes;
      busy_ = false;
      work();
    });
  }

  result<void> append() {
    // Somebody else may have taken the file away.
    if (file_) {
      PENSTOCK_ASSIGN(const bool there, files().exists(what_.path));
      if (!there) {
        file_.reset();
        tried_at_.reset();
      }
    }
    const bool opening = !file_;
    if (opening) {
      PENSTOCK_ASSIGN(file_, files().open(what_.path, open_mode::create));
    }
    PENSTOCK_ASSIGN(auto at, file_->size());
    // What an attempt that failed has left is not known to be on the disk, or whole.
    if (tried_at_ && at > *tried_at_) {
      PENSTOCK_TRY(file_->truncate(*tried_at_));
      at = *tried_at_;
    }
    tried_at_ = at;
    if (at == 0) begun_ = config_.time->now();
    if (auto done = file_->write_at(at, text_); !done) {
      (void)file_->truncate(at);  // no half lines for those who look at it meanwhile
      return done;
    }
    PENSTOCK_TRY(file_->sync());
    if (opening && at == 0) PENSTOCK_TRY(files().sync_folder(archive_.folder()));
    tried_at_.reset();
    size_ = at + text_.size();
    return {};
  }

  void commit(bool closed, timestamp rotating, std::function<void()> then) {
    std::vector<offset_t> offsets;
    for (std::size_t p = 0; p < reader_.partitions(); ++p) offsets.push_back(reader_.next(p));
    const file_note note{size_, begun_, closed, rotating, what_.path};
    open_ = !closed;
    if (!reader_.commit(offsets, encode(note), true, then)) then();
  }

  /// The last commit says that nothing behind it is ours: others may append to the file.
  void close() {
    busy_ = true;
    if (!open_) return ended();  // nothing was written in this run
    commit(true, no_timestamp, [this] { ended(); });
  }

  // --- a file that cannot be written

  /// Goes on when it may be possible, which is never where the path cannot be that of a file. A job
  /// that ends by itself does not wait for ever.
  void try_later(const error& why, std::function<void()> then) {
    if (why == errc::invalid_argument)
      return fail(error{why.code(), why.message() + "; mend that, or name another file"});
    down(why);
    if (stopping_) return ended();  // what is left stays in the topic
    if (!failing_since_) failing_since_ = now();
    if (finishing_ && now() - std::max(*failing_since_, finishing_since_) >= patience_at_end)
      return fail(reader_.left_behind(why));
    reader_.look();
    after(try_again, std::move(then));
  }

  void works() {
    failing_since_.reset();
    up();
  }

  // --- putting aside

  void put_aside() {
    busy_ = true;
    const auto at = archive_.free_time(config_.time->now());
    if (!at) return retry_rotation(at.error());
    commit(false, *at, [this, when = *at] {
      file_.reset();
      if (auto done = archive_.put_aside(when); !done) return retry_rotation(done.error());
      works();
      size_ = 0;
      begun_ = config_.time->now();
      // Until this is committed, a start finds the file aside and what is in its place not
      // committed.
      commit(false, no_timestamp, [this] {
        busy_ = false;
        tidy();
        work();
      });
    });
  }

  /// The file stays as it is until then, or until the next run where this one has no lines left.
  void retry_rotation(const error& why) {
    if (stopping_ || (finishing_ && used_up())) {
      down(why);
      return close();
    }
    try_later(why, [this] {
      busy_ = false;
      work();
    });
  }

  void watch_age() {
    after(look_again, [this] {
      work();
      watch_age();
    });
  }

  /// Compresses and removes files put aside, a piece at a time between other work.
  void tidy() {
    if (tidying_) return;
    tidying_ = true;
    tidy_on();
  }

  void tidy_on() {
    const auto more = archive_.tidy_some();
    if (!more) spdlog::warn("{} \"{}\": {}", self_step().verb, name(), more.error().message());
    tidying_ = more && *more && !stopping_;
    if (tidying_) return again([this] { tidy_on(); });
    if (finishing_) work();
  }

  file_sink what_;
  topic_reader reader_;
  file_archive archive_;
  std::shared_ptr<file> file_;
  std::uint64_t size_ = 0;  // of the file, as of the last round; 0 before the first
  timestamp begun_{};
  std::optional<std::uint64_t> tried_at_;  // where a round was to be written that is not synced
  bytes text_;                             // of the round
  connector_numbers round_;                // likewise
  bool full_ = false;                      // the line behind it has no room in the file
  connector_numbers delivered_;
  std::optional<std::chrono::nanoseconds> failing_since_;
  std::chrono::nanoseconds finishing_since_{0};
  bool busy_ = true;    // the start, a round, its commit, or a rotation is under way
  bool known_ = false;  // the last commit has the length of the file
  bool open_ = false;   // and says that what is behind it is ours
  bool finishing_ = false;
  bool stopping_ = false;
  bool tidying_ = false;
};

}  // namespace

std::unique_ptr<connector> make_file_sink(connector::self_pointer self, connector_config config) {
  return std::make_unique<file_connector>(self, std::move(config));
}

}  // namespace penstock
