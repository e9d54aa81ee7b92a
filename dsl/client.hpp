// Topics from ordinary threads: a node inside this process, writers that put records into a topic,
// readers that take them out, alone or as members of a group. Typed by the topic constants that
// jobs use. Declared without the engine and defined in `launch/`, so a user's file sees no actors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "dsl/topic.hpp"
#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/base/time.hpp"
#include "streams/record/record.hpp"

namespace penstock {

struct topic_options {
  std::int32_t partitions = -1;                               // -1: the node's default, 4
  std::vector<std::pair<std::string, std::string>> settings;  // docs/operations/topic-settings.md
};

struct writer_options {
  std::uint64_t buffer_bytes_max = 32u << 20;  // `send` waits when this much is unacknowledged
  duration linger = 5ms;                       // how long a batch gathers
};

struct reader_options {
  std::string group;           // empty: reads alone, everything, and commits nothing
  bool from_beginning = true;  // where nothing is committed; otherwise only what comes from now on
  std::uint64_t buffer_bytes_max = 16u << 20;  // what is fetched ahead
};

/// A record as a reader gives it.
template <class K, class V>
struct topic_record {
  K key;
  V value;
  timestamp time;
  std::int32_t partition = 0;
  offset_t offset = 0;
};

namespace detail {

struct client_node;

class raw_writer {
 public:
  static result<raw_writer> open(std::shared_ptr<client_node> node, writer_options options);
  ~raw_writer();
  raw_writer(raw_writer&&) noexcept;
  raw_writer& operator=(raw_writer&&) noexcept;

  result<void> send(const std::string& topic, std::optional<bytes_view> key,
                    std::optional<bytes_view> value, timestamp time, duration deadline);
  result<void> flush(duration deadline);

 private:
  struct state;
  explicit raw_writer(std::unique_ptr<state> held);
  std::unique_ptr<state> state_;
};

class raw_reader {
 public:
  raw_reader(std::shared_ptr<client_node> node, std::string topic, reader_options options);
  ~raw_reader();
  raw_reader(raw_reader&&) noexcept;
  raw_reader& operator=(raw_reader&&) noexcept;

  result<std::vector<std::pair<std::int32_t, record>>> poll(duration wait);
  result<void> commit(duration deadline);
  result<std::vector<std::int32_t>> partitions(duration deadline);
  bool at_end() const;

  /// From now on everything fails with this.
  error stop(std::int32_t partition, offset_t offset, const std::string& format);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace detail

/// Writes one topic. Any number of threads may send; each thread's records for one partition keep
/// their order, and none is written twice. The end of its life flushes for at most 10 s.
template <class K, class V>
class topic_writer {
 public:
  topic_writer(detail::raw_writer raw, topic<K, V> to) : raw_(std::move(raw)), to_(std::move(to)) {}

  /// Buffers a record; waits up to `deadline` while the buffer is full, then `timed_out`.
  result<void> send(const std::type_identity_t<K>& key, const std::type_identity_t<V>& value,
                    timestamp time = no_timestamp,
                    duration deadline = 60s) requires(!std::is_same_v<K, no_key>) {
    return put(key, value, time, deadline);
  }
  result<void> send(const std::type_identity_t<V>& value, timestamp time = no_timestamp,
                    duration deadline = 60s) requires(std::is_same_v<K, no_key>) {
    return put(no_key{}, value, time, deadline);
  }

  /// Waits until everything that was sent is acknowledged, or says why something is lost.
  result<void> flush(duration deadline = 60s) { return raw_.flush(deadline); }

 private:
  result<void> put(const K& key, const V& value, timestamp time, duration deadline) {
    bytes key_scratch, value_scratch;
    return raw_.send(to_.name(), to_.key_formatting().encode(key, key_scratch),
                     to_.value_formatting().encode(value, value_scratch), time, deadline);
  }

  detail::raw_writer raw_;
  topic<K, V> to_;
};

/// Reads one topic. One thread at a time. In a group each record goes to one of its members, and to
/// every group; records that were not committed come again when their reader ends.
template <class K, class V>
class topic_reader {
 public:
  topic_reader(detail::raw_reader raw, topic<K, V> from)
      : raw_(std::move(raw)), from_(std::move(from)) {}

  /// Records, waiting up to `wait` for the first; empty when there were none. A record that does
  /// not decode fails with `bad_record`, which names it, and so does everything after that.
  result<std::vector<topic_record<K, V>>> poll(duration wait) {
    PENSTOCK_ASSIGN(const auto raw, raw_.poll(wait));
    std::vector<topic_record<K, V>> records;
    records.reserve(raw.size());
    for (const auto& [partition, r] : raw) {
      topic_record<K, V> typed{{}, {}, r.time, partition, r.offset};
      if (!from_.key_formatting().decode(r.key, typed.key))
        return raw_.stop(partition, r.offset, "key is not " + from_.key_formatting().name());
      if (!from_.value_formatting().decode(r.value, typed.value))
        return raw_.stop(partition, r.offset, "value is not " + from_.value_formatting().name());
      records.push_back(std::move(typed));
    }
    return records;
  }

  /// Commits what `poll` returned so far, durably: it does not come again.
  result<void> commit(duration deadline = 30s) { return raw_.commit(deadline); }

  /// The partitions whose records this reader gets right now: all, or its share of the group's,
  /// which it joins by this if it has not yet.
  result<std::vector<std::int32_t>> partitions(duration deadline = 30s) {
    return raw_.partitions(deadline);
  }

  /// True when everything that was there at the last `poll` has been returned.
  bool at_end() const { return raw_.at_end(); }

 private:
  detail::raw_reader raw_;
  topic<K, V> from_;
};

/// A node inside this process, on a data directory that it locks. It ends with the last of itself,
/// its writers and its readers.
class local_node {
 public:
  /// `locked` names the process that has the directory; `read_only`, `disk_full`, `corrupt` …
  static result<local_node> open(const std::string& directory);

  /// Makes the topic, remembering its formats; fine when it is there with the same formats, else
  /// `type_mismatch`. `invalid_topic`, `invalid_setting`.
  template <class K, class V>
  result<void> create(const topic<K, V>& t, const topic_options& options = {}) {
    return create(t.name(), t.key_formatting().name(), t.value_formatting().name(), options);
  }

  /// How many records a topic holds, as far as they are durable; what compaction took out counts.
  /// `unknown_topic`.
  result<std::uint64_t> count(const std::string& topic);

  template <class K, class V>
  result<topic_writer<K, V>> writer(const topic<K, V>& to, writer_options options = {}) {
    PENSTOCK_ASSIGN(auto raw, detail::raw_writer::open(held_, options));
    return topic_writer<K, V>{std::move(raw), to};
  }

  template <class K, class V>
  topic_reader<K, V> reader(const topic<K, V>& from, reader_options options = {}) {
    return {detail::raw_reader{held_, from.name(), std::move(options)}, from};
  }

 private:
  friend struct detail::client_node;
  explicit local_node(std::shared_ptr<detail::client_node> held) : held_(std::move(held)) {}
  result<void> create(const std::string& name, const std::string& key_format,
                      const std::string& value_format, const topic_options& options);

  std::shared_ptr<detail::client_node> held_;
};

}  // namespace penstock
