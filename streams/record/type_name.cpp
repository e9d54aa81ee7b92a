#include "streams/record/type_name.hpp"

#include <algorithm>
#include <cctype>

#include "streams/record/serde.hpp"
#include "streams/record/serde_json.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock {

namespace {

using kind = described_type::kind;

constexpr std::string_view binary_prefix = "binary:";

/// Reads a type's name from left to right.
class type_parser {
 public:
  explicit type_parser(std::string_view name) : all_(name), left_(name) {}

  result<described_type> whole() {
    described_type type;
    if (!parse(type, 0) || !left_.empty()) {
      return {errc::invalid_argument, "\"" + std::string{all_} +
                                          "\" is not the name of a type: unexpected at position " +
                                          std::to_string(all_.size() - left_.size())};
    }
    return type;
  }

 private:
  bool take(std::string_view word) {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  bool parse(described_type& to, int depth) {
    if (depth > detail::nesting_max) return false;
    if (take("optional<")) return inner(to, kind::optional, 1, 1, depth);
    if (take("list<")) return inner(to, kind::list, 1, 1, depth);
    if (take("map<")) return inner(to, kind::map, 2, 2, depth);
    if (take("tuple<")) return inner(to, kind::tuple, 1, 64, depth);
    if (take("struct{")) return fields(to, depth);
    return scalar(to);
  }

  bool scalar(described_type& to) {
    struct word {
      std::string_view name;
      kind what;
      std::uint8_t bytes = 0;
      bool is_signed = false;
    };
    static constexpr word words[] = {
        {"bool", kind::boolean},           {"string", kind::string},
        {"timestamp", kind::timestamp_ms}, {"duration", kind::duration_ms},
        {"i8", kind::integer, 1, true},    {"i16", kind::integer, 2, true},
        {"i32", kind::integer, 4, true},   {"i64", kind::integer, 8, true},
        {"u8", kind::integer, 1},          {"u16", kind::integer, 2},
        {"u32", kind::integer, 4},         {"u64", kind::integer, 8},
        {"f32", kind::floating, 4},        {"f64", kind::floating, 8}};
    for (const word& w : words) {
      if (!take(w.name)) continue;
      to.what = w.what;
      to.bytes = w.bytes;
      to.is_signed = w.is_signed;
      return true;
    }
    return false;
  }

  bool inner(described_type& to, kind what, std::size_t least, std::size_t most, int depth) {
    to.what = what;
    do {
      if (!parse(to.inner.emplace_back(), depth + 1)) return false;
    } while (take(","));
    return take(">") && to.inner.size() >= least && to.inner.size() <= most;
  }

  bool fields(described_type& to, int depth) {
    to.what = kind::structure;
    std::uint32_t tag = 0;
    do {
      ++tag;
      std::string_view name = identifier();
      if (!name.empty() && take("=")) {
        if (!decode_text(name, tag)) return false;
        name = identifier();
      }
      if (name.empty() || !take(":")) return false;
      to.names.emplace_back(name);
      to.tags.push_back(tag);
      if (to.names.size() > 64 || !parse(to.inner.emplace_back(), depth + 1)) return false;
    } while (take(","));
    return take("}");
  }

  std::string_view identifier() {
    std::size_t length = 0;
    while (length < left_.size() &&
           (std::isalnum(static_cast<unsigned char>(left_[length])) != 0 || left_[length] == '_')) {
      ++length;
    }
    const std::string_view found = left_.substr(0, length);
    left_.remove_prefix(length);
    return found;
  }

  std::string_view all_;
  std::string_view left_;
};

/// In a struct, a field that may be absent is written like one that may not.
const described_type& field_type(const described_type& t) {
  return t.what == kind::optional ? t.inner[0] : t;
}

bool can_read(const described_type& wanted, const described_type& written) {
  if (wanted.what != written.what || wanted.bytes != written.bytes ||
      wanted.is_signed != written.is_signed) {
    return false;
  }
  if (wanted.what != kind::structure) {
    return wanted.inner.size() == written.inner.size() &&
           std::equal(wanted.inner.begin(), wanted.inner.end(), written.inner.begin(),
                      [](const auto& a, const auto& b) { return can_read(a, b); });
  }
  for (std::size_t i = 0; i < wanted.tags.size(); ++i) {
    const auto same = std::find(written.tags.begin(), written.tags.end(), wanted.tags[i]);
    if (same == written.tags.end()) continue;
    const auto& other = written.inner[static_cast<std::size_t>(same - written.tags.begin())];
    if (!can_read(field_type(wanted.inner[i]), field_type(other))) return false;
  }
  return true;
}

}  // namespace

std::size_t described_type::fixed_size() const {
  switch (what) {
    case kind::boolean:
      return 1;
    case kind::integer:
    case kind::floating:
      return bytes;
    case kind::timestamp_ms:
    case kind::duration_ms:
      return 8;
    default:
      return 0;
  }
}

result<described_type> parse_type(std::string_view name) {
  return type_parser{name}.whole();
}

bool can_read(std::string_view wanted, std::string_view written) {
  if (wanted == written) return true;
  if (!wanted.starts_with(binary_prefix) || !written.starts_with(binary_prefix)) return false;
  const auto a = parse_type(wanted.substr(binary_prefix.size()));
  const auto b = parse_type(written.substr(binary_prefix.size()));
  return a && b && can_read(*a, *b);
}

}  // namespace penstock
