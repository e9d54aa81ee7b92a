// Runs a topology in a test: no broker, no threads, no waiting. The real operators over in-memory
// topics with three partitions (unless told otherwise), records placed by Kafka's partitioner, data
// behind `key_by` moved through real record batches, and a clock that moves only when told.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dsl/topology.hpp"
#include "streams/record/record.hpp"

namespace penstock {

struct test_options {
  std::int32_t partitions = 3;
  timestamp start = from_millis(1'600'000'000'000);  // the clock: 2020-09-13T12:26:40Z
  duration max_ahead = std::chrono::hours{1};
};

/// A bad record that was skipped or sent to the dead-letter topic.
struct bad_record_report {
  std::string step;
  std::string topic;  // empty when the record had left a state
  std::int32_t partition = 0;
  offset_t offset = -1;
  std::string reason;
  std::optional<bytes> key;  // as they came
  std::optional<bytes> value;
};

namespace detail {

/// The driver without types: bytes in, bytes out. Under `test_driver`, and under `--test FILE`.
class driver_core {
 public:
  /// Throws std::invalid_argument for a plan with problems.
  driver_core(plan p, test_options options);
  ~driver_core();
  driver_core(const driver_core&) = delete;
  driver_core& operator=(const driver_core&) = delete;

  void feed(const std::string& topic, std::optional<bytes_view> key,
            std::optional<bytes_view> value, std::optional<timestamp> at,
            std::span<const header_view> headers = {});
  /// A line for the source connector of a step, as its outside would give it: `key` is what the
  /// source keys by (a path, a sender), if it does.
  void feed_line(const std::string& step, std::optional<bytes_view> key, bytes_view line);
  void advance_to(timestamp t);
  void advance_by(duration d);
  void close_windows();
  void commit();
  void restart();
  std::vector<record> take(const std::string& topic);

  /// The topic that the connector of a step fills or empties; throws when the step has none.
  const plan_connector& connector_of(const std::string& step, bool source) const;
  std::optional<bytes> state_of(std::string_view step, bytes_view key) const;
  std::vector<std::pair<bytes, bytes>> all_state(std::string_view step) const;
  const std::vector<bad_record_report>& bad_records() const;
  std::vector<std::string> take_printed();
  task_counters counters() const;
  timestamp now() const;

 private:
  struct impl;

  void end_events(bool all);
  std::unique_ptr<impl> impl_;
};

template <class T>
bytes key_bytes_of(const T& key) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return bytes{std::string_view{key}};
  } else {
    bytes scratch;
    serde<T>::encode(key, scratch);
    return scratch;
  }
}

/// Throws when stored bytes are not a T: the test asked for the wrong type.
[[noreturn]] void wrong_state_type(std::string_view step, std::string_view type);

template <class T>
T state_as(std::string_view step, bytes_view from) {
  T value{};
  if (!serde<T>::decode(from, value, 0)) wrong_state_type(step, serde<T>::name());
  return value;
}

}  // namespace detail

/// What one step remembers, over all partitions. Keys and values are given with the step's own
/// types: `d.state("counts").get<std::uint64_t>("word")`.
class test_state {
 public:
  test_state(const detail::driver_core& core, std::string step)
      : core_(core), step_(std::move(step)) {}

  /// The state of a key, or nothing. (For `average` that is an `average_state`, for `distinct` and
  /// `top_k` a vector.)
  template <class V, class K>
  std::optional<V> get(const K& key) const {
    return found<V>(detail::key_bytes_of(key));
  }

  /// The state of a key in the window that starts at `window`.
  template <class V, class K>
  std::optional<V> get(const K& key, timestamp window) const {
    bytes full = detail::key_bytes_of(key);
    serde<timestamp>::encode(window, full);
    return found<V>(full);
  }

  /// Every key and state, sorted. Not for windows.
  template <class K, class V>
  std::map<K, V> all() const {
    std::map<K, V> entries;
    for (const auto& [key, value] : core_.all_state(step_)) {
      entries.emplace(detail::state_as<K>(step_, key), detail::state_as<V>(step_, value));
    }
    return entries;
  }

  /// How many entries there are: keys, or keys of windows.
  std::size_t size() const { return core_.all_state(step_).size(); }

 private:
  template <class V>
  std::optional<V> found(const bytes& key) const {
    const auto held = core_.state_of(step_, key);
    if (!held) return std::nullopt;
    return detail::state_as<V>(step_, *held);
  }

  const detail::driver_core& core_;
  std::string step_;
};

/// ```
/// test_driver d{build()};
/// d.feed(lines, "to be or not to be");
/// CHECK(d.drain(counts).size() == 4);
/// ```
/// Every record is processed to the end before `feed` returns. Tables emit, and changes become
/// durable, at a commit, which `drain`, `state` and the movements of time make. Throws
/// std::invalid_argument for a topology with problems, and std::runtime_error when a bad record
/// stops the job. One thread.
class test_driver {
 public:
  explicit test_driver(const topology& t, test_options options = {}) : core_(t.plan(), options) {}

