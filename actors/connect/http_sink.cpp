// to_http(name, url, …): the records of a topic as requests to a server. What an answer means is
// decided by a `delivery` per partition; here are the reading, the sending, the commits behind what
// is settled, and the dead letters of what the server will never take. While the server is down,
// the topic is the buffer: no more is held than the next requests need.
#include "actors/connect/http_sink.hpp"

#include <algorithm>

#include "actors/connect/hosted.hpp"
#include "actors/connect/topic_reader.hpp"

namespace penstock {
namespace {

constexpr duration work_slice = 10ms;   // in which no order is heard
constexpr duration stop_patience = 3s;  // for the answer of a request that is under way

class http_connector final : public connector {
 public:
  http_connector(self_pointer self, connector_config config, http_transport_maker make)
      : connector(self, std::move(config)),
        make_(std::move(make)),
        what_(std::get<http_sink>(self_step().writes_to->how)),
        json_(self_step().formats.value == "json"),
        reader_(*this, [this] { work(); }) {}

 protected:
  void begin() override {
    const auto url = parse_http_url(what_.url);
    if (!url) return fail(url.error());
    // Now, because nobody can set a variable later; what files say may change.
    if (const auto known = values_of(what_.as.headers, *config_.files); !known)
      return fail(known.error());
    auto made =
        make_({*url, what_.as.ca_file}, reader_.partitions(), what_.tries.timeout, *config_.time);
    if (!made) return fail(made.error());
    transport_ = std::move(*made);
    random chance{static_cast<std::uint64_t>(config_.time->monotonic().count())};
    for (std::size_t p = 0; p < reader_.partitions(); ++p)
      lanes_.emplace_back(delivery{what_.body, json_, what_.gather, what_.tries, chance.fork()});
    reader_.open([this] {
      running();
      started_ = true;
      work();
    });
  }

  void finish() override {
    if (finishing_) return;
    finishing_ = true;
    finishing_since_ = now();
    reader_.finish();
  }

  void stop() override {
    if (stopping_) return;
    stopping_ = true;
    after(stop_patience, [this] { ended(); });  // what was not answered comes again
    work();
  }

  connector_numbers numbers() const override {
    connector_numbers n = delivered_;
    n.waiting = reader_.waiting();
    return n;
  }

 private:
  struct lane {
    explicit lane(delivery d) : owed(std::move(d)) {}
    delivery owed;
    std::size_t aside = 0;  // dead letters that are not durable yet
  };

  delivery::time now() const { return config_.time->monotonic(); }

  bool idle() const {
    return std::none_of(lanes_.begin(), lanes_.end(),
                        [](const lane& each) { return each.owed.under_way() || each.aside > 0; });
  }

  void work() {
    if (is_over() || !started_) return;
    if (!stopping_) {
      for (std::size_t p = 0; p < lanes_.size() && !is_over(); ++p) feed(p);
    }
    if (is_over()) return;
    commit();
    check_end();
    if (is_over()) return;
    turn();
    set_timer();
  }

  /// Takes records in while there is room, and sends when it is time.
  void feed(std::size_t p) {
    auto& owed = lanes_[p].owed;
    const auto& limits = what_.gather;
    if (owed.held_records() < limits.records && owed.held_bytes() < limits.bytes) {
      if (reader_.has(p)) {
        const auto at = now();
        auto taken = reader_.take(p, [&](const record_view& r) {
          if (r.value) owed.add(r, at);
          return true;
        });
        if (!taken) return fail(taken.error());
      }
      reader_.fetch(p);
    }
    const bool hurry = finishing_ && reader_.at_end(p);
    auto body = owed.next(now(), hurry);
    if (!body) return;
    const auto own = values_of(what_.as.headers, *config_.files);
    if (!own) return on_answer(p, own.error());
    transport_->post(p, content_type(what_.body), *own, std::move(*body),
                     [this, p](const result<http_answer>& answer) { on_answer(p, answer); });
  }

  void on_answer(std::size_t p, const result<http_answer>& answer) {
    auto& at = lanes_[p];
    const auto outcome = at.owed.on_answer(answer, now());
    delivered_.records += outcome.delivered;
    delivered_.bytes += outcome.bytes;
    for (const auto& each : outcome.refused) {
      put_aside(p, each);
      if (is_over()) return;
    }
    if (outcome.failure) {
      if (!failing_since_) failing_since_ = now();
      last_failure_ = outcome.failure;
      down(outcome.failure);
      reader_.look();
    } else {
      failing_since_.reset();
      up();
    }
    worked_ = true;
  }

