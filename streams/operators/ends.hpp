// Where records enter and leave a task: topics, the two ends of a `key_by` that moves data, and
// the steps that hand records to the user.
#pragma once

#include <string>
#include <utility>

#include "streams/operators/functions.hpp"
#include "streams/operators/stateless.hpp"
#include "streams/plan/task_context.hpp"
#include "streams/record/value_format.hpp"
#include "streams/state/keyed_store.hpp"

namespace penstock::detail {

/// "its value (3 bytes) is not binary:u64".
std::string undecodable(std::string_view what, const std::optional<bytes_view>& raw,
                        std::string_view format);

/// from(topic).
template <class K, class V>
class topic_source final : public source_operator {
 public:
  topic_source(task_context& task, value_format<K> key, value_format<V> value)
      : task_(task), self_(task.self()), key_(std::move(key)), value_(std::move(value)) {}
  output_port output(int) override { return output_port::of(out_); }
  void on_raw(const record_view& record, record_context& context) override {
    if (!key_.decode(record.key, key_scratch_)) {
      task_.bad_record(self_, context, undecodable("key", record.key, key_.name()));
    } else if (!value_.decode(record.value, value_scratch_)) {
      task_.bad_record(self_, context, undecodable("value", record.value, value_.name()));
    } else {
      out_(key_scratch_, value_scratch_, context);
    }
  }

 private:
  task_context& task_;
  const step& self_;
  value_format<K> key_;
  value_format<V> value_;
  K key_scratch_{};
  V value_scratch_{};
  emitter<K, V> out_;
};

/// table(name, topic): the newest value of each key, emitted once per key and flush.
template <class K, class V>
class table_source final : public source_operator {
 public:
  table_source(task_context& task, value_format<K> key, value_format<V> value)
      : task_(task), self_(task.self()), key_(std::move(key)), value_(std::move(value)) {
    task.add_store(store_);
  }
  output_port output(int) override { return output_port::of(out_); }
  void on_raw(const record_view& record, record_context& context) override {
    if (!key_.decode(record.key, key_scratch_)) {
      task_.bad_record(self_, context, undecodable("key", record.key, key_.name()));
      return;
    }
    const bytes_view own = encoded(key_scratch_, key_bytes_);
    if (!record.value) {
      store_.erase(own, /*announce=*/true);
    } else if (!value_.decode(record.value, value_scratch_)) {
      task_.bad_record(self_, context, undecodable("value", record.value, value_.name()));
    } else {
      const auto [e, fresh] = store_.find_or_make(own, [] { return V{}; });
      e->second.state = value_scratch_;
      store_.changed(*e, context.time);
    }
  }
  void flush() override {
    record_view raw;
    raw.offset = -1;
    record_context context{no_timestamp, &raw};
    store_.flush(
        [&](bytes_view key, const V& value, timestamp time) {
          raw.key = key;
          raw.time = context.time = time;
          serde<K>::decode(key, key_scratch_, 0);
          out_(key_scratch_, value, context);
        },
        [&](bytes_view key) {
          raw.key = key;
          serde<K>::decode(key, key_scratch_, 0);
          out_.remove(key_scratch_, context);
        });
  }

 private:
  task_context& task_;
  const step& self_;
  value_format<K> key_;
  value_format<V> value_;
  keyed_store<V> store_;
  bytes key_bytes_;
  K key_scratch_{};
  V value_scratch_{};
  emitter<K, V> out_;
};

/// key_by inside a task: only the key changes.
template <class K, class V, class F>
class key_by_operator final : public typed_operator<K, V, called_t<F, K, V>, V> {
  using base = typed_operator<K, V, called_t<F, K, V>, V>;

 public:
  key_by_operator(task_context& task, F f) : base(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      this->out_(call(f_, key, value), value, context);
    } catch (...) {
      this->task_.caught(this->self_, context);
    }
  }

 private:
  F f_;
};

