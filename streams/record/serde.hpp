// How a C++ type becomes bytes, chosen by the type: the binary format of keys, values, state and
// repartition records. Numbers are fixed-width big-endian and strings plain UTF-8, as Kafka's own
// serializers write them; structs are tagged, so that fields can be added, renamed and dropped.
// docs/formats/values.md has the bytes with worked examples. Every decoder is bounds-checked.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/time.hpp"
#include "streams/record/fields.hpp"

namespace penstock {

/// The key of a record that has none.
struct no_key {
  friend constexpr auto operator<=>(no_key, no_key) = default;
};

/// `serde<T>::encode(value, to)` appends, `decode(from, into)` reads all of `from` or returns
/// false (then `into` is unspecified but valid), `name()` is the type in a format's name,
/// `fixed_size` the encoded size when every value has the same, else 0. `decode` reuses the memory
/// of `into`; a decoded `std::string_view` points into `from`. Specialise it for types of your own.
template <class T>
struct serde;

template <class T>
concept has_serde = requires(const T& value, T& into, bytes& to, bytes_view from) {
  serde<T>::encode(value, to);
  { serde<T>::decode(from, into, 0) } -> std::convertible_to<bool>;
  { serde<T>::name() } -> std::convertible_to<std::string>;
};

/// What is stored when a value borrows: `std::string` for `std::string_view`, otherwise the type.
template <class T>
struct owned {
  using type = T;
};
template <>
struct owned<std::string_view> {
  using type = std::string;
};
template <class T>
struct owned<std::optional<T>> {
  using type = std::optional<typename owned<T>::type>;
};
template <class A, class B>
struct owned<std::pair<A, B>> {
  using type = std::pair<typename owned<A>::type, typename owned<B>::type>;
};
template <class... Ts>
struct owned<std::tuple<Ts...>> {
  using type = std::tuple<typename owned<Ts>::type...>;
};
template <class T>
using owned_t = typename owned<std::remove_cvref_t<T>>::type;

template <class T>
concept string_like = std::same_as<T, std::string> || std::same_as<T, std::string_view>;

namespace detail {

/// Values nest at most this deep; deeper bytes do not decode (a stack is finite).
inline constexpr int nesting_max = 48;

template <class T>
using bits_of = std::conditional_t<
    sizeof(T) == 1, std::uint8_t,
    std::conditional_t<sizeof(T) == 2, std::uint16_t,
                       std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

template <class T>
constexpr T swap_bytes(T value) {
  if constexpr (sizeof(T) == 1 || std::endian::native == std::endian::big) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(value));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(value));
  } else {
    return static_cast<T>(__builtin_bswap64(value));
  }
}

template <class T>
void store_fixed(T value, char* to) {
  const auto bits = swap_bytes(std::bit_cast<bits_of<T>>(value));
  std::memcpy(to, &bits, sizeof bits);
}

template <class T>
void put_fixed(T value, bytes& to) {
  char raw[sizeof value];
  store_fixed(value, raw);
  to.append(raw, sizeof raw);
}

template <class T>
T get_fixed(const char* from) {
  bits_of<T> bits;
  std::memcpy(&bits, from, sizeof bits);
  return std::bit_cast<T>(swap_bytes(bits));
}

inline void put_varint(std::uint64_t value, bytes& to) {
  while (value >= 0x80) {
    to.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<char>(value));
}

