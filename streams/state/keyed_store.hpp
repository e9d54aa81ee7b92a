// What a step remembers per key: typed values in memory, with a list of what changed, for emission
// (once per key and flush) and for the changelog that brings them back. Lives in its operator.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/plan/store.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/serde.hpp"
#include "streams/state/key_table.hpp"

namespace penstock {

template <has_serde S>
class keyed_store final : public store_base {
 public:
  using slot = detail::state_slot<S>;
  using entry = typename detail::key_table<slot>::entry;

  /// The entry of `key`, made from `make()` when there is none (then `.second` is true). Change its
  /// state and call `changed`, or `undo` when it was made in vain.
  template <class Make>
  std::pair<entry*, bool> find_or_make(bytes_view key, Make&& make) {
    return table_.find_or_make(key, [&] { return slot{make(), slot::clean}; });
  }
  S* find(bytes_view key) {
    slot* const found = table_.find(key);
    return found == nullptr ? nullptr : &found->state;
  }
  std::size_t size() const { return table_.size(); }

  /// Notes that the state of an entry changed by a record of that time.
  void changed(entry& e, timestamp time) {
    slot& s = e.second;
    if (s.changed == slot::clean) {
      dirty_.push_back(e.first);
      dirty_bytes_ += e.first.size() + sizeof(S) + record_overhead;
    }
    // The smallest time is the mark for "clean".
    s.changed = std::max({s.changed, time, slot::clean + duration{1}});
  }

  /// Removes an entry that `find_or_make` has just made.
  void undo(const entry& e) { table_.erase(e.first); }

  /// Removes an entry; the next `flush` hears of it when `announce` is set.
  void erase(bytes_view key, bool announce = false) {
    const slot* const found = table_.find(key);
    if (found == nullptr) return;
    if (announce) gone_.emplace_back(key);
    deleted_.emplace_back(key);
    dirty_bytes_ += key.size() + record_overhead;
    table_.erase(key);
  }

  /// Erases every entry for which `is_over(state)` holds.
  template <class IsOver>
  void erase_if(IsOver&& is_over) {
    std::vector<bytes_view> over;
    for (const auto& [key, s] : table_) {
      if (is_over(s.state)) over.push_back(key);
    }
    std::sort(over.begin(), over.end());  // the changelog must not depend on the hash's order
    for (const bytes_view key : over) erase(key);
  }

  /// Calls `emit(key, state, time)` for each entry that changed since the last flush, in the order
  /// of the first change, after `removed(key)` for each that went.
  template <class Emit, class Removed>
  void flush(Emit&& emit, Removed&& removed) {
    for (const bytes& key : gone_) {
      if (table_.find(key) == nullptr) removed(bytes_view{key});
    }
    gone_.clear();
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
      slot* const s = table_.find(dirty_[i]);
      if (s == nullptr || s->changed == slot::clean) continue;
      const timestamp time = std::exchange(s->changed, slot::clean);
      last_time_ = std::max(last_time_, time);
      flushed_.push_back(dirty_[i]);
      emit(dirty_[i], std::as_const(s->state), time);
    }
    dirty_.clear();
  }
  void flush() {
    flush([](bytes_view, const S&, timestamp) {}, [](bytes_view) {});
  }

  result<void> restore(bytes_view key, std::optional<bytes_view> value) override {
    if (!value) {
      table_.erase(key);
      return {};
    }
    const auto [e, fresh] = find_or_make(key, [] { return S{}; });
    if (!serde<S>::decode(*value, e->second.state, 0)) {
      return {errc::state_changed, "a stored state of " + std::to_string(value->size()) +
                                       " bytes is not a " + serde<S>::name() +
                                       "; put the old type back, or start again with --reset"};
    }
    return {};
  }

  void take_changes(std::string_view prefix, batch_builder& to) override {
    bytes key{prefix};
    const auto full = [&](bytes_view own) -> bytes_view {
      key.resize(prefix.size());
      return key.append(own);
    };
    for (const bytes& gone : deleted_) to.add(last_time_, full(gone), std::nullopt);
    bytes value;
    for (const bytes_view own : flushed_) {
      const slot* const s = table_.find(own);
      if (s != nullptr) to.add(last_time_, full(own), encoded(s->state, value));
    }
    deleted_.clear();
    flushed_.clear();
    dirty_bytes_ = 0;
    if (dirty_.empty()) table_.compact();
  }

  bool has_changes() const override {
    return !dirty_.empty() || !flushed_.empty() || !deleted_.empty();
  }
  std::size_t change_bytes() const override { return dirty_bytes_; }
  std::size_t memory_bytes() const override { return table_.memory_bytes(); }

  std::optional<bytes> get(bytes_view key) const override {
    const slot* const s = table_.find(key);
    if (s == nullptr) return std::nullopt;
    bytes value;
    return bytes{encoded(s->state, value)};
  }
  void each(const std::function<void(bytes_view, bytes_view)>& f) const override {
    bytes value;
    for (const auto& [key, s] : table_) f(key, encoded(s.state, value));
  }

 private:
  static constexpr std::size_t record_overhead = 32;

  detail::key_table<slot> table_;
  std::vector<bytes_view> dirty_;    // changed since the last flush; views into the arena
  std::vector<bytes_view> flushed_;  // flushed since the last take_changes
  std::vector<bytes> gone_;          // erased since the last flush, to be announced
  std::vector<bytes> deleted_;       // erased since the last take_changes
  std::size_t dirty_bytes_ = 0;
  timestamp last_time_{};
};

}  // namespace penstock
