// tail(name, glob): the lines of files into a topic, keyed by path. A commit has a number and two
// steps: first a record per file in the checkpoint topic (where it was, where it will be), then the
// lines, a batch per partition that carries the number. After a crash each partition says which
// commit it has last; so the position of every file is known, and no line is lost or comes twice.
// docs/formats/checkpoint.md.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "actors/connect/connector_base.hpp"
#include "actors/connect/topic_writer.hpp"
#include "streams/base/coding.hpp"
#include "streams/base/file_tree.hpp"
#include "streams/base/file_watch.hpp"
#include "streams/connect/checkpoint.hpp"
#include "streams/connect/tail_reader.hpp"
#include "streams/record/task_marks.hpp"
#include "streams/topic/partitioner.hpp"

namespace penstock {
namespace {

constexpr std::size_t commit_bytes = std::size_t{2} << 20;
constexpr std::uint32_t restore_bytes = std::uint32_t{1} << 20;
constexpr auto scan_pause = 20ms;  // between looks, however much happens
constexpr auto hint_wait = 50ms;   // in which no order is heard

/// What is wrong with a file that is named, not matched, and what waiting does not mend.
error refusal_of(file_tree& files, const std::string& path) {
  // Looked at before it is opened: whoever writes a pipe would take that for a reader.
  const auto found = files.match(pattern_of(path));
  if (found && !found->files.empty() && !found->files.front().facts.regular)
    return error{errc::invalid_argument,
                 path +
                     " is no regular file: read a pipe or a device by lines(name, lines_from{\"" +
                     path + "\"}), and the files of a folder by a pattern, " + path + "/*"};
  const auto opened = files.open(path);
  if (opened || opened.error() != errc::read_only) return {};
  return error{errc::invalid_argument,
               opened.error().message() + "; let this user read it, or name another file"};
}

class tail_connector final : public connector {
 public:
  tail_connector(self_pointer self, connector_config config)
      : connector(self, std::move(config)),
        what_(std::get<tail_source>(self_step().reads_from->how)),
        mark_name_(config_.topology->name() + "/" + name()),
        out_(*this, [this] { advance(); }),
        building_(static_cast<std::size_t>(config_.partitions)),
        sending_(building_.size()),
        last_(static_cast<std::size_t>(config_.partitions), -1) {}

 protected:
  void begin() override {
    if (const auto path = path_of(what_.glob))
      if (const auto why = refusal_of(*config_.logs, *path)) return fail(why);
    tail_settings settings;
    settings.glob = what_.glob;
    settings.from_head = what_.from_head;
    settings.line_bytes_max = what_.line_bytes_max;
    settings.forget_after = what_.forget_after;
    if (what_.multiline) {
      auto made = logs::event_assembler::make(*what_.multiline);
      if (!made) return fail(made.error());
      settings.events = std::move(*made);
    }
    reader_ = std::make_unique<tail_reader>(std::move(settings), *config_.logs);
    if (config_.detached) watch_ = watch_files();
    ask<init_producer_reply>(
        init_producer_request{}, "cannot get a producer id", [this](const init_producer_reply& r) {
          // Ids are given in rising order: a later run has the higher epoch.
          epoch_ = static_cast<std::int32_t>(r.open()->getProducerId() & 0x7fffffff);
          open_partitions();
        });
  }

