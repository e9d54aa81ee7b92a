// The inside of a task actor. Its life: open (a producer id, fences in the partitions it writes,
// its state or its committed offsets), run (fetch, process, send, commit), and end when the job
// says so. Everything happens in the actor; every request has a time-out and is repeated when its
// failure passes by itself. Only for the .cpp files of this folder.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "actors/client/produce_queue.hpp"
#include "actors/errors.hpp"
#include "actors/processor/commit_record.hpp"
#include "actors/processor/task.hpp"
#include "actors/processor/task_sinks.hpp"
#include "streams/base/assert.hpp"

namespace penstock {

class task_state {
 public:
  using self_pointer = task_actor::stateful_pointer<task_state>;
  static inline const char* name = "penstock.task";

  explicit task_state(self_pointer self) : self_(self) {}

  void start(task_config config);
  void on_order(const task_order& order);
  void on_tick(const tick& what);

  using deliver_promise = caf::typed_response_promise<deliver_reply>;
  deliver_promise on_deliver(const deliver_request& what);

 private:
  enum class phase : std::uint8_t { opening, running, ended };
  enum class commit_stage : std::uint8_t { none, output, changelog, outbox, flush, offsets };
  enum timer : std::uint16_t { beat = 1, later = 2 };

  /// One partition that this task reads.
  struct input {
    std::int32_t source = 0;
    topic_partition from;
    bool repartition = false;
    bool table = false;
    offset_t next = 0;                 // next offset to process
    offset_t high_watermark = -1;      // at the last fetch; -1: not known
    std::optional<offset_t> load_to;   // table: streams wait until here
    std::optional<offset_t> stop_at;   // until-end: not a record from here on
    bool asked = false;                // a fetch is under way
    std::optional<fetch_reply> ready;  // fetched, not processed
    std::uint64_t read_bytes = 0;      // since the last purge
    bool in_memory = false;            // comes from tasks, not from a topic
    std::deque<std::pair<deliver_request, deliver_promise>> delivered;
  };

  /// In-memory repartition: one task that reads what this one sends.
  struct link {
    task_inlet to;
    std::int32_t part = 0;
    std::int32_t partition = 0;
    std::int32_t source = 0;    // which of the reader's inputs
    std::deque<bytes> queued;   // batches
    std::size_t in_flight = 0;  // bytes handed over and not answered
    std::uint32_t credit = 0;
    bool unflushed = false;  // the reader has records that it has not committed
  };

  // task_open.cpp: from nothing to running
  void open_producer();
  void open_changelog();
  void read_changelog(offset_t from, std::int64_t last_commit);
  result<void> apply_commit(const batch_view& batch);
  result<void> apply_changelog_record(const record_view& r);
  void open_targets();
  void open_target(std::size_t index);
  void send_last_outbox();
  void open_inputs();
  void input_opened();
  void go();

  // task_run.cpp: fetch, process, send
  void work();
  void fetch(std::size_t index);
  void on_fetched(std::size_t index, const fetch_reply& reply);
  void process(input& in);
  result<void> process_batches(input& in, wire::FetchReply::Reader reply);
  bool tables_loaded() const;
  input* next_ready();
  void pump();
  void send_to(const topic_partition& tp);
  void on_sent(const topic_partition& tp, produce_queue::outcome outcome);
  void send_watermarks();
  void beat_now();
  void report(wire::TaskChanged::State state);
  void check_end();
  void find_repartition_ends();
  bool inputs_done() const;

  // task_links.cpp: in-memory repartition
  void make_links();
  void open_links();
  void send_repartitioned(const topic_partition& to, bytes batch);
  void pump_links();
  void deliver(link& over);
  deliver_request ask_flushed(const link& over, const std::string& task) const;
  void start_flush();
  void flushed();
  bool links_idle() const { return link_bytes_ == 0; }
  void take_delivery(input& in);
  result<void> process_delivery(input& in, wire::DeliverRequest::Reader what);
  void answer_delivery(const input& in, const deliver_request& what, deliver_promise whom);
  void answer_flushes();