/// Takes a varint off the front; false when it is cut off or longer than 64 bits.
inline bool take_varint(bytes_view& from, std::uint64_t& into) {
  into = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    into |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// Takes a length and that many bytes off the front.
inline bool take_sized(bytes_view& from, bytes_view& into) {
  std::uint64_t size = 0;
  if (!take_varint(from, size) || size > from.size()) return false;
  into = from.substr(0, static_cast<std::size_t>(size));
  from.remove_prefix(static_cast<std::size_t>(size));
  return true;
}

template <class T>
std::string integer_name() {
  return std::string{std::is_signed_v<T> ? "i" : "u"} + std::to_string(sizeof(T) * 8);
}

template <class T>
inline constexpr std::size_t fixed_size_of = [] {
  if constexpr (requires { serde<T>::fixed_size; }) {
    return std::size_t{serde<T>::fixed_size};
  } else {
    return std::size_t{0};
  }
}();

/// Appends `value` behind its length; the length of most values fits in the one byte kept for it.
template <class T>
void put_sized(const T& value, bytes& to) {
  if constexpr (string_like<T>) {
    put_varint(value.size(), to);
    to.append(value);
  } else {
    const std::size_t at = to.size();
    to.push_back(0);
    serde<T>::encode(value, to);
    const std::size_t size = to.size() - at - 1;
    if (size < 0x80) {
      to[at] = static_cast<char>(size);
    } else {
      bytes length;
      put_varint(size, length);
      to.replace(at, 1, length);
    }
  }
}

/// An element of a list or tuple: as it is when its size is fixed, else behind its length.
template <class T>
void put_element(const T& value, bytes& to) {
  if constexpr (fixed_size_of<T> != 0) {
    serde<T>::encode(value, to);
  } else {
    put_sized(value, to);
  }
}

template <class T>
bool take_element(bytes_view& from, T& into, int depth) {
  bytes_view part;
  if constexpr (fixed_size_of<T> != 0) {
    if (from.size() < fixed_size_of<T>) return false;
    part = from.substr(0, fixed_size_of<T>);
    from.remove_prefix(fixed_size_of<T>);
  } else {
    if (!take_sized(from, part)) return false;
  }
  return serde<T>::decode(part, into, depth + 1);
}

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

template <class T>
struct optional_inner {
  using type = T;
};
template <class T>
struct optional_inner<std::optional<T>> {
  using type = T;
};

/// What topics can hold. A plain constant, because a failed assertion on a concept explains the
/// concept over many lines.
template <class T>
inline constexpr bool encodable =
    std::same_as<T, no_key> || has_serde<typename optional_inner<T>::type>;

}  // namespace detail

/// Numbers: fixed-width big-endian, as Kafka's IntegerSerializer, LongSerializer … write them.
template <class T>
requires(std::is_arithmetic_v<T> && !std::same_as<T, bool> && sizeof(T) <= 8) struct serde<T> {
  static constexpr std::size_t fixed_size = sizeof(T);
  static std::string name() {
    if constexpr (std::floating_point<T>) {
      return sizeof(T) == 4 ? "f32" : "f64";
    } else {
      return detail::integer_name<T>();
    }
  }
  static void encode(T value, bytes& to) { detail::put_fixed(value, to); }
  static bool decode(bytes_view from, T& into, int = 0) {
    if (from.size() != sizeof(T)) return false;
    into = detail::get_fixed<T>(from.data());
    return true;
  }
};

template <>
struct serde<bool> {
  static constexpr std::size_t fixed_size = 1;
  static std::string name() { return "bool"; }
  static void encode(bool value, bytes& to) { to.push_back(value ? 1 : 0); }
  static bool decode(bytes_view from, bool& into, int = 0) {
    if (from.size() != 1 || static_cast<unsigned char>(from[0]) > 1) return false;
    into = from[0] != 0;
    return true;
  }
};

/// Enumerations: as their underlying integer.
template <class T>
requires std::is_enum_v<T>
struct serde<T> {
  using number = std::underlying_type_t<T>;
  static constexpr std::size_t fixed_size = sizeof(number);
  static std::string name() { return serde<number>::name(); }
  static void encode(T value, bytes& to) { detail::put_fixed(static_cast<number>(value), to); }
  static bool decode(bytes_view from, T& into, int depth = 0) {
    number n{};
    if (!serde<number>::decode(from, n, depth)) return false;
    into = static_cast<T>(n);
    return true;
  }
};

/// Milliseconds since the Unix epoch, as a 64-bit integer.
template <>
struct serde<timestamp> {
  static constexpr std::size_t fixed_size = 8;
  static std::string name() { return "timestamp"; }
  static void encode(timestamp value, bytes& to) { detail::put_fixed(to_millis(value), to); }
  static bool decode(bytes_view from, timestamp& into, int = 0) {
    if (from.size() != 8) return false;
    into = from_millis(detail::get_fixed<std::int64_t>(from.data()));
    return true;
  }
};

