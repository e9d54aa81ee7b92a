// A value or an error; you cannot drop it by accident. The interface is that of C++23's
// std::expected<T, error>, so that it can become it.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "streams/base/assert.hpp"
#include "streams/base/error.hpp"

namespace penstock {

template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  result(penstock::error reason) : held_(std::in_place_index<1>, std::move(reason)) {  // NOLINT
    PENSTOCK_ASSERT(std::get<1>(held_).code() != errc::none);
  }
  result(errc code, std::string message) : result(penstock::error{code, std::move(message)}) {}

  bool has_value() const { return held_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// The value; asserts that there is one.
  T& value() & {
    PENSTOCK_ASSERT(has_value(), error_text());
    return std::get<0>(held_);
  }
  const T& value() const& {
    PENSTOCK_ASSERT(has_value(), error_text());
    return std::get<0>(held_);
  }
  T&& value() && {
    PENSTOCK_ASSERT(has_value(), error_text());
    return std::get<0>(std::move(held_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? std::get<0>(held_) : static_cast<T>(std::forward<U>(other));
  }

  /// The error; asserts that there is one.
  const penstock::error& error() const& {
    PENSTOCK_ASSERT(!has_value());
    return std::get<1>(held_);
  }
  penstock::error&& error() && {
    PENSTOCK_ASSERT(!has_value());
    return std::get<1>(std::move(held_));
  }

 private:
  std::string error_text() const {
    return has_value() ? std::string{} : std::get<1>(held_).to_string();
  }

  std::variant<T, penstock::error> held_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() = default;
  result(penstock::error reason) : error_(std::move(reason)) {  // NOLINT: implicit
    PENSTOCK_ASSERT(error_->code() != errc::none);
  }
  result(errc code, std::string message) : result(penstock::error{code, std::move(message)}) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  void value() const { PENSTOCK_ASSERT(has_value(), error_ ? error_->to_string() : std::string{}); }
  const penstock::error& error() const& {
    PENSTOCK_ASSERT(!has_value());
    return *error_;
  }
  penstock::error&& error() && {
    PENSTOCK_ASSERT(!has_value());
    return *std::move(error_);
  }

 private:
  std::optional<penstock::error> error_;
};

/// Returns the error of `expression` from the enclosing function, or goes on.
#define PENSTOCK_TRY(expression)                                     \
  do {                                                               \
    if (auto penstock_try = (expression); !penstock_try.has_value()) \
      return std::move(penstock_try).error();                        \
  } while (false)

/// `PENSTOCK_ASSIGN(auto file, disk.open(path))`: declares or assigns, or returns the error.
#define PENSTOCK_ASSIGN(target, expression) \
  PENSTOCK_ASSIGN_IMPL(PENSTOCK_CONCAT(penstock_assign_, __LINE__), target, expression)
#define PENSTOCK_ASSIGN_IMPL(held, target, expression)   \
  auto held = (expression);                              \
  if (!held.has_value()) return std::move(held).error(); \
  target = *std::move(held)
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_IMPL(a, b)
#define PENSTOCK_CONCAT_IMPL(a, b) a##b

}  // namespace penstock
