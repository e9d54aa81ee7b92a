// A hash table from key bytes to a value in place, the keys side by side in an arena: what every
// in-memory store is made of. One thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/time.hpp"

namespace penstock::detail {

/// Bytes that stay where they are until the arena goes or is cleared.
class key_arena {
 public:
  bytes_view keep(bytes_view key) {
    if (key.size() > left_) grow(key.size());
    char* const at = next_;
    if (!key.empty()) std::memcpy(at, key.data(), key.size());
    next_ += key.size();
    left_ -= key.size();
    used_ += key.size();
    return {at, key.size()};
  }
  std::size_t used() const { return used_; }
  std::size_t held() const { return held_; }

 private:
  static constexpr std::size_t chunk_bytes_max = std::size_t{256} << 10;

  void grow(std::size_t wanted) {
    // Small at first: a window per second and partition must not take 256 KiB each.
    const std::size_t usual = chunks_.empty() ? std::size_t{1} << 10 : chunk_bytes_ * 2;
    chunk_bytes_ = usual < chunk_bytes_max ? usual : chunk_bytes_max;
    const std::size_t size = wanted > chunk_bytes_ ? wanted : chunk_bytes_;
    chunks_.push_back(std::make_unique<char[]>(size));
    held_ += size;
    next_ = chunks_.back().get();
    left_ = size;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t used_ = 0;
  std::size_t held_ = 0;  // of all chunks
  std::size_t chunk_bytes_ = 0;
};

inline std::uint64_t hash_mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// A short-key hash in the manner of wyhash. Seeded by where the program was loaded, so that keys
/// cannot be chosen to collide; nothing that a user sees may depend on the order it gives.
struct key_hash {
  static inline const char seed_place = 0;

  static std::uint64_t load8(const char* p) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
  }
  static std::uint64_t load4(const char* p) {
    std::uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
  }

  std::size_t operator()(bytes_view key) const noexcept {
    constexpr std::uint64_t k0 = 0xa0761d6478bd642f, k1 = 0xe7037ed1a0b428db;
    const char* p = key.data();
    std::size_t n = key.size();
    std::uint64_t seed = reinterpret_cast<std::uintptr_t>(&seed_place) ^ k0;
    std::uint64_t a = 0, b = 0;
    if (n <= 16) {
      if (n >= 8) {
        a = load8(p);
        b = load8(p + n - 8);
      } else if (n >= 4) {
        a = load4(p);
        b = load4(p + n - 4);
      } else if (n > 0) {
        a = (std::uint64_t{static_cast<unsigned char>(p[0])} << 16) |
            (std::uint64_t{static_cast<unsigned char>(p[n >> 1])} << 8) |
            static_cast<unsigned char>(p[n - 1]);
      }
    } else {
      for (; n > 16; n -= 16, p += 16) seed = hash_mix(load8(p) ^ k1, load8(p + 8) ^ seed);
      a = load8(p + n - 16);
      b = load8(p + n - 8);
    }
    return hash_mix(k1 ^ key.size(), hash_mix(a ^ k1, b ^ seed));
  }
};

/// Equality of keys that are mostly short: two loads each instead of a call.
struct key_equal {
  bool operator()(bytes_view x, bytes_view y) const noexcept {
    const std::size_t n = x.size();
    if (n != y.size()) return false;
    if (n > 16) return std::memcmp(x.data(), y.data(), n) == 0;
    const char* const a = x.data();
    const char* const b = y.data();
    if (n >= 8) {
      return key_hash::load8(a) == key_hash::load8(b) &&
             key_hash::load8(a + n - 8) == key_hash::load8(b + n - 8);
    }
    if (n >= 4) {
      return key_hash::load4(a) == key_hash::load4(b) &&
             key_hash::load4(a + n - 4) == key_hash::load4(b + n - 4);
    }
    return n == 0 || (a[0] == b[0] && a[n >> 1] == b[n >> 1] && a[n - 1] == b[n - 1]);
  }
};

template <class T>
class key_table {
 public:
  using map = absl::flat_hash_map<bytes_view, T, key_hash, key_equal>;
  using entry = typename map::value_type;

  /// The entry of `key`, made with `make()` when there is none. Valid until the next change.
  template <class Make>
  std::pair<entry*, bool> find_or_make(bytes_view key, Make&& make) {
    bool fresh = false;
    const auto at = map_.lazy_emplace(key, [&](const auto& construct) {
      fresh = true;
      construct(arena_.keep(key), make());
    });
    return {&*at, fresh};
  }
  T* find(bytes_view key) {
    const auto at = map_.find(key);
    return at == map_.end() ? nullptr : &at->second;
  }
  const T* find(bytes_view key) const { return const_cast<key_table*>(this)->find(key); }

  /// The key's bytes stay in the arena until `compact`.
  bool erase(bytes_view key) {
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    dead_bytes_ += at->first.size();
    map_.erase(at);
    return true;
  }

  /// Gives the bytes of erased keys back when they have become most of the arena. Views of keys
  /// become invalid.
  void compact() {
    if (dead_bytes_ < (std::size_t{64} << 10) || dead_bytes_ * 2 < arena_.used()) return;
    key_arena arena;
    map fresh;
    fresh.reserve(map_.size());
    for (auto& [key, value] : map_) fresh.emplace(arena.keep(key), std::move(value));
    map_ = std::move(fresh);
    arena_ = std::move(arena);
    dead_bytes_ = 0;
  }

  std::size_t size() const { return map_.size(); }

  /// Memory of the table and its keys, without what values keep elsewhere.
  std::size_t memory_bytes() const { return arena_.held() + map_.capacity() * (sizeof(entry) + 1); }
  auto begin() { return map_.begin(); }
  auto end() { return map_.end(); }
  auto begin() const { return map_.begin(); }
  auto end() const { return map_.end(); }

 private:
  map map_;
  key_arena arena_;
  std::size_t dead_bytes_ = 0;
};

/// A state and when it changed: the newest event time since the last flush, or `clean`.
template <class S>
struct state_slot {
  static constexpr timestamp clean = min_timestamp;
  S state;
  timestamp changed = clean;
};

}  // namespace penstock::detail