  /// By the topology's policy for records that a step cannot process.
  void put_aside(std::size_t p, const delivery::rejected& what) {
    using action = bad_record_policy::action;
    const auto& policy = config_.topology->on_bad_record();
    const auto& topic = config_.what.topic;
    if (policy.what == action::stop) {
      return fail(
          error{errc::bad_record, "topic " + topic + ", partition " + std::to_string(p) +
                                      ", offset " + std::to_string(what.what.offset) +
                                      " (to go on past such records, set on_bad_record to skip or "
                                      "dead_letter): " +
                                      what.reason});
    }
    ++delivered_.dropped;
    if (policy.what == action::skip) return;
    const auto partition = std::to_string(p);
    const auto offset = std::to_string(what.what.offset);
    std::vector<header_view> headers;
    for (const auto& each : what.what.headers) {
      headers.push_back({each.name, std::nullopt});
      if (each.value) headers.back().value = *each.value;
    }
    headers.push_back({"penstock.reason", what.reason});
    headers.push_back({"penstock.step", name()});
    headers.push_back({"penstock.topic", topic});
    headers.push_back({"penstock.partition", partition});
    headers.push_back({"penstock.offset", offset});
    batch_builder builder;
    const auto view_of = [](const std::optional<bytes>& from) {
      return from ? std::optional<bytes_view>{*from} : std::nullopt;
    };
    builder.add(what.what.time, view_of(what.what.key), view_of(what.what.value), headers);
    const auto data = builder.finish();
    auto request = append_request::make(data.size(), [&](wire::AppendRequest::Builder out) {
      out.setTopic(text_of(policy.topic));
      out.setPartition(0);
      out.setBatches(data_of(data));
    });
    ++lanes_[p].aside;
    ask<append_reply>(std::move(request), "cannot write to topic " + policy.topic,
                      [this, p](const append_reply&) {
                        --lanes_[p].aside;
                        work();
                      });
  }

  /// Where a partition goes on after this run, as far as it is sure.
  offset_t settled(std::size_t p) const {
    const auto& at = lanes_[p];
    if (at.aside > 0) return reader_.committed(p);
    return at.owed.held_records() == 0 ? reader_.next(p) : at.owed.settled();
  }

  void commit() {
    if (reader_.committing()) return;
    std::vector<offset_t> offsets;
    for (std::size_t p = 0; p < lanes_.size(); ++p) offsets.push_back(settled(p));
    reader_.commit(offsets, {}, false, [this] { work(); });
  }

  void check_end() {
    if (reader_.committing() || !idle()) return;
    if (stopping_) return ended();
    if (!finishing_) return;
    bool done = true;
    for (std::size_t p = 0; p < lanes_.size(); ++p)
      done = done && reader_.at_end(p) && lanes_[p].owed.held_records() == 0;
    if (done) return ended();
    if (!failing_since_) return;
    const auto waited = now() - std::max(*failing_since_, finishing_since_);
    if (waited >= what_.tries.at_end) fail(reader_.left_behind(last_failure_));
  }

  /// Requests under way go on in slices, between which the mailbox is read.
  void turn() {
    if (turning_ || idle_lanes()) return;
    turning_ = true;
    again([this] {
      turning_ = false;
      worked_ = false;
      transport_->work(work_slice);
      if (is_over()) return;
      if (worked_) return work();
      check_end();
      if (!is_over()) turn();
    });
  }

  bool idle_lanes() const {
    return std::none_of(lanes_.begin(), lanes_.end(),
                        [](const lane& each) { return each.owed.under_way(); });
  }

  /// Wakes up when a request is old enough or a wait is over.
  void set_timer() {
    std::optional<delivery::time> first;
    for (const auto& each : lanes_)
      if (const auto due = each.owed.due()) first = first ? std::min(*first, *due) : *due;
    if (!first || stopping_) return;
    if (timer_ && *timer_ <= *first && *timer_ > now()) return;
    timer_ = std::max(*first, now() + delivery::time{1ms});
    const auto wait = std::chrono::ceil<duration>(*timer_ - now());
    after(wait, [this, at = *timer_] {
      if (timer_ == at) timer_.reset();
      work();
    });
  }

  http_transport_maker make_;
  http_sink what_;
  bool json_;
  topic_reader reader_;
  std::unique_ptr<http_transport> transport_;
  std::vector<lane> lanes_;
  connector_numbers delivered_;
  std::optional<delivery::time> failing_since_;
  delivery::time finishing_since_{0};
  error last_failure_;
  std::optional<delivery::time> timer_;
  bool started_ = false;
  bool finishing_ = false;
  bool stopping_ = false;
  bool turning_ = false;
  bool worked_ = false;
};

}  // namespace

std::unique_ptr<connector> make_http_sink(connector::self_pointer self, connector_config config) {
  return std::make_unique<http_connector>(self, std::move(config), make_http_transport);
}

connector_actor spawn_http_sink(caf::actor_system& system, connector_config config,
                                http_transport_maker make) {
  return spawn_hosted(system, false, [config, make](connector::self_pointer self) {
    return std::make_unique<http_connector>(self, config, make);
  });
}

}  // namespace penstock