  void finish() override {
    finishing_ = true;
    scanned_at_ = std::chrono::nanoseconds{-1'000'000'000};
    finish_scans_ = 0;
  }

  void stop() override {
    stopping_ = true;
    if (stage_ == stage::none) ended(left_out_);
  }

  connector_numbers numbers() const override {
    connector_numbers n = done_;
    n.waiting = reader_ ? reader_->unread_bytes() : 0;
    n.cut = reader_ ? reader_->lines_cut() : 0;
    return n;
  }

 private:
  enum class stage : std::uint8_t { none, checkpoint, lines };

  // --- from nothing to running: fences first, then what is behind them

  open_source_request open_request(const topic_partition& tp) const {
    return open_source_request::make(mark_name_.size(), [&](wire::OpenSourceRequest::Builder out) {
      out.setTopic(text_of(tp.topic));
      out.setPartition(tp.partition);
      out.setTask(text_of(mark_name_));
      out.setEpoch(epoch_);
    });
  }

  void open_partitions() {
    opening_ = last_.size() + 1;
    for (std::size_t p = 0; p < last_.size(); ++p) {
      const auto tp = partition(static_cast<std::int32_t>(p));
      ask<open_source_reply>(open_request(tp), "cannot open " + tp.to_string(),
                             [this, p](const open_source_reply& r) {
                               last_[p] = r.open()->getSequence();
                               opened();
                             });
    }
    ask<open_source_reply>(open_request(checkpoints()), "cannot open the checkpoint topic",
                           [this](const open_source_reply& r) {
                             last_checkpoint_ = r.open()->getSequence();
                             opened();
                           });
  }

  void opened() {
    if (--opening_ > 0) return;
    ask<list_offsets_reply>(
        list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
          out.setTopic(text_of(checkpoints().topic));
          out.setTime(-2);
        }),
        "cannot read the checkpoint topic",
        [this](const list_offsets_reply& r) { restore(r.open()->getOffset()); });
  }

