// to_file(name, path): the values of a topic as lines of a file. One round is: fetch, append, sync,
// commit the offsets in the job's group; so a line is in the file at least once, and comes again
// only after a crash between sync and commit. While the file cannot be written, the topic is the
// buffer.
#include <algorithm>

#include "actors/connect/connector_base.hpp"

namespace penstock {
namespace {

constexpr std::uint32_t fetch_bytes = std::uint32_t{1} << 20;
constexpr duration fetch_wait = 500ms;
constexpr duration try_again = 1s;  // a file that cannot be written
constexpr std::uint64_t purge_bytes = std::uint64_t{8} << 20;

class file_connector final : public connector {
 public:
  file_connector(self_pointer self, connector_config config)
      : connector(self, std::move(config)),
        path_(std::get<file_sink>(self_step().writes_to->how).path),
        inputs_(static_cast<std::size_t>(config_.partitions)) {}

 protected:
  void begin() override {
    ask<fetch_offsets_reply>(positions_request(), "cannot read the committed offsets",
                             [this](const fetch_offsets_reply& r) {
                               for (auto each : r.open()->getOffsets())
                                 if (view(each.getTopic()) == config_.what.topic)
                                   set_position(each.getPartition(), each.getOffset());
                               find_starts();
                             });
  }

  void finish() override {
    for (std::size_t p = 0; p < inputs_.size(); ++p) {
      ask<list_offsets_reply>(list_request(p, -1), "cannot find the end of its topic",
                              [this, p](const list_offsets_reply& r) {
                                inputs_[p].stop_at = r.open()->getOffset();
                                work();
                              });
    }
  }

  void stop() override {
    stopping_ = true;
    work();
  }

  connector_numbers numbers() const override {
    connector_numbers n = delivered_;
    for (const auto& in : inputs_)
      if (in.end > in.next) n.waiting += static_cast<std::uint64_t>(in.end - in.next);
    return n;
  }

 private:
  struct input {
    offset_t next = -1;  // of the next record to deliver; -1: not known yet
    offset_t end = -1;   // of the topic, when last heard of
    std::optional<offset_t> stop_at;
    bool asked = false;
    std::optional<fetch_reply> ready;
    std::uint64_t read_bytes = 0;  // since the last purge
  };

  void set_position(std::int32_t p, offset_t next) {
    if (p >= 0 && static_cast<std::size_t>(p) < inputs_.size())
      inputs_[static_cast<std::size_t>(p)].next = next;
  }

  fetch_offsets_request positions_request() const {
    return fetch_offsets_request::make([&](wire::FetchOffsetsRequest::Builder out) {
      out.setGroup(text_of(config_.topology->name()));
      auto one = out.initPartitions(1)[0];
      one.setTopic(text_of(config_.what.topic));
      auto numbers = one.initPartitions(static_cast<unsigned>(inputs_.size()));
      for (unsigned i = 0; i < inputs_.size(); ++i) numbers.set(i, static_cast<std::int32_t>(i));
    });
  }

  list_offsets_request list_request(std::size_t p, std::int64_t which) const {
    return list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
      out.setTopic(text_of(config_.what.topic));
      out.setPartition(static_cast<std::int32_t>(p));
      out.setTime(which);
      out.setCommitted(true);
    });
  }

  void find_starts() {
    starts_left_ = 1;
    for (std::size_t p = 0; p < inputs_.size(); ++p) {
      if (inputs_[p].next >= 0) continue;
      ++starts_left_;
      ask<list_offsets_reply>(list_request(p, -2), "cannot find the start of its topic",
                              [this, p](const list_offsets_reply& r) {
                                inputs_[p].next = r.open()->getOffset();
                                start_known();
                              });
    }
    start_known();
  }

  void start_known() {
    if (--starts_left_ > 0) return;
    running();
    work();
  }

  void work() {
    if (committing_ || is_over() || starts_left_ > 0) return;
    if (stopping_) return ended();
    if (deliver()) return;
    bool done = true;
    for (std::size_t p = 0; p < inputs_.size(); ++p) {
      if (inputs_[p].stop_at && inputs_[p].next >= *inputs_[p].stop_at) continue;
      done = false;
      fetch(p);
    }
    if (done) ended();
  }

