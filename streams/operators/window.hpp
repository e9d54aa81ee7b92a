// Aggregates per key and tumbling window of event time. A record is late when its window's end plus
// the grace is not after the watermark: counted, and sent to port `late` when somebody listens.
// Windows close in the order of their starts, the keys of one in the order of their bytes.
#pragma once

#include <string>
#include <utility>

#include "streams/operators/keyed.hpp"
#include "streams/state/window_store.hpp"

namespace penstock {

/// A value together with the window [start, end) it was computed over. The key stays the key.
template <class V>
struct windowed {
  V value;
  timestamp start;
  timestamp end;

  const V* operator->() const { return &value; }
  const V& operator*() const { return value; }
};

template <class V>
constexpr auto penstock_fields(const windowed<V>*) {
  return detail::numbered(detail::make_field(0, "value", &windowed<V>::value),
                          detail::make_field(0, "start", &windowed<V>::start),
                          detail::make_field(0, "end", &windowed<V>::end));
}

namespace detail {

/// The output ports of a window step.
enum window_port : int { updates_port = 0, closes_port = 1, late_port = 2 };

template <class K, class V, class Aggregator>
class tumbling_operator final : public operator_base, public receiver<K, V> {
  using state = typename Aggregator::state;
  using shown = typename Aggregator::shown;
  using store = window_store<state>;
  using window = typename store::window;

 public:
  tumbling_operator(task_context& task, duration size, duration grace, Aggregator how)
      : task_(task),
        self_(task.self()),
        size_(size),
        kept_(size + grace + task.delay()),
        delay_(task.delay()),
        place_(task.place()),
        how_(std::move(how)) {
    task.add_store(store_);
  }

  output_port output(int port) override {
    if (port == late_port) return output_port::of(late_);
    return output_port::of(port == updates_port ? updates_ : closes_);
  }

  void on_record(const K& key, const V& value, record_context& context) override {
    window* w = last_;
    if (w == nullptr || context.time < w->start || context.time >= w->start + size_) {
      w = find_window(key, value, context);
      if (w == nullptr) return;
    }
    const auto [e, fresh] =
        store_.find_or_make(*w, encoded(key, key_bytes_), [this] { return how_.zero(); });
    if (add_to(how_, e->second.state, fresh, key, value, task_, self_, context)) [[likely]] {
      store_.changed(*w, *e, context.time);
    } else if (fresh) {
      store_.undo(*w, *e);
    }
  }

  void flush() override {
    const timestamp earliest = task_.watermark(delay_);
    store_.flush([&](timestamp start, bytes_view key, const state& s, timestamp time) {
      if (updates_.connected()) emit(updates_, start, key, s, std::max(time, earliest));
    });
  }

  timestamp due() const override {
    const window* const first = store_.first();
    return first == nullptr ? max_timestamp : first->start + kept_;
  }
  bool has_windows() const override { return true; }

  void on_time() override {
    while (due() <= task_.watermark_at(place_)) {
      last_ = nullptr;
      const timestamp start = store_.first()->start;
      store_.close_first([&](bytes_view key, const typename store::slot& s) {
        // What changed since the last flush would never be seen otherwise.
        if (s.changed != store::slot::clean && updates_.connected()) {
          emit(updates_, start, key, s.state, start + size_ - duration{1});
        }
        if (closes_.connected()) {
          emit(closes_, start, key, s.state, start + size_ - duration{1});
        }
      });
    }
  }

 private:
  /// The window of a record; null when it is late or has no proper time, and then dealt with.
  window* find_window(const K& key, const V& value, record_context& context) {
    if (context.time < timestamp{} || context.time > latest) [[unlikely]] {
      task_.bad_record(self_, context, "its time is not one that a window can have");
      return nullptr;
    }
    const timestamp start{context.time.time_since_epoch() / size_ * size_};
    if (start + kept_ <= task_.watermark_at(place_)) {
      task_.count_late();
      late_(key, value, context);
      return nullptr;
    }
    last_ = &store_.at(start);
    task_.wake_at(start + kept_);
    return last_;
  }

  void emit(const emitter<K, windowed<shown>>& to, timestamp start, bytes_view key, const state& s,
            timestamp time) {
    record_view raw;
    raw.offset = -1;
    raw.key = key;
    raw.time = time;
    record_context context{time, &raw};
    serde<K>::decode(key, key_, 0);
    result_.value = how_.show(s);
    result_.start = start;
    result_.end = start + size_;
    to(key_, result_, context);
  }

  /// The year 9999: sums of times stay far from the ends of their type.
  static constexpr timestamp latest = from_millis(253'402'300'799'999);

  task_context& task_;
  const step& self_;
  duration size_;
  duration kept_;  // from a window's start to the watermark at which it closes
  duration delay_;
  std::size_t place_;
  Aggregator how_;
  store store_;
  window* last_ = nullptr;  // the window of the last record; it is not late
  bytes key_bytes_;
  K key_{};
  windowed<shown> result_{};
  emitter<K, windowed<shown>> updates_;
  emitter<K, windowed<shown>> closes_;
  emitter<K, V> late_;
};

}  // namespace detail
}  // namespace penstock