/// A whole record key or value in binary; an empty optional is a null.
template <class T>
std::optional<bytes_view> encode_whole(const T& value, bytes& scratch) {
  if constexpr (is_optional<T>::value) {
    if (!value) return std::nullopt;
    return encoded(*value, scratch);
  } else {
    return encoded(value, scratch);
  }
}
template <class T>
bool decode_whole(const std::optional<bytes_view>& from, T& into) {
  if constexpr (is_optional<T>::value) {
    if (!from) {
      into.reset();
      return true;
    }
    if (!into) into.emplace();
    return serde<typename optional_inner<T>::type>::decode(*from, *into, 0);
  } else {
    return from && serde<T>::decode(*from, into, 0);
  }
}

/// The upstream end of a hop.
template <class K, class V, class F>
class hop_writer final : public operator_base, public receiver<K, V> {
 public:
  hop_writer(task_context& task, F f)
      : task_(task), self_(task.self()), sink_(task.sink()), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      const called_t<F, K, V>& moved = call(f_, key, value);
      task_.emit(
          sink_,
          {encode_whole(moved, key_bytes_), encode_whole(value, value_bytes_), context.time, {}});
    } catch (...) {
      task_.caught(self_, context);
    }
  }

 private:
  task_context& task_;
  const step& self_;
  std::int32_t sink_;
  F f_;
  bytes key_bytes_;
  bytes value_bytes_;
};

/// The downstream end of a hop.
template <class K, class V>
class hop_reader final : public source_operator {
 public:
  explicit hop_reader(task_context& task) : task_(task), self_(task.self()) {}
  output_port output(int) override { return output_port::of(out_); }
  void on_raw(const record_view& record, record_context& context) override {
    if (!decode_whole(record.key, key_)) {
      task_.bad_record(self_, context, undecodable("key", record.key, self_.formats.key));
    } else if (!decode_whole(record.value, value_)) {
      task_.bad_record(self_, context, undecodable("value", record.value, self_.formats.value));
    } else {
      out_(key_, value_, context);
    }
  }

 private:
  task_context& task_;
  const step& self_;
  K key_{};
  V value_{};
  emitter<K, V> out_;
};

/// to(topic), late(topic).
template <class K, class V>
class topic_sink final : public operator_base, public receiver<K, V> {
 public:
  topic_sink(task_context& task, value_format<owned_t<K>> key, value_format<owned_t<V>> value)
      : task_(task), sink_(task.sink()), key_(std::move(key)), value_(std::move(value)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    task_.emit(
        sink_,
        {key_.encode(key, key_bytes_), value_.encode(value, value_bytes_), context.time, {}});
  }
  void on_delete(const K& key, record_context& context) override {
    task_.emit(sink_, {key_.encode(key, key_bytes_), std::nullopt, context.time, {}});
  }

 private:
  task_context& task_;
  std::int32_t sink_;
  value_format<owned_t<K>> key_;
  value_format<owned_t<V>> value_;
  bytes key_bytes_;
  bytes value_bytes_;
};

template <class K, class V, class F>
class for_each_operator final : public operator_base, public receiver<K, V> {
 public:
  for_each_operator(task_context& task, F f) : task_(task), self_(task.self()), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      call(f_, key, value);
    } catch (...) {
      task_.caught(self_, context);
    }
  }

 private:
  task_context& task_;
  const step& self_;
  F f_;
};

/// A value for a person: as text where it has a text form, as JSON otherwise.
template <class T>
void append_readable(const T& value, bytes& to) {
  if constexpr (textual<T>) {
    encode_text(value, to);
  } else if constexpr (!std::same_as<T, no_key>) {
    encode_json(value, to);
  }
}

template <class K, class V>
class print_operator final : public operator_base, public receiver<K, V> {
 public:
  explicit print_operator(task_context& task) : task_(task), self_(task.self()) {}
  void on_record(const K& key, const V& value, record_context&) override {
    line_.assign(self_.name).append(": ");
    if constexpr (key_type<K>) {
      append_readable(key, line_);
      line_ += '\t';
    }
    append_readable(value, line_);
    task_.print(line_);
  }

 private:
  task_context& task_;
  const step& self_;
  bytes line_;
};

}  // namespace penstock::detail