  void restore(offset_t from) {
    auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
      out.setTopic(text_of(checkpoints().topic));
      out.setOffset(from);
      out.setMaxBytes(restore_bytes);
      // What was written last may not be durable yet: then this waits for it.
      out.setMaxWaitMs(commit_ < last_checkpoint_ ? 100 : 0);
    });
    ask<fetch_reply>(
        std::move(request), "cannot read the checkpoint topic", [this](const fetch_reply& r) {
          auto in = r.open();
          if (auto read = restore_from(view(in->getBatches())); !read) return fail(read.error());
          if (in->getNextOffset() < in->getHighWatermark() || commit_ < last_checkpoint_)
            return restore(in->getNextOffset());
          begin_reading();
        });
  }

  result<void> restore_from(bytes_view data) {
    batch_cursor cursor;
    while (!data.empty()) {
      PENSTOCK_ASSIGN(auto batch, batch_view::parse(data));
      data.remove_prefix(batch.size());
      if (batch.is_control()) continue;
      PENSTOCK_ASSIGN(const auto mark, source_mark_of(batch));
      if (mark) commit_ = std::max(commit_, mark->sequence);
      PENSTOCK_TRY(cursor.open(batch));
      for (record_view r;;) {
        PENSTOCK_ASSIGN(const bool more, cursor.next(r));
        if (!more) break;
        if (auto taken = restore_record(r); !taken) return damaged(r.offset, taken.error());
      }
    }
    return {};
  }

  result<void> restore_record(const record_view& r) {
    if (!r.key) return error{errc::corrupt, "has no key"};
    if (*r.key == checkpoint_commit_key) {
      if (!r.value || r.value->size() != sizeof given_before_)
        return error{errc::corrupt, "does not decode"};
      given_before_ = load_be<std::uint64_t>(r.value->data());
      return {};
    }
    PENSTOCK_ASSIGN(const auto number, checkpoint_number(*r.key));
    if (!r.value) {
      known_.erase(number);
      return {};
    }
    PENSTOCK_ASSIGN(known_[number], decode_checkpoint(number, *r.value));
    return {};
  }

  error damaged(offset_t at, const error& why) const {
    return error{why.code(), "the checkpoint at offset " + std::to_string(at) + " of " +
                                 checkpoints().to_string() + " " + why.message() +
                                 ": run once with --reset, which reads all files again"};
  }

  void begin_reading() {
    if (given_before_ > 0 && *std::max_element(last_.begin(), last_.end()) < 0)
      return fail(error{errc::state_changed,
                        "topic \"" + config_.what.topic +
                            "\" was deleted and made again since files were read into it: run "
                            "once with --reset, which reads all files again"});
    std::vector<tail_position> positions;
    for (auto& [number, known] : known_) {
      const auto p = partition_for(known.now.key);
      // Lines of a commit that the partition does not have are not in it.
      if (last_[p] < known.commit) known.take_back();
      known.before = known.now.at;
      positions.push_back(known.now);
    }
    for (const auto each : last_) commit_ = std::max(commit_, each);
    reader_->restore(std::move(positions));
    running();
    work();
  }

  // --- reading and committing

  void work() {
    if (is_over()) return;
    if (stopping_) {
      if (stage_ == stage::none) ended(left_out_);
      return;
    }
    const auto now = config_.time->monotonic();
    if (reader_->wants_scan() || now - scanned_at_ >= (hinted_ ? duration{scan_pause} : what_.poll))
      scan(now);
    bool more = true;
    if (built_bytes_ < commit_bytes)
      more =
          reader_->read(commit_bytes - built_bytes_, now,
                        [this](const std::string& key, std::string_view line) { add(key, line); });
    if (finishing_ && !more && !reader_->wants_scan() && stage_ == stage::none) end_files(now);
    if (stage_ == stage::none) commit();
    if (is_over()) return;
    more = more || reader_->wants_scan();
    if (more && built_bytes_ < commit_bytes) return wake(0ms);
    if (stage_ == stage::none) rest();
  }

  /// Nothing is at hand: until a hint comes, or it is time to look again.
  void rest() {
    if (!watch_) return wake(what_.poll);
    if (std::exchange(wake_asked_, true)) return;
    again([this] {
      wake_asked_ = false;
      if (watch_->wait(hint_wait)) hinted_ = true;
      work();
    });
  }

  void wake(duration wait) {
    if (std::exchange(wake_asked_, true)) return;
    const auto go_on = [this] {
      wake_asked_ = false;
      work();
    };
    if (wait == 0ms) return again(go_on);
    after(wait, go_on);
  }

  void scan(std::chrono::nanoseconds now) {
    scanned_at_ = now;
    hinted_ = false;
    if (watch_) watch_->add_folder(folder_of(what_.glob));
    reader_->scan(config_.time->now(), now, finishing_);
    if (finishing_ && !reader_->waits()) ++finish_scans_;
    tell_notices();
  }

  void tell_notices() {
    for (const auto& each : reader_->take_notices())
      spdlog::warn("{} \"{}\": {}", self_step().verb, name(), each);
  }

  /// What the patterns in it stand for is watched by looking.
  static std::string folder_of(const std::string& glob) {
    const auto fixed = glob.substr(0, glob.find_first_of("*?[\\"));
    const auto slash = fixed.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : fixed.substr(0, slash);
  }

  void end_files(std::chrono::nanoseconds) {
    if (finish_scans_ == 0) return;
    reader_->finish([this](const std::string& key, std::string_view line) { add(key, line); });
    tell_notices();
    if (const auto left = reader_->left_out(); !left.empty())
      left_out_ = error{
          errc::io_error,
          fmt::format("{} of the files that match {} could not be read to the end: {}{}; mend that "
                      "and run again, or leave it out of the pattern",
                      left.size(), what_.glob, left.front(),
                      left.size() == 1 ? "" : fmt::format(" (and {} more)", left.size() - 1))};
    stopping_ = true;
  }

  std::size_t partition_for(const std::string& key) {
    if (building_.size() == 1) return 0;
    if (key != last_key_) {
      last_key_ = key;
      last_partition_ = static_cast<std::size_t>(partition_of_key(key, config_.partitions));
    }
    return last_partition_;
  }

  void add(const std::string& key, std::string_view line) {
    auto& to = building_[partition_for(key)];
    const auto before = to.empty() ? 0 : to.size();
    if (before == 0) {
      if (built_bytes_ == 0) time_ = config_.time->now();
      const bytes mark = encode(source_mark{mark_name_, epoch_, commit_ + 1});
      const header_view header{source_mark_header, bytes_view{mark}};
      to.add(time_, key, line, {&header, 1});
    } else {
      to.add(time_, key, line);
    }
    built_bytes_ += to.size() - before;
    ++built_.records;
    built_.bytes += line.size();
  }

  void commit() {
    const auto changed = reader_->take_changed();
    const auto forgotten = reader_->take_forgotten();
    if (changed.empty() && forgotten.empty() && built_bytes_ == 0) {
      if (stopping_) ended(left_out_);
      return;
    }
    ++commit_;
    const auto now = config_.time->now();
    const bytes mark = encode(source_mark{mark_name_, epoch_, commit_});
    const header_view header{source_mark_header, bytes_view{mark}};
    bytes before;
    put_be(before, given_before_ + done_.records);
    checkpoint_.add(now, checkpoint_commit_key, before, {&header, 1});
    for (const auto& each : changed) {
      auto& known = known_[each.number];
      known.commit = commit_;
      known.before = known.now.number == 0 ? each.start : known.now.at;
      known.now = each;
      checkpoint_.add(now, checkpoint_key(each.number), encode(known));
    }
    for (const auto number : forgotten) {
      known_.erase(number);
      checkpoint_.add(now, checkpoint_key(number), std::nullopt);
    }
    building_.swap(sending_);
    built_bytes_ = 0;
    in_flight_ = std::exchange(built_, {});
    stage_ = stage::checkpoint;
    out_.send_raw(checkpoints(), checkpoint_.finish());
    wake(0ms);  // the next lines are read meanwhile
  }

  void advance() {
    while (out_.idle() && !is_over()) {
      if (stage_ == stage::checkpoint) {
        stage_ = stage::lines;
        for (std::size_t p = 0; p < sending_.size(); ++p)
          if (!sending_[p].empty())
            out_.send_raw(partition(static_cast<std::int32_t>(p)), sending_[p].finish());
        continue;
      }
      if (stage_ != stage::lines) return;
      stage_ = stage::none;
      done_.records += in_flight_.records;
      done_.bytes += in_flight_.bytes;
      return work();
    }
  }

  topic_partition checkpoints() const { return {config_.what.checkpoint, 0}; }

  tail_source what_;
  std::string mark_name_;
  topic_writer out_;
  std::unique_ptr<tail_reader> reader_;
  std::unique_ptr<file_watch> watch_;
  std::int32_t epoch_ = 0;
  std::vector<batch_builder> building_;  // the next commit's lines, by partition
  std::size_t built_bytes_ = 0;
  timestamp time_ = no_timestamp;  // of its lines
  connector_numbers built_;
  std::int64_t commit_ = -1;  // number of the newest
  batch_builder checkpoint_;
  std::vector<batch_builder> sending_;  // those of the commit under way
  connector_numbers in_flight_;
  connector_numbers done_;
  stage stage_ = stage::none;
  std::map<std::uint64_t, tail_checkpoint> known_;
  std::vector<std::int64_t> last_;  // commit that each partition has
  std::int64_t last_checkpoint_ = -1;
  std::uint64_t given_before_ = 0;  // lines, by earlier runs
  std::size_t opening_ = 0;
  std::string last_key_;
  std::size_t last_partition_ = 0;
  std::chrono::nanoseconds scanned_at_{-1'000'000'000'000};
  int finish_scans_ = 0;
  error left_out_;  // files that a job which ends by itself has not read
  bool hinted_ = false;
  bool wake_asked_ = false;
  bool finishing_ = false;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<connector> make_tail(connector::self_pointer self, connector_config config) {
  return std::make_unique<tail_connector>(self, std::move(config));
}

}  // namespace penstock
