// What a step remembers, as the runner sees it: bytes in from a restore, changes out for the
// changelog. The typed stores are in streams/state.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

class batch_builder;

class store_base {
 public:
  store_base() = default;
  store_base(const store_base&) = delete;
  store_base& operator=(const store_base&) = delete;
  virtual ~store_base() = default;

  /// Sets or removes one entry, before anything is processed. `corrupt` when it does not decode.
  virtual result<void> restore(bytes_view key, std::optional<bytes_view> value) = 0;

  /// Adds every change up to the last flush: key `prefix` + key, value or tombstone.
  virtual void take_changes(std::string_view prefix, batch_builder& to) = 0;

  /// Whether there are changes since the last `take_changes`, flushed or not, and roughly how many
  /// bytes they will take.
  virtual bool has_changes() const = 0;
  virtual std::size_t change_bytes() const = 0;

  /// Memory that keys and states take, without what a state keeps elsewhere (a long string).
  virtual std::size_t memory_bytes() const = 0;

  virtual std::optional<bytes> get(bytes_view key) const = 0;
  virtual void each(const std::function<void(bytes_view key, bytes_view value)>& f) const = 0;
};

}  // namespace penstock