  /// One record into a topic. Its timestamp is the clock's time unless given.
  template <class K, class V>
  void feed(const topic<K, V>& in, const std::type_identity_t<K>& key,
            const std::type_identity_t<V>& value,
            std::optional<timestamp> at = std::nullopt) requires key_type<K> {
    feed_any(in, key, value, at);
  }
  template <class V>
  void feed(const topic<no_key, V>& in, const std::type_identity_t<V>& value,
            std::optional<timestamp> at = std::nullopt) {
    feed_any(in, no_key{}, value, at);
  }

  /// Any bytes, to see what the topology makes of bad ones, and nulls.
  void feed_bytes(const std::string& topic, std::optional<bytes_view> key,
                  std::optional<bytes_view> value, std::optional<timestamp> at = std::nullopt) {
    core_.feed(topic, key, value, at);
  }

  /// A line for the source of a step (`lines`, `tail`, …), as a file or stream has it, without its
  /// newline; `key` is the path or sender where the source has such a key. Lines that belong
  /// together are put together; the last event waits for `advance_by` or `close_windows`.
  void feed_line(const std::string& step, std::string_view line) {
    core_.feed_line(step, std::nullopt, line);
  }
  void feed_line(const std::string& step, std::string_view key, std::string_view line) {
    core_.feed_line(step, key, line);
  }

  /// The lines that a sink (`to_file`, …) has been given since the last time.
  std::vector<std::string> drain_lines(const std::string& step) {
    std::vector<std::string> lines;
    for (const record& r : core_.take(core_.connector_of(step, false).topic))
      lines.push_back(r.value.value_or(""));
    return lines;
  }

  /// Event time of every source goes on to `t`, as if later records had come; the clock too, when
  /// it is behind. Windows close.
  void advance_to(timestamp t) { core_.advance_to(t); }

  /// The clock goes on and nothing comes: inputs become idle.
  void advance_by(duration d) { core_.advance_by(d); }

  /// The end of the input, as with `--close-windows`.
  void close_windows() { core_.close_windows(); }

  /// What a running job does every so often: tables emit, changes become durable.
  void commit() { core_.commit(); }

  /// A crash: everything since the last commit is forgotten, state is restored from the changelog,
  /// and the input is read again from there. Output since then comes twice.
  void restart() { core_.restart(); }

  /// The records that have been written to a topic since the last drain, in order of writing.
  template <class K, class V>
  std::vector<std::pair<K, V>> drain(const topic<K, V>& out) requires key_type<K> {
    std::vector<std::pair<K, V>> records;
    each_drained(out,
                 [&](K key, V value) { records.emplace_back(std::move(key), std::move(value)); });
    return records;
  }
  template <class V>
  std::vector<V> drain(const topic<no_key, V>& out) {
    std::vector<V> values;
    each_drained(out, [&](no_key, V value) { values.push_back(std::move(value)); });
    return values;
  }

  /// The same as bytes, with times and headers: dead letters, deletions.
  std::vector<record> drain_records(const std::string& topic) { return core_.take(topic); }

  /// What a step remembers, after a commit.
  test_state state(std::string step) {
    core_.commit();
    return {core_, std::move(step)};
  }

  /// Bad records that were skipped or sent away.
  const std::vector<bad_record_report>& bad_records() const { return core_.bad_records(); }

  /// Lines of `print` steps since the last call.
  std::vector<std::string> printed() { return core_.take_printed(); }

  /// Sums over all tasks since the start or restart.
  std::uint64_t late() const { return core_.counters().late; }
  task_counters counters() const { return core_.counters(); }

  /// The driver's clock.
  timestamp now() const { return core_.now(); }

 private:
  template <class K, class V>
  void feed_any(const topic<K, V>& in, const K& key, const V& value, std::optional<timestamp> at) {
    bytes key_scratch, value_scratch;
    core_.feed(in.name(), in.key_formatting().encode(key, key_scratch),
               in.value_formatting().encode(value, value_scratch), at);
  }

  template <class K, class V, class F>
  void each_drained(const topic<K, V>& out, F&& f) {
    for (const record& r : core_.take(out.name())) {
      K key{};
      V value{};
      if (!r.value && !detail::is_optional<V>::value) continue;  // a deletion
      if (!out.key_formatting().decode(r.key, key) ||
          !out.value_formatting().decode(r.value, value)) {
        detail::wrong_state_type(out.name(), out.value_formatting().name());
      }
      f(std::move(key), std::move(value));
    }
  }

  detail::driver_core core_;
};

}  // namespace penstock
