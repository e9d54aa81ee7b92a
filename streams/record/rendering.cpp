#include "streams/record/rendering.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "streams/record/serde_json.hpp"
#include "streams/record/typed_value.hpp"

namespace penstock {

namespace {

constexpr std::string_view binary_prefix = "binary:";

void append_escaped(bytes_view value, bytes& to) {
  for (const char c : value) {
    if (c == '\\') {
      to += "\\\\";
    } else if (c >= ' ' && c <= '~') {
      to += c;
    } else {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
}

void append_base64(bytes_view value, bytes& to) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  to += "{\"base64\":\"";
  for (std::size_t i = 0; i < value.size(); i += 3) {
    const auto at = [&](std::size_t n) {
      return i + n < value.size() ? static_cast<unsigned char>(value[i + n]) : 0u;
    };
    const unsigned group = at(0) << 16 | at(1) << 8 | at(2);
    to += digits[group >> 18 & 63];
    to += digits[group >> 12 & 63];
    to += i + 1 < value.size() ? digits[group >> 6 & 63] : '=';
    to += i + 2 < value.size() ? digits[group & 63] : '=';
  }
  to += "\"}";
}

void append_text_json(bytes_view value, bytes& to) {
  if (is_utf8(value)) {
    detail::append_json(value, to);
  } else {
    append_base64(value, to);
  }
}

}  // namespace

rendering::rendering(const std::string& format) : name_(format) {
  if (format.empty() || format == "text") return;
  if (format == "json") {
    kind_ = kind::json;
  } else if (format.starts_with(binary_prefix)) {
    auto type = parse_type(std::string_view{format}.substr(binary_prefix.size()));
    if (!type) {
      kind_ = kind::unknown;
    } else if (type->what != described_type::kind::string) {
      kind_ = kind::binary;
      type_ = *std::move(type);
    }
  } else {
    kind_ = kind::unknown;
  }
}

void rendering::to_text(bytes_view value, bytes& to) const {
  switch (kind_) {
    case kind::raw:
    case kind::json:
      to.append(value);
      return;
    case kind::binary: {
      const auto before = to.size();
      if (value_to_text(type_, value, to)) return;
      to.resize(before);
      [[fallthrough]];
    }
    case kind::unknown:
      append_escaped(value, to);
  }
}

void rendering::to_json(bytes_view value, bytes& to) const {
  switch (kind_) {
    case kind::raw:
      append_text_json(value, to);
      return;
    case kind::json:
      // In one line, and only when it really is JSON.
      if (const auto parsed = nlohmann::json::parse(value, nullptr, false);
          !parsed.is_discarded()) {
        to += parsed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      } else {
        append_text_json(value, to);
      }
      return;
    case kind::binary: {
      const auto before = to.size();
      if (value_to_json(type_, value, to)) return;
      to.resize(before);
      [[fallthrough]];
    }
    case kind::unknown:
      append_base64(value, to);
  }
}

result<void> rendering::from_text(bytes_view typed, bytes& to) const {
  const auto refuse = [&](const std::string& wanted) {
    bytes shown;
    append_escaped(typed.substr(0, 60), shown);
    return error{errc::bad_record,
                 fmt::format("\"{}{}\" is not {}", shown, typed.size() > 60 ? "…" : "", wanted)};
  };
  switch (kind_) {
    case kind::raw:
      to.append(typed);
      return {};
    case kind::json:
      if (!nlohmann::json::accept(typed)) return refuse("JSON");
      to.append(typed);
      return {};
    case kind::binary:
      if (!value_from_text(type_, typed, to)) return refuse("of the topic's format " + name_);
      return {};
    case kind::unknown:
      break;
  }
  return error{errc::type_mismatch,
               fmt::format("the topic's format {} is not known to this version: write with the "
                           "program that made it, or use a newer one",
                           name_)};
}

bool is_utf8(bytes_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

result<void> check_format(const std::string& format) {
  if (format == "text" || format == "json") return {};
  if (format.starts_with(binary_prefix) &&
      parse_type(std::string_view{format}.substr(binary_prefix.size()))) {
    return {};
  }
  return error{errc::invalid_argument,
               fmt::format("format \"{}\" is not known: write text, json, or binary: and a type "
                           "(string, bool, i8 to i64, u8 to u64, f32, f64, timestamp, duration, "
                           "optional<…>, list<…>, map<…,…>, tuple<…>, struct{{name:type,…}})",
                           format)};
}

}  // namespace penstock
