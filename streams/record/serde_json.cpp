#include "streams/record/serde_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace penstock::detail {

using json = nlohmann::json;

namespace {

const json& node_of(const void* p) {
  return *static_cast<const json*>(p);
}

/// Length of the UTF-8 sequence at the front; 0 when it is not one (overlong, surrogate, cut).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) return tail(1) ? 2 : 0;
  if ((byte(0) & 0xf0) == 0xe0) {
    if (!tail(1) || !tail(2)) return 0;
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
    if (byte(0) == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

void append_escape(unsigned char c, bytes& to) {
  switch (c) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    default:
      break;
  }
  constexpr char digits[] = "0123456789abcdef";
  to += "\\u00";
  to += digits[c >> 4];
  to += digits[c & 15];
}

/// Whether brackets nest no deeper than values may: the stack of the readers is finite.
bool shallow(bytes_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > 4 * nesting_max) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

}  // namespace

void append_json(std::string_view text, bytes& to) {
  to += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      to += "\xef\xbf\xbd";
    } else if (c < 0x20 || c == '"' || c == '\\') {
      append_escape(c, to);
    } else {
      to.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  to += '"';
}

void append_json(double value, bytes& to) {
  if (std::isfinite(value)) {
    append_text(value, to);
  } else {
    to += "null";
  }
}

bool json_value::is_null() const {
  return node_of(node_).is_null();
}
bool json_value::is_array() const {
  return node_of(node_).is_array();
}
bool json_value::is_object() const {
  return node_of(node_).is_object();
}

bool json_value::get(bool& into) const {
  const json& n = node_of(node_);
  if (!n.is_boolean()) return false;
  into = n.get<bool>();
  return true;
}

bool json_value::get(std::int64_t& into) const {
  const json& n = node_of(node_);
  if (!n.is_number_integer()) return false;
  if (n.is_number_unsigned() && n.get<std::uint64_t>() > INT64_MAX) return false;
  into = n.get<std::int64_t>();
  return true;
}

bool json_value::get(std::uint64_t& into) const {
  const json& n = node_of(node_);
  if (!n.is_number_unsigned()) return false;
  into = n.get<std::uint64_t>();
  return true;
}

bool json_value::get(double& into) const {
  const json& n = node_of(node_);
  if (n.is_null()) {  // how a number that is not finite was written
    into = std::nan("");
    return true;
  }
  if (!n.is_number()) return false;
  into = n.get<double>();
  return true;
}

bool json_value::get(std::string_view& into) const {
  const json& n = node_of(node_);
  if (!n.is_string()) return false;
  into = n.get_ref<const std::string&>();
  return true;
}

std::size_t json_value::size() const {
  const json& n = node_of(node_);
  return n.is_structured() ? n.size() : 0;
}

json_value json_value::at(std::size_t index) const {
  return json_value{&node_of(node_)[index]};
}

std::optional<json_value> json_value::find(std::string_view name) const {
  const json& n = node_of(node_);
  if (!n.is_object()) return std::nullopt;
  const auto found = n.find(std::string{name});
  if (found == n.end()) return std::nullopt;
  return json_value{&*found};
}

bool json_value::each_member(void* context, bool (*f)(void*, std::string_view, json_value)) const {
  for (const auto& [name, value] : node_of(node_).items()) {
    if (!f(context, name, json_value{&value})) return false;
  }
  return true;
}

struct json_document::held {
  json root;
};

json_document::json_document(std::unique_ptr<held> h) : held_(std::move(h)) {}
json_document::json_document(json_document&&) noexcept = default;
json_document& json_document::operator=(json_document&&) noexcept = default;
json_document::~json_document() = default;

std::optional<json_document> json_document::parse(bytes_view text) {
  if (!shallow(text)) return std::nullopt;
  auto root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return std::nullopt;
  return json_document{std::make_unique<held>(held{std::move(root)})};
}

json_value json_document::root() const {
  return json_value{&held_->root};
}

}  // namespace penstock::detail
