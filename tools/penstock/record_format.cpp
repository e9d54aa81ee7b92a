#include "tools/penstock/record_format.hpp"

#include <fmt/format.h>

#include <charconv>

#include "tools/penstock/output.hpp"

namespace penstock::tool {

result<std::string> unescape(const std::string& flag, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char next = i + 1 < text.size() ? text[++i] : '\0';
    if (next == 't') {
      out += '\t';
    } else if (next == 'n') {
      out += '\n';
    } else if (next == 'r') {
      out += '\r';
    } else if (next == '0') {
      out += '\0';
    } else if (next == '\\') {
      out += '\\';
    } else if (unsigned code = 0;
               next == 'x' && i + 2 < text.size() &&
               std::from_chars(&text[i + 1], &text[i + 1] + 2, code, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      return error{errc::invalid_argument,
                   fmt::format("{} '{}': a backslash stands before t, n, r, 0, xNN or another "
                               "backslash",
                               flag, text)};
    }
  }
  return out;
}

result<record_format> record_format::parse(const std::string& format) {
  // Percent signs first, so that an escaped one stays a literal.
  record_format out;
  std::string literal;
  const auto finish_literal = [&]() -> result<void> {
    if (literal.empty()) return {};
    PENSTOCK_ASSIGN(auto text, unescape("--format", literal));
    out.pieces_.push_back({part::literal, std::move(text)});
    literal.clear();
    return {};
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      literal += format[i];
      continue;
    }
    const char next = i + 1 < format.size() ? format[++i] : '\0';
    if (next == '%') {
      literal += '%';
      continue;
    }
    static constexpr std::string_view letters = "kvtpohHT";
    static constexpr part parts[] = {part::key,           part::value,  part::time,
                                     part::partition,     part::offset, part::headers,
                                     part::kafka_headers, part::topic};
    const auto at = next == '\0' ? letters.npos : letters.find(next);
    if (at == letters.npos) {
      return error{
          errc::invalid_argument,
          fmt::format("--format '{}': behind % stands k, v, t, p, o, h, H, T or %", format)};
    }
    PENSTOCK_TRY(finish_literal());
    out.pieces_.push_back({parts[at], {}});
  }
  PENSTOCK_TRY(finish_literal());
  return out;
}

namespace {

void append_number(std::int64_t value, bytes& to) {
  const fmt::format_int digits{value};
  to.append(digits.data(), digits.size());
}

void append_or_null(const std::optional<bytes_view>& value, const rendering& as,
                    const std::string& null_as, bytes& to) {
  if (value) {
    as.to_text(*value, to);
  } else {
    to += null_as;
  }
}

void append_headers(const record_view& record, char between, bytes& to) {
  bool first = true;
  for (const auto& header : headers_of(record)) {
    if (!std::exchange(first, false)) to += ',';
    to.append(header.name);
    to += between;
    if (header.value) to.append(*header.value);
  }
}

}  // namespace

void record_format::print(const record_view& record, const context& with, bytes& to) const {
  for (const auto& each : pieces_) {
    switch (each.what) {
      case part::literal:
        to += each.text;
        break;
      case part::key:
        append_or_null(record.key, with.key, with.null_as, to);
        break;
      case part::value:
        append_or_null(record.value, with.value, with.null_as, to);
        break;
      case part::time:
        append_number(to_millis(record.time), to);
        break;
      case part::partition:
        append_number(with.partition, to);
        break;
      case part::offset:
        append_number(record.offset, to);
        break;
      case part::headers:
        if (record.header_count > 0) append_headers(record, '=', to);
        break;
      case part::kafka_headers:
        if (record.header_count > 0) {
          append_headers(record, ':', to);
        } else {
          to += "NO_HEADERS";
        }
        break;
      case part::topic:
        to += with.topic;
        break;
    }
  }
}

void print_json(const record_view& record, const record_format::context& with, bytes& to) {
  const auto value_or_null = [&](const std::optional<bytes_view>& value, const rendering& as) {
    if (value) {
      as.to_json(*value, to);
    } else {
      to += "null";
    }
  };
  to += "{\"topic\":";
  append_json_string(with.topic, to);
  to += ",\"partition\":";
  append_number(with.partition, to);
  to += ",\"offset\":";
  append_number(record.offset, to);
  to += ",\"timestamp\":";
  append_number(to_millis(record.time), to);
  to += ",\"key\":";
  value_or_null(record.key, with.key);
  to += ",\"value\":";
  value_or_null(record.value, with.value);
  if (record.header_count > 0) {
    to += ",\"headers\":[";
    bool first = true;
    static const rendering raw{"text"};
    for (const auto& header : headers_of(record)) {
      if (!std::exchange(first, false)) to += ',';
      to += "{\"name\":";
      append_json_string(header.name, to);
      to += ",\"value\":";
      value_or_null(header.value, raw);
      to += '}';
    }
    to += ']';
  }
  to += "}\n";
}

}  // namespace penstock::tool