/// Milliseconds, as a 64-bit integer.
template <>
struct serde<duration> {
  static constexpr std::size_t fixed_size = 8;
  static std::string name() { return "duration"; }
  static void encode(duration value, bytes& to) {
    detail::put_fixed(static_cast<std::int64_t>(value.count()), to);
  }
  static bool decode(bytes_view from, duration& into, int = 0) {
    if (from.size() != 8) return false;
    into = duration{detail::get_fixed<std::int64_t>(from.data())};
    return true;
  }
};

template <string_like T>
struct serde<T> {
  static std::string name() { return "string"; }
  static void encode(std::string_view value, bytes& to) { to.append(value); }
  static bool decode(bytes_view from, T& into, int = 0) {
    if constexpr (std::same_as<T, std::string>) {
      into.assign(from);
    } else {
      into = from;
    }
    return true;
  }
};

/// One byte, 0 or 1, and then the value. (A whole record value that is absent is a null instead;
/// a field of a struct that is absent is left out.)
template <has_serde T>
struct serde<std::optional<T>> {
  static std::string name() { return "optional<" + serde<T>::name() + ">"; }
  static void encode(const std::optional<T>& value, bytes& to) {
    to.push_back(value ? 1 : 0);
    if (value) serde<T>::encode(*value, to);
  }
  static bool decode(bytes_view from, std::optional<T>& into, int depth = 0) {
    if (from == bytes_view("\0", 1)) {
      into.reset();
      return true;
    }
    if (from.empty() || from[0] != 1 || depth > detail::nesting_max) return false;
    if (!into) into.emplace();
    return serde<T>::decode(from.substr(1), *into, depth + 1);
  }
};

/// The number of elements as a varint, and then the elements.
template <has_serde T>
struct serde<std::vector<T>> {
  static std::string name() { return "list<" + serde<T>::name() + ">"; }
  static void encode(const std::vector<T>& value, bytes& to) {
    detail::put_varint(value.size(), to);
    for (const T& one : value) detail::put_element<T>(one, to);
  }
  static bool decode(bytes_view from, std::vector<T>& into, int depth = 0) {
    std::uint64_t count = 0;
    into.clear();
    if (depth > detail::nesting_max || !detail::take_varint(from, count)) return false;
    for (; count > 0; --count) {
      T one{};
      if (!detail::take_element(from, one, depth)) return false;
      into.push_back(std::move(one));
    }
    return from.empty();
  }
};

/// As a list of pairs, in the order of the map.
template <has_serde K, has_serde V>
struct serde<std::map<K, V>> {
  static std::string name() { return "map<" + serde<K>::name() + "," + serde<V>::name() + ">"; }
  static void encode(const std::map<K, V>& value, bytes& to) {
    detail::put_varint(value.size(), to);
    for (const auto& [k, v] : value) {
      detail::put_element(k, to);
      detail::put_element(v, to);
    }
  }
  static bool decode(bytes_view from, std::map<K, V>& into, int depth = 0) {
    std::uint64_t count = 0;
    into.clear();
    if (depth > detail::nesting_max || !detail::take_varint(from, count)) return false;
    for (; count > 0; --count) {
      std::pair<K, V> one{};
      if (!detail::take_element(from, one.first, depth)) return false;
      if (!detail::take_element(from, one.second, depth)) return false;
      into.insert(std::move(one));
    }
    return from.empty();
  }
};

template <has_serde... Ts>
struct serde<std::tuple<Ts...>> {
  static std::string name() {
    std::string all;
    ((all += (all.empty() ? "" : ",") + serde<Ts>::name()), ...);
    return "tuple<" + all + ">";
  }
  static void encode(const std::tuple<Ts...>& value, bytes& to) {
    std::apply([&](const Ts&... one) { (detail::put_element<Ts>(one, to), ...); }, value);
  }
  static bool decode(bytes_view from, std::tuple<Ts...>& into, int depth = 0) {
    if (depth > detail::nesting_max) return false;
    return std::apply(
               [&](Ts&... one) { return (detail::take_element<Ts>(from, one, depth) && ...); },
               into) &&
           from.empty();
  }
};

