// What every step does to a record, as the runner and its neighbours see it: typed operators joined
// by typed edges. A record goes down a chain of `on_record` calls, one virtual call per step, by
// reference and without allocation. Owned by one task runner and used from one thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "streams/base/assert.hpp"
#include "streams/base/time.hpp"
#include "streams/record/record.hpp"

namespace penstock {

/// What travels beside a key and a value. `time` is the record's event time; a step that changes it
/// puts it back before it returns.
struct record_context {
  timestamp time = no_timestamp;
  /// The record that the task is working on, as it was read; or, when a state emits, the key and
  /// value that it holds, with offset -1.
  const record_view* raw = nullptr;
};

/// The receiving end of an edge. `key` and `value` live until `on_record` returns.
template <class K, class V>
class receiver {
 public:
  virtual void on_record(const K& key, const V& value, record_context& context) = 0;

  /// A table's key has gone. Only receivers that keep or write tables care.
  virtual void on_delete(const K& /*key*/, record_context& /*context*/) {}

 protected:
  ~receiver() = default;
};

/// The sending end: calls every receiver, with a short way for the usual one.
template <class K, class V>
class emitter {
 public:
  void add(receiver<K, V>& to) {
    all_.push_back(&to);
    only_ = all_.size() == 1 ? &to : nullptr;
  }
  bool connected() const { return !all_.empty(); }

  void operator()(const K& key, const V& value, record_context& context) const {
    if (only_ != nullptr) [[likely]] {
      only_->on_record(key, value, context);
    } else {
      for (receiver<K, V>* one : all_) one->on_record(key, value, context);
    }
  }
  void remove(const K& key, record_context& context) const {
    for (receiver<K, V>* one : all_) one->on_delete(key, context);
  }

 private:
  receiver<K, V>* only_ = nullptr;
  std::vector<receiver<K, V>*> all_;
};

/// An emitter whose types are known only to the two steps that it joins.
struct output_port {
  void* emitter = nullptr;
  const std::type_info* type = nullptr;

  template <class K, class V>
  static output_port of(penstock::emitter<K, V>& e) {
    return {&e, &typeid(penstock::emitter<K, V>)};
  }
  template <class K, class V>
  penstock::emitter<K, V>& as() const {
    PENSTOCK_ASSERT(type != nullptr && *type == typeid(penstock::emitter<K, V>));
    return *static_cast<penstock::emitter<K, V>*>(emitter);
  }
};

/// A step at work in one task. Made by `step.make`, inputs before users.
class operator_base {
 public:
  operator_base() = default;
  operator_base(const operator_base&) = delete;
  operator_base& operator=(const operator_base&) = delete;
  virtual ~operator_base() = default;

  /// The edge behind this step; steps with several (branches, windows) number them.
  virtual output_port output(int /*port*/) { return {}; }

  /// Emits what waits for a commit and marks it as to be made durable.
  virtual void flush() {}

  /// The task's watermark at which `on_time` must be called; `max_timestamp`: never.
  virtual timestamp due() const { return max_timestamp; }
  virtual void on_time() {}

  /// The task's state and watermark have been restored.
  virtual void on_restored() {}

  /// Whether the end of the input must make it emit (`--close-windows`).
  virtual bool has_windows() const { return false; }
};

/// An operator that starts a task's chain from the bytes of a record.
class source_operator : public operator_base {
 public:
  virtual void on_raw(const record_view& record, record_context& context) = 0;
};

/// Thrown through the operators when a bad record stops the task; caught by the runner only.
struct stop_task {};

}  // namespace penstock
