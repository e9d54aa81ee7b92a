#include "tools/penstock/binary_type.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/penstock/output.hpp"
#include "tools/penstock/topics.hpp"

namespace penstock::tool {

namespace {

constexpr int nesting_max = 48;

// ---- names of types ----------------------------------------------------------------------------

class type_parser {
 public:
  explicit type_parser(std::string_view text) : left_(text) {}

  std::shared_ptr<const binary_type> whole() {
    auto type = one(0);
    return left_.empty() ? type : nullptr;
  }

 private:
  using ptr = std::shared_ptr<const binary_type>;

  bool take(std::string_view word) {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  static ptr scalar(binary_type::kind what, std::size_t width, bool is_signed = false) {
    auto type = std::make_shared<binary_type>();
    type->what = what;
    type->width = width;
    type->is_signed = is_signed;
    return type;
  }

  ptr one(int depth) {
    using k = binary_type::kind;
    if (depth > nesting_max) return nullptr;
    if (take("optional<")) return parts(k::optional, depth, 1);
    if (take("list<")) return parts(k::list, depth, 1);
    if (take("map<")) return parts(k::map, depth, 2);
    if (take("tuple<")) return parts(k::tuple, depth, 0);
    if (take("struct{")) return structure(depth);
    static const std::vector<std::pair<std::string_view, ptr>> scalars{
        {"string", scalar(k::string, 0)},
        {"bool", scalar(k::boolean, 1)},
        {"timestamp", scalar(k::timestamp, 8)},
        {"duration", scalar(k::duration, 8)},
        {"i8", scalar(k::integer, 1, true)},
        {"i16", scalar(k::integer, 2, true)},
        {"i32", scalar(k::integer, 4, true)},
        {"i64", scalar(k::integer, 8, true)},
        {"u8", scalar(k::integer, 1)},
        {"u16", scalar(k::integer, 2)},
        {"u32", scalar(k::integer, 4)},
        {"u64", scalar(k::integer, 8)},
        {"f32", scalar(k::real, 4)},
        {"f64", scalar(k::real, 8)}};
    for (const auto& [name, type] : scalars) {
      if (take(name)) return type;
    }
    return nullptr;
  }

  ptr parts(binary_type::kind what, int depth, std::size_t count) {
    auto type = std::make_shared<binary_type>();
    type->what = what;
    while (!take(">")) {
      if (!type->parts.empty() && !take(",")) return nullptr;
      auto part = one(depth + 1);
      if (!part) return nullptr;
      type->parts.push_back(std::move(part));
    }
    return count == 0 || type->parts.size() == count ? type : nullptr;
  }

  // name:type or tag=name:type; without a tag it is one more than the tag before.
  ptr structure(int depth) {
    auto type = std::make_shared<binary_type>();
    type->what = binary_type::kind::structure;
    std::uint64_t tag = 0;
    while (!take("}")) {
      if (!type->parts.empty() && !take(",")) return nullptr;
      const auto colon = left_.find(':');
      if (colon == left_.npos) return nullptr;
      auto name = left_.substr(0, colon);
      ++tag;
      if (const auto equals = name.find('='); equals != name.npos) {
        const auto digits = name.substr(0, equals);
        const auto [end, failure] =
            std::from_chars(digits.data(), digits.data() + digits.size(), tag);
        if (failure != std::errc{} || end != digits.data() + digits.size()) return nullptr;
        name.remove_prefix(equals + 1);
      }
      if (name.empty()) return nullptr;
      left_.remove_prefix(colon + 1);
      auto part = one(depth + 1);
      if (!part) return nullptr;
      type->fields.push_back({tag, std::string{name}});
      type->parts.push_back(std::move(part));
    }
    return type;
  }

  std::string_view left_;
};

// ---- bytes -------------------------------------------------------------------------------------

std::uint64_t big_endian(bytes_view from) {
  std::uint64_t value = 0;
  for (const char c : from) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void put_big_endian(std::uint64_t value, std::size_t width, bytes& to) {
  for (std::size_t i = width; i-- > 0;) to += static_cast<char>(value >> (8 * i));
}

bool take_varint(bytes_view& from, std::uint64_t& into) {
  into = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (from.empty()) return false;
    const auto c = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    if (shift == 63 && c > 1) return false;
    into |= std::uint64_t{c & 0x7fu} << shift;
    if (c < 0x80) return true;
  }
  return false;
}

void put_varint(std::uint64_t value, bytes& to) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

bool take_sized(bytes_view& from, bytes_view& part) {
  std::uint64_t size = 0;
  if (!take_varint(from, size) || size > from.size()) return false;
  part = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

void put_sized(bytes_view part, bytes& to) {
  put_varint(part.size(), to);
  to.append(part);
}

// An element of a list, map or tuple: as it is when its size is fixed, else behind its length.
bool take_element(const binary_type& type, bytes_view& from, bytes_view& part) {
  if (type.width == 0) return take_sized(from, part);
  if (from.size() < type.width) return false;
  part = from.substr(0, type.width);
  from.remove_prefix(type.width);
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

void append_time(std::int64_t millis, bytes& to) {
  const timestamp time = from_millis(millis);
  if (time < from_millis(-62'135'596'800'000) || time > from_millis(253'402'300'799'999)) {
    fmt::format_to(std::back_inserter(to), "{}", millis);
    return;
  }
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  fmt::format_to(std::back_inserter(to), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

}  // namespace

std::shared_ptr<const binary_type> binary_type::parse(std::string_view name) {
  return type_parser{name}.whole();
}

// ---- to text and JSON --------------------------------------------------------------------------

bool binary_type::scalar_to_text(bytes_view from, bytes& to) const {
  if (what == kind::string) {
    to.append(from);
    return true;
  }
  if (from.size() != width) return false;
  const auto bits = big_endian(from);
  const auto out = std::back_inserter(to);
  switch (what) {
    case kind::boolean:
      if (bits > 1) return false;
      to += bits != 0 ? "true" : "false";
      return true;
    case kind::integer:
      if (is_signed) {
        fmt::format_to(out, "{}", sign_extend(bits, width));
      } else {
        fmt::format_to(out, "{}", bits);
      }
      return true;
    case kind::real:
      if (width == 4) {
        fmt::format_to(out, "{}", std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      } else {
        fmt::format_to(out, "{}", std::bit_cast<double>(bits));
      }
      return true;
    case kind::timestamp:
      append_time(static_cast<std::int64_t>(bits), to);
      return true;
    default:
      fmt::format_to(out, "{}", static_cast<std::int64_t>(bits));
      return true;
  }
}

bool binary_type::to_text(bytes_view from, bytes& to) const {
  const bool composed = what == kind::optional || what == kind::list || what == kind::map ||
                        what == kind::tuple || what == kind::structure;
  return composed ? to_json(from, to, 0) : scalar_to_text(from, to);
}

bool binary_type::to_json(bytes_view from, bytes& to, int depth) const {
  if (depth > nesting_max) return false;
  switch (what) {
    case kind::string:
      append_json_string(from, to);
      return true;
    case kind::timestamp: {
      bytes text;
      if (!scalar_to_text(from, text)) return false;
      append_json_string(text, to);
      return true;
    }
    case kind::real: {
      const auto before = to.size();
      if (!scalar_to_text(from, to)) return false;
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
      return !from.empty() && from[0] == 1 && parts[0]->to_json(from.substr(1), to, depth + 1);
    case kind::list:
    case kind::map:
    case kind::tuple:
      return elements_to_json(from, to, depth);
    case kind::structure:
      return structure_to_json(from, to, depth);
    default:
      return scalar_to_text(from, to);
  }
}

bool binary_type::elements_to_json(bytes_view from, bytes& to, int depth) const {
  std::uint64_t count = parts.size();
  if (what != kind::tuple && !take_varint(from, count)) return false;
  // Maps are objects when their keys have a plain text, otherwise lists of pairs.
  const bool object = what == kind::map && parts[0]->what <= kind::duration;
  to += object ? '{' : '[';
  bytes_view part;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) to += ',';
    const auto& first = what == kind::tuple ? *parts[i] : *parts[0];
    if (!take_element(first, from, part)) return false;
    if (what != kind::map) {
      if (!first.to_json(part, to, depth + 1)) return false;
      continue;
    }
    bytes key;
    if (object ? !first.scalar_to_text(part, key) : !first.to_json(part, key, depth + 1)) {
      return false;
    }
    if (object) {
      append_json_string(key, to);
      to += ':';
    } else {
      to += '[' + key + ',';
    }
    if (!take_element(*parts[1], from, part) || !parts[1]->to_json(part, to, depth + 1)) {
      return false;
    }
    if (!object) to += ']';
  }
  to += object ? '}' : ']';
  return from.empty();
}

bool binary_type::structure_to_json(bytes_view from, bytes& to, int depth) const {
  to += '{';
  bool first = true;
  while (!from.empty()) {
    std::uint64_t tag = 0;
    bytes_view part;
    if (!take_varint(from, tag) || !take_sized(from, part)) return false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].tag != tag) continue;  // unknown tags are of a newer program: left out
      if (!std::exchange(first, false)) to += ',';
      append_json_string(fields[i].name, to);
      to += ':';
      const auto& type = parts[i]->what == kind::optional ? *parts[i]->parts[0] : *parts[i];
      if (!type.to_json(part, to, depth + 1)) return false;
    }
  }
  to += '}';
  return true;
}

// ---- from text and JSON ------------------------------------------------------------------------

bool binary_type::from_text(bytes_view typed, bytes& to) const {
  switch (what) {
    case kind::string:
      to.append(typed);
      return true;
    case kind::boolean:
      if (typed != "true" && typed != "false") return false;
      to += typed == "true" ? '\1' : '\0';
      return true;
    case kind::integer: {
      if (is_signed) {
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
    case kind::real: {
      double value = 0;
      if (!parse_number(typed, value)) return false;
      put_big_endian(width == 4 ? std::bit_cast<std::uint32_t>(static_cast<float>(value))
                                : std::bit_cast<std::uint64_t>(value),
                     width, to);
      return true;
    }
    case kind::timestamp: {
      const auto time = parse_time({}, std::string{typed});
      if (!time) return false;
      put_big_endian(static_cast<std::uint64_t>(to_millis(*time)), 8, to);
      return true;
    }
    case kind::duration: {
      std::int64_t millis = 0;
      if (!parse_number(typed, millis)) return false;
      put_big_endian(static_cast<std::uint64_t>(millis), 8, to);
      return true;
    }
    default: {
      const auto parsed = nlohmann::json::parse(typed, nullptr, false);
      return !parsed.is_discarded() && from_json(parsed, to);
    }
  }
}

bool binary_type::from_json(const nlohmann::json& from, bytes& to) const {
  const auto put_element = [&to](const binary_type& type, const nlohmann::json& value) {
    bytes part;
    if (!type.from_json(value, part)) return false;
    if (type.width != 0) {
      to.append(part);
    } else {
      put_sized(part, to);
    }
    return true;
  };
  switch (what) {
    case kind::optional:
      to += from.is_null() ? '\0' : '\1';
      return from.is_null() || parts[0]->from_json(from, to);
    case kind::list:
      if (!from.is_array()) return false;
      put_varint(from.size(), to);
      for (const auto& value : from) {
        if (!put_element(*parts[0], value)) return false;
      }
      return true;
    case kind::tuple:
      if (!from.is_array() || from.size() != parts.size()) return false;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!put_element(*parts[i], from[i])) return false;
      }
      return true;
    case kind::map:
      if (!from.is_object()) return false;
      put_varint(from.size(), to);
      for (const auto& [key, value] : from.items()) {
        if (!put_element(*parts[0], key) || !put_element(*parts[1], value)) return false;
      }
      return true;
    case kind::structure: {
      if (!from.is_object()) return false;
      std::size_t used = 0;
      for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto value = from.find(fields[i].name);
        if (value == from.end()) continue;  // the reader takes the default
        ++used;
        const bool optional = parts[i]->what == kind::optional;
        if (optional && value->is_null()) continue;
        bytes part;
        if (!(optional ? *parts[i]->parts[0] : *parts[i]).from_json(*value, part)) return false;
        put_varint(fields[i].tag, to);
        put_sized(part, to);
      }
      return used == from.size();  // a name that the type does not have is a mistake
    }
    default:
      // Scalars: strings by their content, everything else as it is written.
      return from_text(from.is_string() ? from.get<std::string>() : from.dump(), to);
  }
}

}  // namespace penstock::tool