template <has_serde A, has_serde B>
struct serde<std::pair<A, B>> {
  static std::string name() { return "tuple<" + serde<A>::name() + "," + serde<B>::name() + ">"; }
  static void encode(const std::pair<A, B>& value, bytes& to) {
    detail::put_element(value.first, to);
    detail::put_element(value.second, to);
  }
  static bool decode(bytes_view from, std::pair<A, B>& into, int depth = 0) {
    return depth <= detail::nesting_max && detail::take_element(from, into.first, depth) &&
           detail::take_element(from, into.second, depth) && from.empty();
  }
};

/// Structs: for each field its tag and length as varints and then its bytes. Unknown tags are
/// skipped; a field that is not there gets the value of a default-constructed struct.
template <described T>
struct serde<T> {
  static std::string name() {
    thread_local int depth = 0;
    if (depth >= 8) return "string";  // a struct that contains itself: the name must end
    ++depth;
    std::string all;
    std::uint32_t expected = 1;
    detail::each_field<T>([&](const auto& f) {
      if (!all.empty()) all += ',';
      if (f.tag != expected) all += std::to_string(f.tag) + '=';
      expected = f.tag + 1;
      all.append(f.name) += ':';
      all += serde<member_of<decltype(f)>>::name();
    });
    --depth;
    return "struct{" + all + "}";
  }

  static void encode(const T& value, bytes& to) {
    detail::each_field<T>([&](const auto& f) {
      using member = member_of<decltype(f)>;
      const member& m = value.*f.member;
      if constexpr (detail::is_optional<member>::value) {
        if (!m) return;
        detail::put_varint(f.tag, to);
        detail::put_sized(*m, to);
      } else {
        detail::put_varint(f.tag, to);
        detail::put_sized(m, to);
      }
    });
  }

  static bool decode(bytes_view from, T& into, int depth = 0) {
    if (depth > detail::nesting_max) return false;
    std::uint64_t seen = 0;
    while (!from.empty()) {
      std::uint64_t tag = 0;
      bytes_view part;
      if (!detail::take_varint(from, tag) || !detail::take_sized(from, part)) return false;
      if (!decode_field(tag, part, into, seen, depth)) return false;
    }
    if (seen != all_fields) fill_in(into, seen);
    return true;
  }

 private:
  template <class Field>
  using member_of =
      std::remove_cvref_t<decltype(std::declval<T&>().*(std::declval<Field>().member))>;

  static constexpr std::size_t field_count =
      std::tuple_size_v<std::remove_cvref_t<decltype(detail::fields_of<T>)>>;
  static_assert(field_count <= 64, "a described struct has at most 64 fields");
  static constexpr std::uint64_t all_fields =
      field_count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << field_count) - 1;

  static bool decode_field(std::uint64_t tag, bytes_view part, T& into, std::uint64_t& seen,
                           int depth) {
    bool fine = true;
    std::uint64_t bit = 1;
    detail::each_field<T>([&](const auto& f) {
      if (f.tag == tag) {
        seen |= bit;
        auto& m = into.*f.member;
        if constexpr (detail::is_optional<member_of<decltype(f)>>::value) {
          if (!m) m.emplace();
          fine = serde<std::remove_cvref_t<decltype(*m)>>::decode(part, *m, depth + 1);
        } else {
          fine = serde<member_of<decltype(f)>>::decode(part, m, depth + 1);
        }
      }
      bit <<= 1;
    });
    return fine;
  }

  static void fill_in(T& into, std::uint64_t seen) {
    static const T defaults{};
    std::uint64_t bit = 1;
    detail::each_field<T>([&](const auto& f) {
      if ((seen & bit) == 0) {
        if constexpr (detail::is_optional<member_of<decltype(f)>>::value) {
          (into.*f.member).reset();
        } else {
          into.*f.member = defaults.*f.member;
        }
      }
      bit <<= 1;
    });
  }
};

/// The bytes of a value: the string itself, or `scratch` with the value encoded into it.
template <class T>
bytes_view encoded(const T& value, bytes& scratch) {
  if constexpr (string_like<T>) {
    return value;
  } else if constexpr (std::same_as<T, no_key>) {
    return {};
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    scratch.resize(sizeof value);
    detail::store_fixed(value, scratch.data());
    return scratch;
  } else {
    scratch.clear();
    serde<T>::encode(value, scratch);
    return scratch;
  }
}

}  // namespace penstock
