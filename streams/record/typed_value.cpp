#include "streams/record/typed_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>

#include "streams/record/serde.hpp"
#include "streams/record/serde_json.hpp"
#include "streams/record/serde_text.hpp"
#include "streams/record/written_time.hpp"

namespace penstock {

namespace {

using kind = described_type::kind;
using detail::append_json;
using detail::nesting_max;
using detail::put_sized;
using detail::put_varint;
using detail::take_sized;
using detail::take_varint;

// ---- bytes -------------------------------------------------------------------------------------

std::uint64_t big_endian(bytes_view from) {
  std::uint64_t value = 0;
  for (const char c : from) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void put_big_endian(std::uint64_t value, std::size_t width, bytes& to) {
  for (std::size_t i = width; i-- > 0;) to += static_cast<char>(value >> (8 * i));
}

// An element of a list, map or tuple: as it is when its size is fixed, else behind its length.
bool take_element(const described_type& type, bytes_view& from, bytes_view& part) {
  const std::size_t width = type.fixed_size();
  if (width == 0) return take_sized(from, part);
  if (from.size() < width) return false;
  part = from.substr(0, width);
  from.remove_prefix(width);
  return true;
}

std::int64_t sign_extend(std::uint64_t value, std::size_t width) {
  const auto unused = 64 - 8 * width;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

bool fits(std::int64_t value, std::size_t width) {
  return sign_extend(static_cast<std::uint64_t>(value), width) == value;
}

bool fits(std::uint64_t value, std::size_t width) {
  return width == 8 || value >> (8 * width) == 0;
}

template <class T>
bool parse_number(bytes_view typed, T& into) {
  const auto* end = typed.data() + typed.size();
  const auto [at, failure] = std::from_chars(typed.data(), end, into);
  return failure == std::errc{} && at == end && !typed.empty();
}

// ---- to text and JSON --------------------------------------------------------------------------

bool put_scalar(const described_type& type, bytes_view from, bytes& to) {
  if (type.what == kind::string) {
    to.append(from);
    return true;
  }
  const std::size_t width = type.fixed_size();
  if (from.size() != width) return false;
  const auto bits = big_endian(from);
  const auto out = std::back_inserter(to);
  switch (type.what) {
    case kind::boolean:
      if (bits > 1) return false;
      to += bits != 0 ? "true" : "false";
      return true;
    case kind::integer:
      if (type.is_signed) {
        fmt::format_to(out, "{}", sign_extend(bits, width));
      } else {
        fmt::format_to(out, "{}", bits);
      }
      return true;
    case kind::floating:
      if (width == 4) {
        fmt::format_to(out, "{}", std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      } else {
        fmt::format_to(out, "{}", std::bit_cast<double>(bits));
      }
      return true;
    case kind::timestamp_ms:
      encode_text(from_millis(static_cast<std::int64_t>(bits)), to);
      return true;
    default:
      fmt::format_to(out, "{}", static_cast<std::int64_t>(bits));
      return true;
  }
}

bool put_elements(const described_type& type, bytes_view from, bytes& to, int depth);
bool put_structure(const described_type& type, bytes_view from, bytes& to, int depth);

bool put_json(const described_type& type, bytes_view from, bytes& to, int depth) {
  if (depth > nesting_max) return false;
  switch (type.what) {
    case kind::string:
      append_json(from, to);
      return true;
    case kind::timestamp_ms: {
      bytes text;
      if (!put_scalar(type, from, text)) return false;
      append_json(text, to);
      return true;
    }
    case kind::floating: {
      const auto before = to.size();
      if (!put_scalar(type, from, to)) return false;
      if (const auto c = to.back(); c == 'f' || c == 'n') {  // inf, nan
        to.resize(before);
        to += "null";
      }
      return true;
    }
    case kind::optional:
      if (from == bytes_view("\0", 1)) {
        to += "null";
        return true;
      }
      return !from.empty() && from[0] == 1 &&
             put_json(type.inner[0], from.substr(1), to, depth + 1);
    case kind::list:
    case kind::map:
    case kind::tuple:
      return put_elements(type, from, to, depth);
    case kind::structure:
      return put_structure(type, from, to, depth);
    default:
      return put_scalar(type, from, to);
  }
}

bool put_elements(const described_type& type, bytes_view from, bytes& to, int depth) {
  std::uint64_t count = type.inner.size();
  if (type.what != kind::tuple && !take_varint(from, count)) return false;
  // Maps are objects when their keys have a plain text, otherwise lists of pairs.
  const bool object = type.what == kind::map && type.inner[0].is_scalar();
  to += object ? '{' : '[';
  bytes_view part;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) to += ',';
    const auto& first = type.inner[type.what == kind::tuple ? i : 0];
    if (!take_element(first, from, part)) return false;
    if (type.what != kind::map) {
      if (!put_json(first, part, to, depth + 1)) return false;
      continue;
    }
    bytes key;
    if (object ? !put_scalar(first, part, key) : !put_json(first, part, key, depth + 1)) {
      return false;
    }
    if (object) {
      append_json(key, to);
      to += ':';
    } else {
      to += '[' + key + ',';
    }
    if (!take_element(type.inner[1], from, part) || !put_json(type.inner[1], part, to, depth + 1)) {
      return false;
    }
    if (!object) to += ']';
  }
  to += object ? '}' : ']';
  return from.empty();
}

// In a structure a field that may be absent is written like one that may not.
const described_type& present(const described_type& field) {
  return field.what == kind::optional ? field.inner[0] : field;
}

bool put_structure(const described_type& type, bytes_view from, bytes& to, int depth) {
  to += '{';
  bool first = true;
  while (!from.empty()) {
    std::uint64_t tag = 0;
    bytes_view part;
    if (!take_varint(from, tag) || !take_sized(from, part)) return false;
    const auto found = std::find(type.tags.begin(), type.tags.end(), tag);
    if (found == type.tags.end()) continue;  // of a newer program
    const auto i = static_cast<std::size_t>(found - type.tags.begin());
    if (!std::exchange(first, false)) to += ',';
    append_json(type.names[i], to);
    to += ':';
    if (!put_json(present(type.inner[i]), part, to, depth + 1)) return false;
  }
  to += '}';
  return true;
}

// ---- from text and JSON ------------------------------------------------------------------------

bool read_json(const described_type& type, const nlohmann::json& from, bytes& to);

bool read_text(const described_type& type, bytes_view typed, bytes& to) {
  const std::size_t width = type.fixed_size();
  switch (type.what) {
    case kind::string:
      to.append(typed);
      return true;
    case kind::boolean:
      if (typed != "true" && typed != "false") return false;
      to += typed == "true" ? '\1' : '\0';
      return true;
    case kind::integer: {
      if (type.is_signed) {
        std::int64_t value = 0;
        if (!parse_number(typed, value) || !fits(value, width)) return false;
        put_big_endian(static_cast<std::uint64_t>(value), width, to);
        return true;
      }
      std::uint64_t value = 0;
      if (!parse_number(typed, value) || !fits(value, width)) return false;
      put_big_endian(value, width, to);
      return true;
    }
    case kind::floating: {
      double value = 0;
      if (!parse_number(typed, value)) return false;
      put_big_endian(width == 4 ? std::bit_cast<std::uint32_t>(static_cast<float>(value))
                                : std::bit_cast<std::uint64_t>(value),
                     width, to);
      return true;
    }
    case kind::timestamp_ms: {
      const auto time = written_time(typed);
      if (!time) return false;
      put_big_endian(static_cast<std::uint64_t>(to_millis(*time)), 8, to);
      return true;
    }
    case kind::duration_ms: {
      std::int64_t millis = 0;
      if (!parse_number(typed, millis)) return false;
      put_big_endian(static_cast<std::uint64_t>(millis), 8, to);
      return true;
    }
    default: {
      const auto parsed = nlohmann::json::parse(typed, nullptr, false);
      return !parsed.is_discarded() && read_json(type, parsed, to);
    }
  }
}

bool read_element(const described_type& type, const nlohmann::json& from, bytes& to) {
  bytes part;
  if (!read_json(type, from, part)) return false;
  if (type.fixed_size() != 0) {
    to.append(part);
  } else {
    put_sized(part, to);
  }
  return true;
}

bool read_structure(const described_type& type, const nlohmann::json& from, bytes& to) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < type.inner.size(); ++i) {
    const auto value = from.find(type.names[i]);
    if (value == from.end()) continue;  // the reader takes the default
    ++used;
    if (type.inner[i].what == kind::optional && value->is_null()) continue;
    bytes part;
    if (!read_json(present(type.inner[i]), *value, part)) return false;
    put_varint(type.tags[i], to);
    put_sized(part, to);
  }
  return used == from.size();  // a name that the type does not have is a mistake
}

bool read_json(const described_type& type, const nlohmann::json& from, bytes& to) {
  switch (type.what) {
    case kind::optional:
      to += from.is_null() ? '\0' : '\1';
      return from.is_null() || read_json(type.inner[0], from, to);
    case kind::list:
      if (!from.is_array()) return false;
      put_varint(from.size(), to);
      return std::all_of(from.begin(), from.end(),
                         [&](const auto& value) { return read_element(type.inner[0], value, to); });
    case kind::tuple:
      if (!from.is_array() || from.size() != type.inner.size()) return false;
      for (std::size_t i = 0; i < type.inner.size(); ++i) {
        if (!read_element(type.inner[i], from[i], to)) return false;
      }
      return true;
    case kind::map:
      if (!from.is_object()) return false;
      put_varint(from.size(), to);
      for (const auto& [key, value] : from.items()) {
        if (!read_element(type.inner[0], key, to) || !read_element(type.inner[1], value, to)) {
          return false;
        }
      }
      return true;
    case kind::structure:
      return from.is_object() && read_structure(type, from, to);
    default:
      // Scalars: strings by their content, everything else as it is written.
      return read_text(type, from.is_string() ? from.get<std::string>() : from.dump(), to);
  }
}

}  // namespace

bool value_to_text(const described_type& type, bytes_view from, bytes& to) {
  return type.is_scalar() ? put_scalar(type, from, to) : put_json(type, from, to, 0);
}

bool value_to_json(const described_type& type, bytes_view from, bytes& to) {
  return put_json(type, from, to, 0);
}

bool value_from_text(const described_type& type, bytes_view typed, bytes& to) {
  return read_text(type, typed, to);
}

}  // namespace penstock