  // task_commit.cpp
  bool dirty() const;
  void begin_commit(std::function<void()> then = {});
  void advance_commit();
  void write_changelog();
  void commit_offsets();
  commit_offsets_request offsets_request() const;
  bool output_idle() const { return queue_.idle() && links_idle(); }
  void end_commit();
  void purge(bool all);
  task_positions positions_now() const;
  result<void> check_topic_ids() const;

  void fail(const error& why);
  void after(duration wait, std::function<void()> f);

  /// Runs a handler: assertions end this task alone.
  template <class F>
  void guarded(F&& f) {
    if (phase_ == phase::ended) return;
    assertion_guard guard;
    try {
      f();
    } catch (const std::exception& e) {
      fail(error{errc::internal, e.what()});
    }
  }

  /// Asks the node; repeats what fails for a passing reason, else the task fails with `what`.
  template <class Reply, class Request>
  void ask(Request request, std::string what, std::function<void(const Reply&)> then,
           int attempts = 600) {
    auto again = [this, request, what, then, attempts](const error& why) {
      if (!is_retriable(why.code()) || attempts <= 0) return fail(why.with_context(what));
      after(config_.settings.retry_after,
            [=, this] { ask<Reply>(request, what, then, attempts - 1); });
    };
    self_->request(config_.node, config_.settings.request_timeout, request)
        .then(
            [this, then, again](const Reply& reply) {
              guarded([&] {
                if (auto why = error_of(reply.open()->getFailure())) return again(why);
                then(reply);
              });
            },
            [this, again](const caf::error& why) { guarded([&] { again(from_caf(why)); }); });
  }

  const sub_topology& part() const {
    return config_.topology->sub_topologies()[static_cast<std::size_t>(config_.part)];
  }
  bool stateful() const { return !part().stores.empty(); }

  self_pointer self_;
  task_config config_;
  std::string name_;
  phase phase_ = phase::opening;
  produce_queue queue_;
  std::unique_ptr<task_sinks> sinks_;
  std::unique_ptr<task_runner> runner_;
  std::vector<input> inputs_;
  std::size_t turn_ = 0;  // which input is next
  std::int32_t epoch_ = 0;

  task_positions positions_;  // of the last commit
  std::vector<outgoing_batch> outbox_;
  std::set<bytes> dropped_keys_;  // of steps in drop_steps: tombstones in the first commit
  topic_partition changelog_;
  std::uint64_t restored_ = 0;
  std::size_t targets_left_ = 0;
  std::size_t opening_left_ = 0;

  commit_stage committing_ = commit_stage::none;
  std::function<void()> then_;  // after this commit
  bool moved_ = false;          // inputs were processed since the last commit
  bool moved_since_visible_ = false;
  batch_builder commit_batch_;
  std::optional<bytes> late_changes_;
  task_time sent_time_;  // the watermark that downstream has
  std::chrono::nanoseconds watermarks_at_{0};
  std::uint64_t watermarks_bytes_ = 0;
  std::chrono::nanoseconds visible_at_{0};

  bool stop_ordered_ = false;
  bool finish_ordered_ = false;
  bool upstream_done_ = false;
  bool caught_up_ = false;
  bool close_ordered_ = false;

  std::map<topic_partition, link> links_;  // empty with durable repartition
  std::uint64_t link_bytes_ = 0;           // queued or in flight in all of them
  bool flushing_ = false;                  // readers are asked to commit what they got
  std::size_t flushes_left_ = 0;
  bool resent_ = false;  // the last outbox, at the start: to be committed before the next one
  std::map<std::pair<std::int32_t, std::string>, std::int64_t> sequences_;  // taken over
  struct waiting_flush {
    std::int32_t source;
    deliver_request what;
    deliver_promise whom;
  };
  std::vector<waiting_flush> waiting_flushes_;  // answered by the next commit

  std::uint64_t next_later_ = 1;
  std::unordered_map<std::uint64_t, std::function<void()>> later_;
};

}  // namespace penstock
