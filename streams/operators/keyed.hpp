// The steps with a state per key: aggregates (which become tables), dedupe and throttle.
#pragma once

#include <string>
#include <utility>

#include "streams/operators/aggregators.hpp"
#include "streams/operators/stateless.hpp"
#include "streams/plan/task_context.hpp"
#include "streams/state/keyed_store.hpp"

namespace penstock::detail {

/// Whether a state can be put back cheaply when a user's function threw half way.
template <class S>
inline constexpr bool cheap_to_keep = std::is_trivially_copyable_v<S> && sizeof(S) <= 64;

/// Adds a record to a state; when the function throws, the state is as before if that is cheap
/// to arrange (`aggregate` says so), and the record has been dealt with. False then.
template <class Aggregator, class K, class V>
bool add_to(Aggregator& how, typename Aggregator::state& state, bool fresh, const K& key,
            const V& value, task_context& task, const step& self, const record_context& context) {
  using state_type = typename Aggregator::state;
  if constexpr (Aggregator::safe) {
    how.add(state, fresh, key, value);
    return true;
  } else if constexpr (cheap_to_keep<state_type>) {
    const state_type before = state;
    try {
      how.add(state, fresh, key, value);
      return true;
    } catch (...) {
      state = before;
      task.caught(self, context);
      return false;
    }
  } else {
    try {
      how.add(state, fresh, key, value);
      return true;
    } catch (...) {
      task.caught(self, context);
      return false;
    }
  }
}

/// count … distinct: a table that emits once per key and flush.
template <class K, class V, class Aggregator>
class aggregate_operator final : public typed_operator<K, V, K, typename Aggregator::shown> {
  using base = typed_operator<K, V, K, typename Aggregator::shown>;
  using state = typename Aggregator::state;

 public:
  aggregate_operator(task_context& task, Aggregator how) : base(task), how_(std::move(how)) {
    task.add_store(store_);
  }

  void on_record(const K& key, const V& value, record_context& context) override {
    const auto [e, fresh] =
        store_.find_or_make(encoded(key, key_bytes_), [this] { return how_.zero(); });
    if (add_to(how_, e->second.state, fresh, key, value, this->task_, this->self_, context))
        [[likely]] {
      store_.changed(*e, context.time);
    } else if (fresh) {
      store_.undo(*e);
    }
  }

  void flush() override {
    if (!this->out_.connected()) {
      store_.flush();
      return;
    }
    // A table changes now: what it emits is not late, however old the records were.
    const timestamp earliest = this->task_.watermark(delay_);
    record_view raw;
    raw.offset = -1;
    record_context context{no_timestamp, &raw};
    store_.flush(
        [&](bytes_view own, const state& s, timestamp time) {
          raw.key = own;
          raw.time = context.time = std::max(time, earliest);
          serde<K>::decode(own, key_, 0);
          this->out_(key_, how_.show(s), context);
        },
        [](bytes_view) {});
  }

 private:
  Aggregator how_;
  keyed_store<state> store_;
  duration delay_ = this->task_.delay();
  bytes key_bytes_;
  K key_{};
};

/// When a state that forgets looks for what to forget: as event time crosses multiples of a period,
/// so that it happens at the same records after a crash, and costs little per record.
class forget_clock {
 public:
  forget_clock(task_context& task, duration period)
      : task_(task), period_(period), delay_(task.delay()) {
    task.wake_at(due());
  }

  timestamp due() const { return done_ ? *done_ + period_ + delay_ : min_timestamp + duration{1}; }

  /// The last multiple of the period that event time has passed.
  timestamp pass() {
    const auto now = task_.watermark(delay_).time_since_epoch();
    const auto whole = now / period_ - (now % period_ < duration{0} ? 1 : 0);
    done_ = timestamp{whole * period_};
    return *done_;
  }
  void on_restored() {
    if (task_.watermark(delay_) != min_timestamp) pass();
  }

 private:
  task_context& task_;
  duration period_;
  duration delay_;
  std::optional<timestamp> done_;
};

/// dedupe(name, within): drops a record when one of its key passed less than `within` before it.
template <class K, class V>
class dedupe_operator final : public typed_operator<K, V, K, V> {
 public:
  dedupe_operator(task_context& task, duration within)
      : typed_operator<K, V, K, V>(task), within_(within), clock_(task, within) {
    task.add_store(store_);
  }

  void on_record(const K& key, const V& value, record_context& context) override {
    const auto [e, fresh] =
        store_.find_or_make(encoded(key, key_bytes_), [&] { return context.time; });
    timestamp& passed = e->second.state;
    if (!fresh && context.time < passed + within_ && passed < context.time + within_) return;
    passed = std::max(passed, context.time);
    store_.changed(*e, context.time);
    this->out_(key, value, context);
  }
  void flush() override { store_.flush(); }

  timestamp due() const override { return clock_.due(); }
  void on_restored() override { clock_.on_restored(); }
  void on_time() override {
    const timestamp now = clock_.pass();
    store_.erase_if([&](timestamp passed) { return passed + within_ <= now; });
  }

 private:
  duration within_;
  forget_clock clock_;
  keyed_store<timestamp> store_;
  bytes key_bytes_;
};

}  // namespace penstock::detail

namespace penstock {

/// What `throttle` remembers: the period it counts in, and how many have passed.
struct throttle_state {
  timestamp start;
  std::uint64_t passed = 0;
};
PENSTOCK_FIELDS(throttle_state, start, passed);

namespace detail {

/// throttle(name, n, per): lets `n` records of a key pass in each period of event time.
template <class K, class V>
class throttle_operator final : public typed_operator<K, V, K, V> {
 public:
  throttle_operator(task_context& task, std::uint64_t at_most, duration per)
      : typed_operator<K, V, K, V>(task), at_most_(at_most), per_(per), clock_(task, per) {
    task.add_store(store_);
  }

  void on_record(const K& key, const V& value, record_context& context) override {
    const timestamp start{context.time.time_since_epoch() / per_ * per_};
    const auto [e, fresh] = store_.find_or_make(encoded(key, key_bytes_), [&] {
      return throttle_state{start, 0};
    });
    throttle_state& s = e->second.state;
    // A record of an earlier period counts in the newest one: it must not open a fresh allowance.
    if (start > s.start) s = {start, 0};
    if (s.passed >= at_most_) return;
    ++s.passed;
    store_.changed(*e, context.time);
    this->out_(key, value, context);
  }
  void flush() override { store_.flush(); }

  timestamp due() const override { return clock_.due(); }
  void on_restored() override { clock_.on_restored(); }
  void on_time() override {
    const timestamp now = clock_.pass();
    store_.erase_if([&](const throttle_state& s) { return s.start + per_ <= now; });
  }

 private:
  std::uint64_t at_most_;
  duration per_;
  forget_clock clock_;
  keyed_store<throttle_state> store_;
  bytes key_bytes_;
};

}  // namespace detail
}  // namespace penstock
