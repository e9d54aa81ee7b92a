// How a struct says which members make it up: PENSTOCK_FIELDS, one line beside the struct. Serde
// reads the list to write the struct in binary and JSON and to name its format.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock {

/// One member of a struct: its tag in the bytes, its name for people, where it is.
template <class Struct, class Member>
struct field {
  std::uint32_t tag = 0;
  std::string_view name;
  Member Struct::*member;
};

/// A struct with PENSTOCK_FIELDS beside it.
template <class T>
concept described = requires(const T* p) {
  penstock_fields(p);
};

namespace detail {

template <class Struct, class Member>
constexpr field<Struct, Member> make_field(std::uint32_t tag, std::string_view name,
                                           Member Struct::*member) {
  return {tag, name, member};
}

/// Tags 1, 2, 3 … in the order of the list.
template <class... Fields>
constexpr auto numbered(Fields... fields) {
  std::uint32_t tag = 0;
  ((fields.tag = ++tag), ...);
  return std::tuple<Fields...>{fields...};
}

template <described T>
inline constexpr auto fields_of = penstock_fields(static_cast<const T*>(nullptr));

/// Calls `f(field)` for every member.
template <described T, class F>
constexpr void each_field(F&& f) {
  std::apply([&](const auto&... one) { (f(one), ...); }, fields_of<T>);
}

}  // namespace detail
}  // namespace penstock

/// `PENSTOCK_FIELDS(order, id, customer, amount)` in the struct's namespace, behind it: the members
/// that are stored, with the tags 1, 2, 3 … by position. Add new members at the end; rename at
/// will; to remove one from the middle, go over to PENSTOCK_TAGGED_FIELDS and leave its tag out.
#define PENSTOCK_FIELDS(type, ...)                                                                \
  [[maybe_unused]] inline constexpr auto penstock_fields(const type*) {                           \
    return ::penstock::detail::numbered(PENSTOCK_EXPAND(PENSTOCK_EACH_FIELD(type, __VA_ARGS__))); \
  }

/// `PENSTOCK_TAGGED_FIELDS(order, (1, id), (3, amount))`: the same with tags chosen by hand. A tag
/// that was ever used for another member must not be used again.
#define PENSTOCK_TAGGED_FIELDS(type, ...)                                               \
  [[maybe_unused]] inline constexpr auto penstock_fields(const type*) {                 \
    return ::std::make_tuple(PENSTOCK_EXPAND(PENSTOCK_EACH_TAGGED(type, __VA_ARGS__))); \
  }

#define PENSTOCK_EACH_FIELD(type, member, ...)              \
  ::penstock::detail::make_field(0, #member, &type::member) \
      __VA_OPT__(, PENSTOCK_EACH_FIELD_AGAIN PENSTOCK_PARENS(type, __VA_ARGS__))
#define PENSTOCK_EACH_FIELD_AGAIN() PENSTOCK_EACH_FIELD
#define PENSTOCK_EACH_TAGGED(type, tagged, ...)    \
  PENSTOCK_ONE_TAGGED(type, PENSTOCK_STRIP tagged) \
  __VA_OPT__(, PENSTOCK_EACH_TAGGED_AGAIN PENSTOCK_PARENS(type, __VA_ARGS__))
#define PENSTOCK_EACH_TAGGED_AGAIN() PENSTOCK_EACH_TAGGED
#define PENSTOCK_ONE_TAGGED(type, ...) PENSTOCK_ONE_TAGGED_IMPL(type, __VA_ARGS__)
#define PENSTOCK_ONE_TAGGED_IMPL(type, tag, member) \
  ::penstock::detail::make_field(tag, #member, &type::member)
#define PENSTOCK_STRIP(...) __VA_ARGS__
#define PENSTOCK_PARENS ()
#define PENSTOCK_EXPAND(...) \
  PENSTOCK_EXPAND3(PENSTOCK_EXPAND3(PENSTOCK_EXPAND3(PENSTOCK_EXPAND3(__VA_ARGS__))))
#define PENSTOCK_EXPAND3(...) \
  PENSTOCK_EXPAND2(PENSTOCK_EXPAND2(PENSTOCK_EXPAND2(PENSTOCK_EXPAND2(__VA_ARGS__))))
#define PENSTOCK_EXPAND2(...) \
  PENSTOCK_EXPAND1(PENSTOCK_EXPAND1(PENSTOCK_EXPAND1(PENSTOCK_EXPAND1(__VA_ARGS__))))
#define PENSTOCK_EXPAND1(...) __VA_ARGS__
