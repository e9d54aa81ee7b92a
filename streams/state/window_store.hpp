// What a windowed step remembers: per window a table of its own, so that a window that closes gives
// its memory back as a whole. In the changelog the key is the record's key followed by the window's
// start (8 bytes). Lives in its operator.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/plan/store.hpp"
#include "streams/record/batch.hpp"
#include "streams/record/serde.hpp"
#include "streams/state/key_table.hpp"

namespace penstock {

template <has_serde S>
class window_store final : public store_base {
 public:
  using slot = detail::state_slot<S>;
  using entry = typename detail::key_table<slot>::entry;

  struct window {
    timestamp start;
    detail::key_table<slot> table;
    bool saved = false;   // some of it is in the changelog
    bool closed = false;  // kept only until the changelog knows
  };

  /// The window that starts at `start`, made when there is none. Valid until it is closed.
  window& at(timestamp start) {
    auto& held = windows_[start];
    if (!held) {
      held = std::make_unique<window>();
      held->start = start;
    }
    return *held;
  }

  /// The earliest window, or null.
  window* first() const { return windows_.empty() ? nullptr : windows_.begin()->second.get(); }

  template <class Make>
  std::pair<entry*, bool> find_or_make(window& w, bytes_view key, Make&& make) {
    return w.table.find_or_make(key, [&] { return slot{make(), slot::clean}; });
  }
  void changed(window& w, entry& e, timestamp time) {
    slot& s = e.second;
    if (s.changed == slot::clean) {
      dirty_.push_back({&w, e.first});
      dirty_bytes_ += e.first.size() + sizeof(S) + record_overhead;
    }
    s.changed = std::max({s.changed, time, slot::clean + duration{1}});
  }
  void undo(window& w, const entry& e) { w.table.erase(e.first); }

  /// Calls `emit(key, slot)` for every key of the earliest window, in the order of the key bytes,
  /// and removes the window.
  template <class Emit>
  void close_first(Emit&& emit) {
    auto node = windows_.extract(windows_.begin());
    window& w = *node.mapped();
    std::vector<entry*> sorted;
    sorted.reserve(w.table.size());
    for (entry& e : w.table) sorted.push_back(&e);
    std::sort(sorted.begin(), sorted.end(),
              [](const entry* a, const entry* b) { return a->first < b->first; });
    for (const entry* e : sorted) emit(e->first, e->second);
    w.closed = true;
    if (w.saved) dirty_bytes_ += w.table.size() * record_overhead;
    closed_.push_back(std::move(node.mapped()));
  }

  /// Calls `emit(start, key, state, time)` for each entry that changed since the last flush.
  template <class Emit>
  void flush(Emit&& emit) {
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
      const change c = dirty_[i];
      if (c.in->closed) continue;
      slot* const s = c.in->table.find(c.key);
      if (s == nullptr || s->changed == slot::clean) continue;
      const timestamp time = std::exchange(s->changed, slot::clean);
      last_time_ = std::max(last_time_, time);
      flushed_.push_back(c);
      emit(c.in->start, c.key, std::as_const(s->state), time);
    }
    dirty_.clear();
  }

  result<void> restore(bytes_view key, std::optional<bytes_view> value) override {
    if (key.size() < start_bytes) {
      return {errc::corrupt, "a stored window has a key of " + std::to_string(key.size()) +
                                 " bytes, which is too short for a window's start"};
    }
    const auto start =
        from_millis(detail::get_fixed<std::int64_t>(key.data() + key.size() - start_bytes));
    const bytes_view own = key.substr(0, key.size() - start_bytes);
    if (!value) {
      const auto found = windows_.find(start);
      if (found == windows_.end()) return {};
      found->second->table.erase(own);
      if (found->second->table.size() == 0) windows_.erase(found);
      return {};
    }
    window& w = at(start);
    w.saved = true;
    const auto [e, fresh] = find_or_make(w, own, [] { return S{}; });
    if (!serde<S>::decode(*value, e->second.state, 0)) {
      return {errc::state_changed, "a stored window of " + std::to_string(value->size()) +
                                       " bytes is not a " + serde<S>::name() +
                                       "; put the old type back, or start again with --reset"};
    }
    return {};
  }

  void take_changes(std::string_view prefix, batch_builder& to) override {
    bytes key{prefix};
    const auto full = [&](bytes_view own, timestamp start) -> bytes_view {
      key.resize(prefix.size());
      key.append(own);
      detail::put_fixed(to_millis(start), key);
      return key;
    };
    for (const auto& w : closed_) {
      if (!w->saved) continue;
      std::vector<bytes_view> sorted;  // the changelog must not depend on the hash's order
      for (const auto& [own, s] : w->table) sorted.push_back(own);
      std::sort(sorted.begin(), sorted.end());
      for (const bytes_view own : sorted) to.add(last_time_, full(own, w->start), std::nullopt);
    }
    bytes value;
    for (const change& c : flushed_) {
      if (c.in->closed) continue;
      const slot* const s = c.in->table.find(c.key);
      if (s == nullptr) continue;
      c.in->saved = true;
      to.add(last_time_, full(c.key, c.in->start), encoded(s->state, value));
    }
    flushed_.clear();
    std::erase_if(dirty_, [](const change& c) { return c.in->closed; });
    closed_.clear();
    dirty_bytes_ = 0;
  }

  bool has_changes() const override {
    return !dirty_.empty() || !flushed_.empty() || !closed_.empty();
  }
  std::size_t change_bytes() const override { return dirty_bytes_; }
  std::size_t memory_bytes() const override {
    std::size_t sum = 0;
    for (const auto& [start, w] : windows_) sum += sizeof(window) + w->table.memory_bytes();
    return sum;
  }

  std::optional<bytes> get(bytes_view key) const override {
    if (key.size() < start_bytes) return std::nullopt;
    const auto start =
        from_millis(detail::get_fixed<std::int64_t>(key.data() + key.size() - start_bytes));
    const auto found = windows_.find(start);
    if (found == windows_.end()) return std::nullopt;
    const slot* const s = found->second->table.find(key.substr(0, key.size() - start_bytes));
    if (s == nullptr) return std::nullopt;
    bytes value;
    return bytes{encoded(s->state, value)};
  }
  void each(const std::function<void(bytes_view, bytes_view)>& f) const override {
    bytes key;
    bytes value;
    for (const auto& [start, w] : windows_) {
      for (const auto& [own, s] : w->table) {
        key.assign(own);
        detail::put_fixed(to_millis(start), key);
        f(key, encoded(s.state, value));
      }
    }
  }

 private:
  struct change {
    window* in;
    bytes_view key;
  };
  static constexpr std::size_t start_bytes = 8;
  static constexpr std::size_t record_overhead = 40;

  std::map<timestamp, std::unique_ptr<window>> windows_;
  std::vector<change> dirty_;
  std::vector<change> flushed_;
  std::vector<std::unique_ptr<window>> closed_;
  std::size_t dirty_bytes_ = 0;
  timestamp last_time_{};
};

}  // namespace penstock