  void fetch(std::size_t p) {
    auto& in = inputs_[p];
    if (in.asked || in.ready) return;
    in.asked = true;
    auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
      out.setTopic(text_of(config_.what.topic));
      out.setPartition(static_cast<std::int32_t>(p));
      out.setOffset(in.next);
      out.setMaxBytes(fetch_bytes);
      out.setMaxWaitMs(static_cast<std::uint32_t>(fetch_wait.count()));
      out.setIsolation(wire::Isolation::FILTERED);
    });
    ask<fetch_reply>(std::move(request), "cannot read its topic", [this, p](const fetch_reply& r) {
      auto& from = inputs_[p];
      from.asked = false;
      from.end = r.open()->getHighWatermark();
      if (r.open()->getNextOffset() > from.next) from.ready = r;
      work();
    });
  }

  /// Appends what has been fetched; true while that, or its commit, is under way.
  bool deliver() {
    if (std::none_of(inputs_.begin(), inputs_.end(), [](auto& in) { return in.ready; }))
      return false;
    committing_ = true;
    text_.clear();
    round_ = {};
    for (auto& in : inputs_)
      if (in.ready)
        if (auto read = render(in); !read) {
          fail(read.error());
          return true;
        }
    write();
    return true;
  }

  result<void> render(input& in) {
    auto reply = in.ready->open();
    auto data = view(reply->getBatches());
    while (!data.empty()) {
      PENSTOCK_ASSIGN(auto batch, batch_view::parse(data));
      data.remove_prefix(batch.size());
      if (batch.is_control()) continue;
      PENSTOCK_TRY(cursor_.open(batch));
      for (record_view r;;) {
        PENSTOCK_ASSIGN(const bool more, cursor_.next(r));
        if (!more) break;
        if (r.offset < in.next || !r.value) continue;
        text_.append(*r.value).push_back('\n');
        ++round_.records;
        round_.bytes += r.value->size();
      }
    }
    return {};
  }

  void write() {
    if (auto written = append(); !written) {
      file_.reset();
      down(written.error());
      if (stopping_) return ended();  // it stays in the topic
      return after(try_again, [this] { write(); });
    }
    up();
    commit();
  }

  result<void> append() {
    if (!file_) {
      PENSTOCK_ASSIGN(file_, config_.files->open(path_, open_mode::create));
    }
    PENSTOCK_ASSIGN(const auto at, file_->size());
    if (auto done = file_->write_at(at, text_); !done) {
      (void)file_->truncate(at);  // no half lines; what cannot be cut comes twice
      return done;
    }
    return file_->sync();
  }

  void commit() {
    auto request = commit_offsets_request::make(inputs_.size() * 320, [&](auto out) {
      out.setGroup(text_of(config_.topology->name()));
      out.setGeneration(-1);
      unsigned count = 0;
      for (const auto& in : inputs_) count += in.ready ? 1 : 0;
      auto list = out.initOffsets(count);
      unsigned i = 0;
      for (std::size_t p = 0; p < inputs_.size(); ++p) {
        if (!inputs_[p].ready) continue;
        list[i].setTopic(text_of(config_.what.topic));
        list[i].setPartition(static_cast<std::int32_t>(p));
        list[i].setOffset(inputs_[p].ready->open()->getNextOffset());
        ++i;
      }
    });
    ask<group_reply>(std::move(request), "cannot commit offsets",
                     [this](const group_reply&) { committed(); });
  }

  void committed() {
    committing_ = false;
    delivered_.records += round_.records;
    delivered_.bytes += round_.bytes;
    for (std::size_t p = 0; p < inputs_.size(); ++p) {
      auto& in = inputs_[p];
      if (!in.ready) continue;
      in.next = in.ready->open()->getNextOffset();
      in.read_bytes += view(in.ready->open()->getBatches()).size();
      in.ready.reset();
      purge(p);
    }
    work();
  }

  void purge(std::size_t p) {
    auto& in = inputs_[p];
    if (in.read_bytes < purge_bytes) return;
    in.read_bytes = 0;
    self_
        ->request(config_.node, config_.request_timeout,
                  delete_records_request::make([&](wire::DeleteRecordsRequest::Builder out) {
                    out.setTopic(text_of(config_.what.topic));
                    out.setPartition(static_cast<std::int32_t>(p));
                    out.setBefore(in.next);
                  }))
        .then([](const delete_records_reply&) {}, [](const caf::error&) {});
  }

  std::string path_;
  std::vector<input> inputs_;
  std::shared_ptr<file> file_;
  batch_cursor cursor_;
  bytes text_;               // of the round
  connector_numbers round_;  // likewise
  connector_numbers delivered_;
  std::size_t starts_left_ = 1;
  bool committing_ = false;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<connector> make_file_sink(connector::self_pointer self, connector_config config) {
  return std::make_unique<file_connector>(self, std::move(config));
}

}  // namespace penstock
