// Windows in the making: a stream cut into windows, and the result that is neither a stream nor a
// table until you say which of its values you want.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "dsl/aggregates.hpp"
#include "dsl/graph.hpp"
#include "dsl/topic.hpp"
#include "dsl/window.hpp"
#include "streams/operators/ends.hpp"
#include "streams/operators/window.hpp"

namespace penstock {

template <class K, class V>
class stream;

/// An aggregate per key and window. Decide when it may be seen.
template <class K, class V>
class windowed_table {
 public:
  windowed_table(detail::graph_end at, duration grace_period)
      : at_(std::move(at)), grace_(grace_period) {}

  /// Every key and window that changed, once per commit: early, and again when it changes again.
  stream<K, windowed<V>> on_update() const {
    return result(detail::updates_port, "on_update", std::nullopt, duration{0}, {});
  }

  /// Once per key and window, when no more records can come: the final value. Input partitions that
  /// are silent for so long do not hold the windows open.
  stream<K, windowed<V>> on_close(idle_after idle) const {
    detail::check_duration(*at_.graph, at_.graph->steps[static_cast<std::size_t>(at_.id)].name,
                           "idle_after", idle.value, duration{1});
    return result(detail::closes_port, "on_close", idle.value, grace_,
                  "idle after " + detail::show_duration(idle.value));
  }

  /// The same, but windows stay open for as long as any input partition is silent.
  stream<K, windowed<V>> on_close(never_idle_t) const {
    return result(detail::closes_port, "on_close", std::nullopt, grace_, "never idle");
  }

 private:
  stream<K, windowed<V>> result(int port, std::string verb, std::optional<duration> idle,
                                duration behind, std::string details) const {
    const std::string& window = at_.graph->steps[static_cast<std::size_t>(at_.id)].name;
    auto s = detail::step_behind(at_, step_kind::emit, verb, window + "." + verb);
    s.details = std::move(details);
    s.idle_after = idle;
    s.holds_back = behind;
    s.make = [port](task_context& task) -> std::unique_ptr<operator_base> {
      return std::make_unique<detail::alias_operator>(task, port);
    };
    return stream<K, windowed<V>>{{at_.graph, at_.graph->add(std::move(s))}};
  }

  detail::graph_end at_;
  duration grace_;
};

/// A keyed stream cut into windows: name a side stream for late records, then fold.
template <class K, class V>
class windowed_stream : public detail::aggregates<windowed_stream<K, V>, K, V> {
 public:
  windowed_stream(detail::graph_end at, tumbling shape) : at_(std::move(at)), shape_(shape) {}

  /// Sends records that come after their window has closed to a topic. They are counted either way.
  windowed_stream late(const topic<owned_t<K>, owned_t<V>>& out) const {
    windowed_stream with = *this;
    with.late_ = std::make_shared<topic<owned_t<K>, owned_t<V>>>(out);
    return with;
  }

 private:
  friend class detail::aggregates<windowed_stream<K, V>, K, V>;

  template <class Aggregator>
  windowed_table<K, typename Aggregator::shown> fold(std::string verb, std::string name,
                                                     Aggregator how,
                                                     std::string details = {}) const {
    using namespace detail;
    static_assert(encodable<typename Aggregator::state>,
                  "this state is kept on disk and has no serde: add PENSTOCK_FIELDS(type, "
                  "members...)");
    check_duration(*at_.graph, name, "the window's size", shape_.size, duration{1});
    check_duration(*at_.graph, name, "the grace", shape_.late.value, duration{0});
    auto s = step_behind(at_, step_kind::stateful, "tumbling " + verb, std::move(name));
    const std::string shape =
        "size " + show_duration(shape_.size) + ", grace " + show_duration(shape_.late.value);
    s.details = details.empty() ? shape : shape + ", " + details;
    s.formats = {binary_name<K>(), binary_name<windowed<typename Aggregator::shown>>()};
    s.state_fingerprint = "tumbling " + show_duration(shape_.size) + " " + verb + " " +
                          serde<K>::name() + " -> " + serde<typename Aggregator::state>::name();
    s.needs_time = true;
    s.make = maker<tumbling_operator<K, V, Aggregator>, K, V>(shape_.size, shape_.late.value,
                                                              std::move(how));
    const graph_end window{at_.graph, at_.graph->add(std::move(s))};
    if (late_) add_late_sink(window);
    return {window, shape_.late.value};
  }

  void add_late_sink(const detail::graph_end& window) const {
    using namespace detail;
    auto s = step_behind(window, step_kind::sink, "late", late_->name());
    s.topic = late_->name();
    s.formats = {late_->key_formatting().name(), late_->value_formatting().name()};
    s.make = [key = late_->key_formatting(),
              value = late_->value_formatting()](task_context& task) {
      auto op = std::make_unique<topic_sink<K, V>>(task, key, value);
      task.input<K, V>(0, late_port).add(*op);
      return std::unique_ptr<operator_base>{std::move(op)};
    };
    window.graph->add(std::move(s));
  }

  void problem(std::string what) const { at_.graph->problems.push_back(std::move(what)); }

  detail::graph_end at_;
  tumbling shape_;
  std::shared_ptr<const topic<owned_t<K>, owned_t<V>>> late_;
};

}  // namespace penstock
