// What users may hand to a step: anything that std::invoke can call with the value, or with the key
// and the value; functions, lambdas, pointers to members.
#pragma once

#include <concepts>
#include <functional>
#include <iterator>
#include <type_traits>
#include <utility>

#include "streams/base/result.hpp"
#include "streams/record/serde.hpp"

namespace penstock {

/// A function of (value) or of (key, value).
template <class F, class K, class V>
concept step_function = std::invocable<F&, const V&> || std::invocable<F&, const K&, const V&>;

/// A key that a record really has.
template <class K>
concept key_type = !std::same_as<K, no_key>;

namespace detail {

template <class F, class K, class V>
decltype(auto) call(F& f, const K& key, const V& value) {
  if constexpr (std::invocable<F&, const V&>) {
    return std::invoke(f, value);
  } else {
    return std::invoke(f, key, value);
  }
}

template <class F, class K, class V>
using call_t =
    decltype(call(std::declval<F&>(), std::declval<const K&>(), std::declval<const V&>()));

/// What a function gives, without reference.
template <class F, class K, class V>
using called_t = std::remove_cvref_t<call_t<F, K, V>>;

template <class R>
concept range_like = requires(R& range) {
  std::begin(range);
  std::end(range);
};

template <class R>
using element_t = std::remove_cvref_t<decltype(*std::begin(std::declval<R&>()))>;

template <class T>
struct is_result : std::false_type {};
template <class T>
struct is_result<result<T>> : std::true_type {};

}  // namespace detail
}  // namespace penstock
