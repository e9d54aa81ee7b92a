// The steps that look at one record at a time: map, flat_map, try_map, filter, peek, branch, merge,
// sample, event_time. Each is one virtual call and the user's function; nothing is allocated here.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "streams/operators/functions.hpp"
#include "streams/plan/task_context.hpp"
#include "streams/state/key_table.hpp"

namespace penstock::detail {

/// An operator with one typed input and one typed output.
template <class K, class V, class KOut, class VOut>
class typed_operator : public operator_base, public receiver<K, V> {
 public:
  explicit typed_operator(task_context& task) : task_(task), self_(task.self()) {}
  output_port output(int) override { return output_port::of(out_); }

 protected:
  ~typed_operator() override = default;

  task_context& task_;
  const step& self_;
  emitter<KOut, VOut> out_;
};

template <class K, class V, class F>
class map_operator final : public typed_operator<K, V, K, called_t<F, K, V>> {
  using base = typed_operator<K, V, K, called_t<F, K, V>>;

 public:
  map_operator(task_context& task, F f) : base(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      this->out_(key, call(f_, key, value), context);
    } catch (...) {
      this->task_.caught(this->self_, context);
    }
  }

 private:
  F f_;
};

template <class K, class V, class F>
class flat_map_operator final : public typed_operator<K, V, K, element_t<call_t<F, K, V>>> {
  using element = element_t<call_t<F, K, V>>;
  using base = typed_operator<K, V, K, element>;

 public:
  flat_map_operator(task_context& task, F f) : base(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      for (auto&& one : call(f_, key, value)) this->out_(key, one, context);
    } catch (...) {
      this->task_.caught(this->self_, context);
    }
  }

 private:
  F f_;
};

template <class K, class V, class F>
class try_map_operator final
    : public typed_operator<K, V, K, typename called_t<F, K, V>::value_type> {
  using base = typed_operator<K, V, K, typename called_t<F, K, V>::value_type>;

 public:
  try_map_operator(task_context& task, F f) : base(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      const auto& made = call(f_, key, value);
      if (made.has_value()) [[likely]] {
        this->out_(key, *made, context);
      } else {
        this->task_.bad_record(
            this->self_, context,
            made.error().message().empty() ? name_of(made.error().code()) : made.error().message());
      }
    } catch (...) {
      this->task_.caught(this->self_, context);
    }
  }

 private:
  F f_;
};

template <class K, class V, class F>
class filter_operator final : public typed_operator<K, V, K, V> {
 public:
  filter_operator(task_context& task, F f) : typed_operator<K, V, K, V>(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    bool kept = false;
    try {
      kept = static_cast<bool>(call(f_, key, value));
    } catch (...) {
      this->task_.caught(this->self_, context);
    }
    if (kept) this->out_(key, value, context);
  }

 private:
  F f_;
};

template <class K, class V, class F>
class peek_operator final : public typed_operator<K, V, K, V> {
 public:
  peek_operator(task_context& task, F f) : typed_operator<K, V, K, V>(task), f_(std::move(f)) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    try {
      call(f_, key, value);
    } catch (...) {
      this->task_.caught(this->self_, context);
      return;
    }
    this->out_(key, value, context);
  }

 private:
  F f_;
};

/// Sends a record to the port of the first predicate that holds; to the last port when none does.
template <class K, class V, class... Fs>
class branch_operator final : public operator_base, public receiver<K, V> {
 public:
  branch_operator(task_context& task, Fs... predicates)
      : task_(task), self_(task.self()), predicates_(std::move(predicates)...) {}
  output_port output(int port) override {
    return output_port::of(ports_[static_cast<std::size_t>(port)]);
  }
  void on_record(const K& key, const V& value, record_context& context) override {
    std::size_t port = 0;
    try {
      std::apply(
          [&](Fs&... one) { (void)((static_cast<bool>(call(one, key, value)) || !++port) || ...); },
          predicates_);
    } catch (...) {
      task_.caught(self_, context);
      return;
    }
    ports_[port](key, value, context);
  }

 private:
  task_context& task_;
  const step& self_;
  std::tuple<Fs...> predicates_;
  std::array<emitter<K, V>, sizeof...(Fs) + 1> ports_;
};

/// A step that is only a name for one port of the step before it.
class alias_operator final : public operator_base {
 public:
  alias_operator(task_context& task, int port) : port_(task.input_port(0, port)) {}
  output_port output(int) override { return port_; }

 private:
  output_port port_;
};

template <class K, class V>
class merge_operator final : public typed_operator<K, V, K, V> {
 public:
  using typed_operator<K, V, K, V>::typed_operator;
  void on_record(const K& key, const V& value, record_context& context) override {
    this->out_(key, value, context);
  }
  void on_delete(const K& key, record_context& context) override {
    this->out_.remove(key, context);
  }
};

/// Keeps a share of the records, chosen by key, or by position where there is none, so that the
/// same input gives the same sample.
template <class K, class V>
class sample_operator final : public typed_operator<K, V, K, V> {
 public:
  sample_operator(task_context& task, std::uint64_t one_in)
      : typed_operator<K, V, K, V>(task), one_in_(one_in) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    std::uint64_t hash = 0;
    if constexpr (key_type<K>) {
      hash = stable_hash(encoded(key, scratch_));
    } else {
      const auto offset = context.raw == nullptr ? 0 : context.raw->offset;
      hash = hash_mix(static_cast<std::uint64_t>(offset) ^ 0x9e3779b97f4a7c15,
                      static_cast<std::uint64_t>(this->task_.partition()) + 0xe7037ed1a0b428db);
    }
    if (hash % one_in_ == 0) this->out_(key, value, context);
  }

 private:
  /// FNV-1a, and mixed: the same in every process, unlike the tables' hash.
  static std::uint64_t stable_hash(bytes_view key) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash_mix(hash, 0x9e3779b97f4a7c15);
  }

  std::uint64_t one_in_;
  bytes scratch_;
};

/// Gives records the time that `f` finds in them.
template <class K, class V, class F>
class event_time_operator final : public typed_operator<K, V, K, V> {
 public:
  event_time_operator(task_context& task, F f)
      : typed_operator<K, V, K, V>(task), f_(std::move(f)), timelines_(task.timelines()) {}
  void on_record(const K& key, const V& value, record_context& context) override {
    timestamp time{};
    try {
      time = std::chrono::floor<duration>(call(f_, key, value));
    } catch (...) {
      this->task_.caught(this->self_, context);
      return;
    }
    if (!this->task_.plausible(time)) [[unlikely]] {
      if (const std::string why = this->task_.implausible(time); !why.empty()) {
        this->task_.bad_record(this->self_, context, why);
        return;
      }
    }
    const timestamp before = std::exchange(context.time, time);
    this->task_.saw(timelines_, time);
    this->out_(key, value, context);
    context.time = before;
  }

 private:
  F f_;
  timeline_numbers timelines_;
};

}  // namespace penstock::detail
